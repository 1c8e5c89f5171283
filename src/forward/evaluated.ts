/**
 * A change that a policy of Azure's refused for want of a policy token: it is asked for once, for the bytes that were sent.
 * Whatever comes of it, the caller is answered by Azure: by the change with the token, or by its refusal.
 * @module
 */
import type { PolicyTokenUse, Progress } from '../exchange.ts'
import type { Reply } from '../http/reply.ts'
import type { ReadGrant } from '../token/grant.ts'
import { answerOf, type UpstreamAnswer } from './answer-body.ts'
import { upstreamIds } from './headers.ts'
import {
  missingToken,
  withHint,
  type AcquirePolicyToken,
  type EvaluatedCall,
} from './policy-token.ts'
import { documentOf } from './upstream-failure.ts'

/** A change that Azure refused with 403. */
export interface RefusedChange {
  readonly grant: ReadGrant
  readonly answer: UpstreamAnswer
  /** As it was sent, or why it cannot be sent again. */
  readonly sent: EvaluatedCall | { readonly why: string }
  /** That it was sent with; null for none. */
  readonly policyToken: string | null
  readonly progress: Pick<Progress, 'policyToken'>
  readonly reply: Pick<Reply, 'onceClosed'>
}

/** What came of it: the token to send the change with, if there is one, and the answer to pass on if not. */
export type Evaluated = { readonly answer: UpstreamAnswer } & (
  { readonly token: string; readonly use: PolicyTokenUse } | { readonly token: null }
)

/** Asks for the policy token that a change misses, if it misses one. */
export async function evaluated(
  { grant, answer, sent, policyToken, progress, reply }: RefusedChange,
  acquire: AcquirePolicyToken,
): Promise<Evaluated> {
  const { statusCode, headers } = answer
  const body = hidden((await documentOf(answer)) ?? Buffer.alloc(0), policyToken)
  const pass = (bytes: Buffer): Evaluated => ({
    token: null,
    answer: answerOf(statusCode, headers, bytes),
  })
  const missing = missingToken(body)
  if (missing === null) return pass(body)
  if (policyToken !== null)
    return pass(withHint(body, 'azure gave a policy token for this change and did not accept it'))
  const first = { status: statusCode, ids: upstreamIds(headers) }
  progress.policyToken({ outcome: 'asked', why: null, first })
  const gone = new AbortController()
  reply.onceClosed(() => gone.abort())
  const acquired = missing.wantsChangeReference
    ? { why: 'the policy asks for the reference of a change, which the gateway cannot give' }
    : 'why' in sent
      ? sent
      : await acquire(grant, sent, gone.signal)
  if ('token' in acquired)
    return { ...pass(body), token: acquired.token, use: { outcome: 'sent', why: null, first } }
  // the record of a caller who has gone is written
  if (!gone.signal.aborted) progress.policyToken({ outcome: 'none', why: acquired.why, first })
  return pass(withHint(body, `no policy token for this change: ${acquired.why}`))
}

/** An error that could repeat the token that the change was sent with, without it. */
export async function withoutToken(answer: UpstreamAnswer, token: string): Promise<UpstreamAnswer> {
  const body = await documentOf(answer)
  return answerOf(answer.statusCode, answer.headers, hidden(body ?? Buffer.alloc(0), token))
}

function hidden(body: Buffer, token: string | null): Buffer {
  // its scheme may be left out, and it may stand in JSON, where its characters need no escape
  const secret = token?.slice(token.lastIndexOf(' ') + 1) ?? ''
  if (secret === '' || !body.includes(secret)) return body
  return Buffer.from(body.toString('utf8').replaceAll(secret, '(hidden)'))
}
