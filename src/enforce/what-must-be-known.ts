/**
 * Whether policy tells apart what a call is about, and what it needs to know for that.
 * @module
 */
import { isDescribed, readingsOf } from '../azureml/body/aliases.ts'
import type { Operation } from '../vocabulary/operation.ts'
import { Refusal } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { Principal } from '../identity/principal.ts'
import type { DocumentNeeds, NeedsDocument } from '../policy/engine/what-policy-asks.ts'
import type { Decide, Facts } from '../policy/decide.ts'

/** A call whose caller and meaning are known. */
export type Judgeable = Exchange & { readonly principal: Principal; readonly operation: Operation }

export function isJudgeable(exchange: Exchange): exchange is Judgeable {
  return exchange.principal !== null && exchange.operation !== null
}

/** In whose form a call's documents are: those of the management front end are ARM's. Null for what has none. */
export function formOf({ target, operation }: Exchange): 'arm' | 'data plane' | null {
  if (operation === null) return null
  if (operation.family === 'arm' || target?.segments[0]?.toLowerCase() === 'mferp') return 'arm'
  return isDescribed(operation) ? 'data plane' : null
}

/**
 * How policy tells apart what a call of the data plane is about, under any of its names.
 * @param collection the call is about more than one thing, or does not say which
 * @returns null if all of it is alike to this caller
 * @throws {Refusal} `policy_refused` if policy asks for what the data plane does not tell
 */
export function apartOf(
  needsDocument: NeedsDocument,
  { principal, operation }: Judgeable,
  collection: boolean,
): DocumentNeeds | null {
  const reads = operation.effect === 'read'
  const names = reads ? [operation, ...readingsOf(operation)] : [operation]
  const aparts = names.flatMap((name) => needsDocument(principal, name, collection) ?? [])
  if (aparts.length === 0) return null
  const named = aparts.some((apart) => apart.named)
  const policies = [...new Set(aparts.flatMap((apart) => apart.policies))]
  const asked = aparts.flatMap(({ facts }) => (facts === null ? [null] : [...facts]))
  const other = asked.find((fact) => fact !== 'tags')
  if (reads && other !== undefined) {
    const what = other === null ? 'all facts' : `"${other}"`
    const message = `policy asks for ${what} here, of which the data plane tells tags only`
    throw new Refusal('policy_refused', message, {
      policies,
      remedy: 'ask azure resource manager for jobs and assets',
    })
  }
  // a change to a run has no compute, image or path that a policy could be about
  const tags = asked.some((fact) => fact === null || fact === 'tags')
  return tags || named ? { facts: new Set(tags ? ['tags'] : []), named, policies } : null
}

/** A verdict that is a refusal. */
export type Refused = Extract<ReturnType<Decide>, { readonly permit: null }>

/** Why a thing may not be read under one of these names, each of which it has besides its own; null if it may. */
export function forbiddenAs(
  decide: Decide,
  principal: Principal,
  names: readonly Operation[],
  facts: Facts,
): Refused | null {
  for (const name of names) {
    const verdict = decide(principal, name, facts)
    if (verdict.permit !== null) continue
    // that nothing permits it there is no reason: it was not asked for by that name
    if (verdict.decision.policies.length > 0 || verdict.refusal.code !== 'policy_refused')
      return verdict
  }
  return null
}
