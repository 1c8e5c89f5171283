/**
 * What callers do with the gateway itself, as policy judges it: an own action on a place at Azure, or on the gateway.
 * @module
 */
import type { Refusal } from '../errors.ts'
import type { Principal } from '../identity/principal.ts'
import type { Decide, Decision, Facts } from '../policy/decide.ts'
import { covers } from '../policy/engine/covers.ts'
import { ancestorsOf, isOneOf, principalUids } from '../policy/engine/entities.ts'
import type { PolicySet } from '../policy/load/rules.ts'
import { OWN_PROVIDER } from '../vocabulary/actions.ts'
import type { Operation } from '../vocabulary/operation.ts'
import { GATEWAY } from '../vocabulary/resource-types.ts'

/** Own actions that are asked for here, without their provider. */
export type OwnAction = 'records/read' | 'policy/read' | 'state/read'

export interface JudgeOptions {
  readonly decide: Decide
  readonly current: () => PolicySet
  /** Facts of a call that the gateway answers itself. */
  readonly callFacts: (principal: Principal) => Facts
}

/** @param place ARM id of a workspace, registry, resource group or subscription; null for the gateway itself */
export function operationOf(action: OwnAction, place: string | null): Operation {
  const [nearest, ...around] = place === null ? [] : ancestorsOf(place)
  return {
    action: `${OWN_PROVIDER}/${action}`,
    effect: 'read',
    resource:
      nearest === undefined
        ? { ...GATEWAY, ancestors: [] }
        : { ...nearest, ancestors: [...around, GATEWAY] },
    family: 'harness',
    secrets: false,
    longRunning: false,
    scope: place,
    inspectable: false,
  }
}

/** The decision if policy permits it, otherwise its refusal. */
export function judged(
  { decide, callFacts }: JudgeOptions,
  principal: Principal,
  action: OwnAction,
  place: string | null,
): { readonly decision: Decision; readonly refusal: Refusal | null } {
  const verdict = decide(principal, operationOf(action, place), callFacts(principal))
  const refusal = verdict.permit === null && 'refusal' in verdict ? verdict.refusal : null
  return { decision: verdict.decision, refusal }
}

/** Whether policy permits it on a place, asked once for each place. */
export function createMay(
  options: JudgeOptions,
  principal: Principal,
  action: OwnAction,
): (place: string | null) => boolean {
  const known = new Map<string | null, boolean>()
  return (place) => {
    let may = known.get(place)
    if (may === undefined) {
      const { refusal } = judged(options, principal, action, place)
      may = refusal === null
      known.set(place, may)
    }
    return may
  }
}

/** Ids of all on which some rule could permit it to the caller, with what is inside; null for anything. */
export function placesWith(
  set: PolicySet,
  principal: Principal,
  action: OwnAction,
): readonly string[] | null {
  const { words, rules } = set
  const wanted = words.actions.find(({ id }) => id === `${OWN_PROVIDER}/${action}`)
  if (wanted === undefined) throw new TypeError(`no action ${action}`)
  const uids = principalUids(principal)
  const places: string[] = []
  for (const { policy, principal: whom, resource, shadow } of rules.values()) {
    if (shadow || policy.effect !== 'permit' || !covers(policy, wanted, words.resourceTypes))
      continue
    if (whom !== null && !isOneOf(whom, uids)) continue
    if (resource === null || resource.type === GATEWAY.type) return null
    places.push(resource.id)
  }
  return [...new Set(places)].toSorted()
}

/** The decision on what needs no policy, because it concerns the caller alone. */
export function ownDecision(version: string, reason: string): Decision {
  return {
    verdict: 'permit',
    policies: [],
    reason,
    version,
    shadow: [],
    facts: {},
    memberships: [],
  }
}
