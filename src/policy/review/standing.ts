/**
 * What one caller has: which bindings count, what a template would add, and what would permit a call.
 * @module
 */
import type { Operation } from '../../vocabulary/operation.ts'
import type { Principal } from '../../identity/principal.ts'
import { createDecide } from '../decide.ts'
import { actionsOf } from '../engine/covers.ts'
import { contextOf, principalUids, resourceUids } from '../engine/entities.ts'
import { createNeeded, placeOf } from '../engine/refusal-advice.ts'
import type { Facts } from '../facts.ts'
import type { Binding } from '../load/bindings.ts'
import type { Uid } from '../load/conditions.ts'
import type { PolicySet } from '../load/rules.ts'

/** A group or role of the caller that some binding or policy names. */
export interface Membership extends Uid {
  /** What the operator calls it; null without a name. */
  readonly name: string | null
}

/** All that a caller has. */
export interface Standing {
  readonly memberships: readonly Membership[]
  readonly bindings: readonly Binding[]
}

/** What a template would add to what a caller has on a place. */
export interface Gain {
  readonly template: string
  /** Actions, those that delete and those whose answers hold secrets included. */
  readonly actions: number
  readonly deletes: number
  readonly secrets: number
}

/** What would permit a call. */
export interface Lift {
  /** Whether the caller has anything on the place: only then are names told. */
  readonly hasAccess: boolean
  readonly place: string
  /** As it would be judged now, on the facts that are known. */
  readonly now: { readonly verdict: 'permit' | 'refuse'; readonly code: string | null }
  readonly reason: string
  readonly remedy: string | null
  /** Forbids that stand in the way, whatever is bound. */
  readonly forbids: readonly { readonly id: string; readonly reason: string }[]
  /** Templates that would permit it, and what else each of them would give. */
  readonly templates: readonly Gain[]
}

const isOneOf = ({ type, id }: Uid, uids: readonly Uid[]): boolean =>
  uids.some((uid) => uid.type === type && uid.id === id)

export function standingOf(set: PolicySet, principal: Principal): Standing {
  const uids = principalUids(principal)
  const names = new Map([...set.bindings.names].map(([name, id]) => [id, name.split(' ')[1]]))
  const counts = [...set.rules.values()].flatMap(({ principal: uid, policy }) => [
    ...(uid === null ? [] : [uid]),
    ...(policy.named ?? []),
  ])
  return {
    memberships: uids
      .slice(1)
      .filter((uid) => isOneOf(uid, counts))
      .map((uid) => ({ ...uid, name: names.get(uid.id) ?? null })),
    bindings: set.bindings.bindings.filter(
      (binding) => !binding.shadow && isOneOf(binding.principal, uids),
    ),
  }
}

/** @param held templates that the caller has on the place already */
export function gainOf(set: PolicySet, held: readonly string[], template: string): Gain {
  const actions = (id: string): string[] => {
    const policy = set.templates.get(id)
    return policy === undefined ? [] : actionsOf(policy, set.words).map((action) => action.id)
  }
  const has = new Set(held.flatMap(actions))
  const wanted = new Set(actions(template))
  const added = set.words.actions.filter(({ id }) => wanted.has(id) && !has.has(id))
  return {
    template,
    actions: added.length,
    deletes: added.filter(({ parents }) => parents.includes('delete')).length,
    secrets: added.filter(({ secrets }) => secrets).length,
  }
}

/** Judges a call anew, and says what would permit it. */
export function liftOf(
  set: PolicySet,
  principal: Principal,
  operation: Operation,
  facts: Facts,
): Lift {
  const resources = resourceUids(operation)
  const held = standingOf(set, principal).bindings.filter(({ resource }) =>
    isOneOf(resource, resources),
  )
  const place = placeOf(operation)
  const verdict = createDecide(set, { cacheSize: 0 })(principal, operation, facts, 'all')
  const forbids = verdict.decision.policies.flatMap((id) => {
    const policy = set.rules.get(id)?.policy
    return policy?.effect === 'forbid' ? [{ id, reason: policy.reason }] : []
  })
  const { templates } = createNeeded(set)(
    {
      principals: principalUids(principal),
      action: set.words.actionOf(operation),
      resources,
      context: contextOf(facts),
    },
    place,
  )
  return {
    hasAccess: held.length > 0,
    place,
    now: {
      verdict: verdict.permit === null ? 'refuse' : 'permit',
      code: verdict.permit === null ? verdict.refusal.code : null,
    },
    reason: verdict.decision.reason,
    remedy: verdict.permit === null ? (verdict.refusal.detail.remedy ?? null) : null,
    forbids,
    templates: templates.map((template) =>
      gainOf(
        set,
        held.map((binding) => binding.template),
        template,
      ),
    ),
  }
}
