/**
 * What one caller has: which bindings count, what a template would add, and what would permit a call.
 * @module
 */
import type { Operation } from '../../vocabulary/operation.ts'
import type { Principal } from '../../identity/principal.ts'
import { createDecide, type Decide } from '../decide.ts'
import { actionsOf } from '../engine/covers.ts'
import { contextOf, isOneOf, principalUids, resourceUids } from '../engine/entities.ts'
import { createIsNamed } from '../engine/judge.ts'
import { bindingsOnOf, createNeeded, hasOneOf, placeOf } from '../engine/refusal-advice.ts'
import type { Facts } from '../facts.ts'
import type { Binding } from '../load/bindings.ts'
import type { Uid } from '../load/conditions.ts'
import { nameOf } from '../load/references.ts'
import type { PolicySet } from '../load/rules.ts'

/** A group or role of the caller that some binding or policy names. */
export interface Membership extends Uid {
  /** What the operator calls it; null without a name. */
  readonly name: string | null
}

/** All that a caller has. */
export interface EffectiveAccess {
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
export interface Assessment {
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

/** What is built once for a set of policies, whoever asks. */
interface Judges {
  readonly decide: Decide
  readonly neededFor: ReturnType<typeof createNeeded>
  readonly isNamed: (uid: Uid) => boolean
}

const built = new WeakMap<PolicySet, Judges>()

function judgesOf(set: PolicySet): Judges {
  let judges = built.get(set)
  if (judges === undefined) {
    judges = {
      decide: createDecide(set, { cacheSize: 0 }),
      neededFor: createNeeded(set),
      isNamed: createIsNamed(set),
    }
    built.set(set, judges)
  }
  return judges
}

export function accessOf(set: PolicySet, principal: Principal): EffectiveAccess {
  const uids = principalUids(principal)
  const { isNamed } = judgesOf(set)
  return {
    memberships: uids
      .filter(isNamed)
      .map((uid) => ({ ...uid, name: nameOf(set.bindings.names, uid) })),
    // a template that forbids gives nothing
    bindings: [...set.bindings.bindings, ...set.grants].filter(
      ({ shadow, principal: who, template }) =>
        !shadow && isOneOf(who, uids) && set.templates.get(template)?.effect === 'permit',
    ),
  }
}

/**
 * Of the policies that decided on a call, those that its caller is told by name: whoever has nothing on the place is told
 * no binding and no template.
 */
export function namesTold(
  set: PolicySet,
  principal: Principal,
  operation: Operation,
  policies: readonly string[],
): readonly string[] {
  if (policies.length === 0) return policies
  const question = { principals: principalUids(principal), resources: resourceUids(operation) }
  return hasOneOf(bindingsOnOf(set)(question), question)
    ? policies
    : policies.filter((id) => set.rules.get(id)?.link === null)
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
export function assess(
  set: PolicySet,
  principal: Principal,
  operation: Operation,
  facts: Facts,
): Assessment {
  const resources = resourceUids(operation)
  const held = accessOf(set, principal).bindings.filter(({ resource }) =>
    isOneOf(resource, resources),
  )
  const place = placeOf(operation)
  const { decide, neededFor } = judgesOf(set)
  const verdict = decide(principal, operation, facts, 'all')
  const forbids = verdict.decision.policies.flatMap((id) => {
    const policy = set.rules.get(id)?.policy
    return policy?.effect === 'forbid' ? [{ id, reason: policy.reason }] : []
  })
  const { templates } = neededFor(
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
    // not the decision's, which is for the record and may name policies
    reason: verdict.permit === null ? verdict.refusal.message : verdict.decision.reason,
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
