/**
 * Grants by HTTP: the calls under `/_harness/api/grants`, each judged and recorded like any call.
 * @module
 */
import type { OwnCall, OwnCalls } from '../../access/own-calls.ts'
import { LedgerFault } from '../../approvals/ledger/ledger.ts'
import type { Target } from '../../azureml/target.ts'
import { Refusal } from '../../errors.ts'
import type { Principal } from '../../identity/principal.ts'
import { grantOperation } from '../../policy/by-requests.ts'
import { ask } from './ask.ts'
import { decide, extend } from './decide.ts'
import { foundGrant, ownDecision, seenBy, type GrantCallOptions } from './seen.ts'
import { stateOf, summaryOfGrant, viewOfGrant } from './view.ts'

const STATES = ['open', 'active', 'denied', 'ended', 'expired', 'void', 'damaged']

/** Null if the target is none of theirs. */
export function createGrantCalls(options: GrantCallOptions): OwnCalls {
  return (target, principal, call) => {
    const [first, api, grants, id, what, ...more] = target.segments
    if (first !== '_harness' || api !== 'api' || grants !== 'grants') return null
    const isPost = target.method === 'POST'
    if (id === undefined && isPost) return available(ask(options, principal, call))
    if (id === undefined) return expectGet(target, () => list(options, target, principal))
    if (what === undefined) return expectGet(target, () => available(show(options, id, principal)))
    if ((what !== 'verdicts' && what !== 'extensions') || more.length > 0)
      throw new Refusal('unknown_operation', 'the gateway has no such route of its own')
    if (!isPost) throw new Refusal('method_not_allowed', `${what} of grants are sent with POST`)
    const said = what === 'verdicts' ? decide : extend
    return available(said(options, id, principal, call))
  }
}

function expectGet<T>({ method }: Target, make: () => T): T {
  if (method !== 'GET') throw new Refusal('method_not_allowed', 'grants are read with GET')
  return make()
}

/** A ledger that does not answer is told as what it is, while the call is judged and while it is answered. */
async function available(call: Promise<OwnCall>): Promise<OwnCall> {
  const own = await call.catch(unavailable)
  return { ...own, answer: async () => Promise.resolve(own.answer()).catch(unavailable) }
}

function unavailable(error: unknown): never {
  if (!(error instanceof LedgerFault)) throw error
  throw new Refusal('approvals_unavailable', error.message, {
    retryAfter: 5,
    remedy: 'try again; if it lasts, tell the operators of this gateway',
    cause: error,
  })
}

async function show(options: GrantCallOptions, id: string, principal: Principal): Promise<OwnCall> {
  const seen = await foundGrant(options, id, principal)
  return {
    operation: grantOperation('read', seen.grant.request.resource),
    decision: seen.decision,
    answer: () => viewOfGrant(seen),
  }
}

function list(options: GrantCallOptions, { params }: Target, principal: Principal): OwnCall {
  const state = params.get('state') ?? 'current'
  const to = params.get('to') ?? 'all'
  if (state !== 'all' && state !== 'current' && !STATES.includes(state))
    throw new Refusal('bad_query', `"state" is one of ${STATES.join(', ')}, current or all`)
  if (!['all', 'me', 'mine'].includes(to))
    throw new Refusal('bad_query', '"to" is me (to decide), mine (held or asked for) or all')
  return {
    operation: grantOperation('read', null),
    decision: ownDecision(options),
    async answer() {
      const all = await options.known.read().catch(unavailable)
      const value = [...all.values()]
        .flatMap((grant) => seenBy(options, grant, principal) ?? [])
        .filter((seen) => {
          const own = stateOf(seen)
          return state === 'current'
            ? own === 'open' || own === 'active'
            : state === 'all' || own === state
        })
        .filter(
          ({ mayApprove, isHolder, grant }) =>
            to === 'all' ||
            (to === 'me' ? mayApprove : isHolder || grant.request.by === principal.id),
        )
        .toSorted(({ grant: one }, { grant: other }) => other.request.iat - one.request.iat)
        .map(summaryOfGrant)
      return { value }
    },
  }
}
