/**
 * Policy tokens of Azure: a policy with an external evaluation refuses a change until its caller has had it evaluated,
 * and lets it through with the token of that evaluation. The token is bound to the bytes of the change, which effects may
 * have changed, so the gateway has to ask for it itself.
 *
 * Microsoft.Authorization 2025-03-01, `PolicyTokens_Acquire`; its clients are externalEvaluationPolicy of
 * @azure/core-rest-pipeline and the azapi provider of Terraform.
 * @module
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import { retryAfterMs } from '../lib/http.ts'
import { isObject } from '../lib/strict-json.ts'
import type { ReadGrant } from '../token/grant.ts'
import { readUpTo } from './answer-body.ts'

/** The header that brings the token. Callers' own never passes: headers.ts does not know it. */
export const POLICY_TOKEN_HEADER = 'x-ms-policy-external-evaluations'

const API_VERSION = '2025-03-01'
const SUBSCRIPTION = /^\/subscriptions\/[^/?]+(?=\/)/i
const MAX_ANSWER_BYTES = 256 * 1024
/** What a header can carry, and what Azure takes of all headers together. */
const TOKEN = /^[\x21-\x7e][\x20-\x7e]{0,16383}$/
const MAX_WORDS = 256
/** For all of an evaluation: a caller waits for it besides the call. */
const MAX_EVALUATION_MS = 30_000
/** Between two looks at an evaluation that goes on, unless Azure says how long. */
const POLL_MS = 2_000
const MIN_POLL_MS = 200

/** What a 403 of Azure's says of a policy token. */
export interface MissingToken {
  /** The policy wants a reference to a change besides, which only the caller could name. */
  readonly wantsChangeReference: boolean
}

/** A change that is to be evaluated, as it was sent. */
export interface EvaluatedCall {
  readonly origin: string
  /** With its query. */
  readonly path: string
  readonly method: string
  /** Null if it has none. */
  readonly body: Buffer | null
  /** Joins the question to the decision in Azure's own logs. */
  readonly decision: string
}

/** The token, or why there is none: words for the caller, without anything secret. */
export type Acquired = { readonly token: string } | { readonly why: string }

/**
 * Asks Azure to evaluate a change, under the identity that makes it. Never rejects.
 * @param signal ends it: the caller has gone
 */
export type AcquirePolicyToken = (
  grant: ReadGrant,
  call: EvaluatedCall,
  signal: AbortSignal,
) => Promise<Acquired>

/** @returns null for any other answer than a refusal for want of a policy token */
export function missingToken(body: Buffer): MissingToken | null {
  const document = parse(body)
  const error = isObject(document) ? document['error'] : null
  if (!isObject(error) || error['code'] !== 'RequestDisallowedByPolicy') return null
  const { additionalInfo } = error
  for (const item of Array.isArray(additionalInfo) ? additionalInfo : []) {
    const info: unknown = isObject(item) ? item['info'] : null
    if (!isObject(info)) continue
    // clients of Azure's look for it in either place
    for (const details of [info['evaluationDetails'], info]) {
      const missing = isObject(details) ? details['missingPolicyTokenDetails'] : null
      if (isObject(missing) && missing['shouldDeny'] === true)
        return { wantsChangeReference: missing['isChangeReferenceRequired'] === true }
    }
  }
  return null
}

/** Azure's own refusal, whose message ends with what the gateway has to say of it. */
export function withHint(body: Buffer, hint: string): Buffer {
  const document = parse(body)
  if (!isObject(document) || !isObject(document['error'])) return body
  const { message, ...rest } = document['error']
  const text = typeof message === 'string' ? `${message} ` : ''
  return Buffer.from(
    JSON.stringify({ ...document, error: { ...rest, message: `${text}(gateway: ${hint})` } }),
  )
}

/** @param callTimeoutMs how long any call may take */
export function createAcquirePolicyToken(
  dispatcher: Dispatcher,
  userAgent: string,
  callTimeoutMs: number,
): AcquirePolicyToken {
  const timeoutMs = Math.min(callTimeoutMs, MAX_EVALUATION_MS)
  return async (grant, call, signal) => {
    const subscription = SUBSCRIPTION.exec(call.path)?.[0]
    if (subscription === undefined) return { why: 'the call is of no subscription' }
    const question = questionOf(call)
    if (question === null) return { why: 'its body is no text that could be evaluated' }
    const ends = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
    const first: Step = {
      method: 'POST',
      path: `${subscription}/providers/Microsoft.Authorization/acquirePolicyToken?api-version=${API_VERSION}`,
    }
    const ask = async ({ method, path }: Step): Promise<Evaluation> => {
      const answer = await dispatcher.request({
        origin: call.origin,
        path,
        method,
        headers: {
          accept: 'application/json',
          'accept-encoding': 'identity',
          authorization: grant.authorization(),
          'user-agent': userAgent,
          'x-ms-correlation-request-id': call.decision,
          ...(method === 'POST'
            ? { 'content-type': 'application/json', 'x-ms-force-sync': 'true' }
            : {}),
        },
        body: method === 'POST' ? question : null,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        signal: ends,
      })
      const { statusCode: status, headers } = answer
      const body = await readUpTo(answer.body, MAX_ANSWER_BYTES)
      return { status, headers, document: body === null ? undefined : parse(body) }
    }
    try {
      let step = first
      for (;;) {
        const evaluation = await ask(step)
        if (evaluation.status !== 202) return acquiredBy(evaluation)
        const next = nextStep(evaluation, step, call.origin)
        if (next === null) return { why: 'azure said to wait at a place that is not its own' }
        step = next
        const told = retryAfterMs(textOf(evaluation.headers['retry-after']), Date.now()) ?? POLL_MS
        const wait = Math.min(Math.max(told, MIN_POLL_MS), timeoutMs)
        await delay(wait, undefined, { signal: ends })
      }
    } catch {
      return { why: ends.aborted ? 'it was not evaluated in time' : 'azure could not be asked' }
    }
  }
}

interface Step {
  readonly method: 'POST' | 'GET'
  /** With its query. */
  readonly path: string
}

interface Evaluation {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Undefined if it was not JSON. */
  readonly document: unknown
}

/** Where an evaluation that goes on is looked at: where Azure says, at Azure's own origin, or with the same question. */
function nextStep({ headers }: Evaluation, step: Step, origin: string): Step | null {
  const location = textOf(headers['location'])
  if (location === undefined) return step
  const url = URL.canParse(location, origin) ? new URL(location, origin) : null
  return url?.origin === new URL(origin).origin
    ? { method: 'GET', path: `${url.pathname}${url.search}` }
    : null
}

function acquiredBy({ status, document }: Evaluation): Acquired {
  if (status !== 200) return { why: `azure answered ${status} to the question for a policy token` }
  const { result, token } = isObject(document) ? document : {}
  if (result === 'Succeeded' && typeof token === 'string' && TOKEN.test(token)) return { token }
  const words = wordsOf(document)
  return { why: words === '' ? 'azure gave no policy token' : `azure evaluated: ${words}` }
}

/** What Azure says about an evaluation that came out against the change. */
function wordsOf(document: unknown): string {
  if (!isObject(document)) return ''
  const results: readonly unknown[] = Array.isArray(document['results']) ? document['results'] : []
  const messages = [document, ...results].flatMap((one) => {
    const message = isObject(one) ? one['message'] : null
    return typeof message === 'string' && message !== '' ? [message] : []
  })
  // the first line: what follows could be anything
  return (/^[^\r\n]*/.exec([...new Set(messages)].join('; '))?.[0] ?? '').slice(0, MAX_WORDS)
}

/** The body of the question; what is to be evaluated stands in it byte for byte. Null for bytes that are no text. */
function questionOf({ origin, path, method, body }: EvaluatedCall): Buffer | null {
  const operation = JSON.stringify({ uri: `${origin}${path}`, httpMethod: method })
  if (body === null || body.byteLength === 0) return Buffer.from(`{"operation":${operation}}`)
  let content = body
  if (parse(body) === undefined) {
    const text = body.toString('utf8')
    if (!Buffer.from(text).equals(body)) return null
    content = Buffer.from(JSON.stringify(text))
  }
  return Buffer.concat([
    Buffer.from(`{"operation":${operation.slice(0, -1)},"content":`),
    content,
    Buffer.from('}}'),
  ])
}

function textOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined
}

/** The value that a body has as JSON; undefined if it has none. */
function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}
