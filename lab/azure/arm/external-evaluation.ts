/**
 * A policy of Azure's with an external evaluation: a change that it matches is refused until it comes with the token of an
 * evaluation of this very change.
 *
 * Microsoft.Authorization 2025-03-01, `acquirePolicyToken`; the refusal as clients of Azure's read it.
 * @module
 */
import { createHash, randomUUID } from 'node:crypto'
import { json, type Answer, type Call } from '../../server/call.ts'
import { armError } from './answers.ts'
import type { LabIdentity } from '../../personas.ts'

/** The policy that is assigned. */
export interface EvaluationPolicy {
  /** Part of the paths of the changes that it matches. */
  readonly match: string
  /** The evaluation comes out against every change, in these words. */
  readonly against?: string
  /** How often it answers that the evaluation goes on. */
  readonly polls?: number
  /** Where the evaluation is looked at, instead of at Resource Manager. */
  readonly elsewhere?: string
  /** A change needs a reference, too. */
  readonly changeReference?: boolean
  /** No token is good enough; the refusal repeats the one that came. */
  readonly acceptsNone?: boolean
  /** A change with its token is answered with this status and an error that repeats the token. */
  readonly fails?: number
}

export interface ExternalEvaluation {
  /** Null: there is none. */
  assign(policy: EvaluationPolicy | null): void
  /** The tokens that were given. */
  tokens(): readonly string[]
  /** Null if the policy lets the call through, or does not match it. */
  answer(call: Call, by: LabIdentity): Promise<Answer | null>
}

const ACQUIRE = /^\/subscriptions\/[^/]+\/providers\/microsoft\.authorization\/acquirepolicytoken$/i
const RESULT = /\/providers\/microsoft\.authorization\/policytokenresults\/([\w-]+)$/i
const HEADER = 'x-ms-policy-external-evaluations'

interface Question {
  readonly operation: {
    readonly uri: string
    readonly httpMethod: string
    readonly content?: unknown
  }
}

/** What a token is bound to. */
function bindingOf(by: LabIdentity, method: string, uri: string, content: unknown): string {
  const text = JSON.stringify([by.oid, method.toUpperCase(), uri, content ?? null])
  return createHash('sha256').update(text).digest('base64url')
}

export function createExternalEvaluation(origin: string): ExternalEvaluation {
  let policy: EvaluationPolicy | null = null
  const tokens: string[] = []
  const running = new Map<string, { left: number; readonly token: string }>()

  function resultOf(token: string, { against }: EvaluationPolicy): Answer {
    const expiration = new Date(Date.now() + 3_600_000).toISOString()
    if (against !== undefined) {
      const results = [{ result: 'Failed', message: against }]
      return json(200, { result: 'Failed', message: 'an evaluation was against it', results })
    }
    tokens.push(token)
    return json(200, { result: 'Succeeded', token, tokenId: randomUUID(), expiration })
  }

  function goesOn(id: string, left: number, { elsewhere }: EvaluationPolicy): Answer {
    const at = `${elsewhere ?? origin}/providers/Microsoft.Authorization/policyTokenResults/${id}?api-version=2025-03-01`
    return { status: 202, headers: { location: at, 'retry-after': left > 1 ? '1' : '0' } }
  }

  async function acquire(call: Call, by: LabIdentity, asked: EvaluationPolicy): Promise<Answer> {
    const text = (await call.body()).content?.toString('utf8') ?? ''
    const { operation } = JSON.parse(text) as Question
    const { httpMethod, uri, content } = operation
    const token = `PoP ${bindingOf(by, httpMethod, uri, content)}`
    if (asked.polls === undefined) return resultOf(token, asked)
    const id = randomUUID()
    running.set(id, { left: asked.polls, token })
    return goesOn(id, asked.polls, asked)
  }

  function look(id: string, asked: EvaluationPolicy): Answer {
    const one = running.get(id)
    if (one === undefined) return json(404, { error: { code: 'NotFound', message: 'no such' } })
    one.left -= 1
    return one.left > 0 ? goesOn(id, one.left, asked) : resultOf(one.token, asked)
  }

  function refusal(asked: EvaluationPolicy, given: string): Answer {
    const missingPolicyTokenDetails = {
      shouldDeny: true,
      endpointKind: 'CoinFlip',
      endpointResultLifespan: 'PT1H',
      isChangeReferenceRequired: asked.changeReference === true,
    }
    const info = {
      policyAssignmentName: 'evaluated',
      evaluationDetails: { missingPolicyTokenDetails },
    }
    const message = `Resource was disallowed by policy.${given === '' ? '' : ` Token ${given}.`}`
    return json(403, {
      error: {
        code: 'RequestDisallowedByPolicy',
        message,
        additionalInfo: [{ type: 'PolicyViolation', info }],
      },
    })
  }

  return {
    assign: (next) => void (policy = next),
    tokens: () => tokens,
    async answer(call, by) {
      if (policy === null) return null
      const { method, path, headers } = call
      if (method === 'POST' && ACQUIRE.test(path)) return acquire(call, by, policy)
      const id = RESULT.exec(path)?.[1]
      if (id !== undefined) return look(id, policy)
      if (method === 'GET' || method === 'HEAD' || !path.includes(policy.match)) return null
      const given = String(headers[HEADER] ?? '')
      const text = (await call.body()).content?.toString('utf8') ?? ''
      const content: unknown = text === '' ? null : JSON.parse(text)
      const uri = `${origin}${call.raw.request.url ?? ''}`
      const isGood =
        given === `PoP ${bindingOf(by, method, uri, content)}` && tokens.includes(given)
      if (!isGood || policy.acceptsNone === true) return refusal(policy, given)
      return policy.fails === undefined ? null : armError(policy.fails, 'Broken', `with ${given}`)
    },
  }
}
