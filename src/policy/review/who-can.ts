/**
 * Who can do what, asked of the policies: every principal that some rule names, judged like a caller.
 *
 * Without facts of a call: where a permit depends on them, the answer says so.
 * @module
 */
import { cedarTypesOf } from '../../vocabulary/resource-types.ts'
import { EFFECTS, type Operation } from '../../vocabulary/operation.ts'
import type { Principal, PrincipalKind } from '../../identity/principal.ts'
import { createDecide, type Decide } from '../decide.ts'
import { ancestorsOf } from '../engine/entities.ts'
import type { Uid } from '../load/conditions.ts'
import type { PolicySet } from '../load/rules.ts'
import type { Action } from '../load/words.ts'
import { principalOf } from './given.ts'

/** `depends`: on facts of the call, or on how its caller signed in. */
export type May = 'permit' | 'depends' | 'refuse'

/** One who can. */
export interface WhoCan {
  readonly principal: Uid
  readonly may: Exclude<May, 'refuse'>
  /** Ids of the policies that permit. */
  readonly policies: readonly string[]
}

const KINDS: ReadonlyMap<string, PrincipalKind> = new Map([
  ['User', 'user'],
  ['Service', 'service'],
  ['Compute', 'compute'],
])

/** Somebody who is whom a rule names: a person of a group, a cluster of a workspace. */
export function memberOf({ type, id }: Uid): Principal {
  const kind = KINDS.get(type)
  const itself = kind !== undefined
  return principalOf(
    {
      kind: type === 'Workspace' ? 'compute' : (kind ?? 'user'),
      id: itself ? id : 'harness/somebody',
      groups: type === 'Group' ? [id] : [],
      roles: type === 'Role' ? [id] : [],
      workspace: type === 'Workspace' ? id : null,
    },
    0,
  )
}

/** An action on a resource: on itself if it is of the action's type, otherwise on one of that type inside of it. */
export function operationOn(set: PolicySet, action: Action, on: string): Operation {
  const type = cedarTypesOf(action.name, set.words.resourceTypes)[0] ?? 'Other'
  const around = ancestorsOf(on)
  const [nearest] = around
  const isItself = nearest?.type === type && nearest.id === on
  const id = isItself || !around.some((one) => one.id === on) ? on : `${on}/any/any`
  return {
    action: action.name,
    effect: EFFECTS.find((one) => action.parents.includes(one)) ?? 'read',
    resource: { type, id, ancestors: around.filter((one) => one.id !== id) },
    family: 'arm',
    secrets: action.secrets,
    longRunning: false,
    scope: around.find((one) => one.type === 'Workspace' || one.type === 'Registry')?.id ?? null,
    inspectable: false,
  }
}

function judged(
  decide: Decide,
  principal: Principal,
  operation: Operation,
): { readonly may: May; readonly policies: readonly string[] } {
  const { permit, decision, ...rest } = decide(principal, operation, {})
  if (permit !== null)
    return {
      may: permit.refusedUntold() === null ? 'permit' : 'depends',
      policies: decision.policies,
    }
  const isSignIn =
    'refusal' in rest && ['insufficient_claims', 'insufficient_scope'].includes(rest.refusal.code)
  return { may: isSignIn ? 'depends' : 'refuse', policies: decision.policies }
}

/** Everybody whom some rule in force names and who can do it, in the order of the rules. */
export function whoCan(set: PolicySet, action: Action, on: string): readonly WhoCan[] {
  const decide = createDecide(set, { cacheSize: 0 })
  const operation = operationOn(set, action, on)
  const seen = new Map<string, Uid>()
  for (const { principal } of set.rules.values())
    if (principal !== null) seen.set(`${principal.type} ${principal.id}`, principal)
  return [...seen.values()].flatMap((principal) => {
    const { may, policies } = judged(decide, memberOf(principal), operation)
    return may === 'refuse' ? [] : [{ principal, may, policies }]
  })
}

/** What a principal may do on a resource, for each of the actions. */
export function whatCan(
  set: PolicySet,
  principal: Principal,
  actions: readonly Action[],
  on: string,
): readonly { readonly action: Action; readonly may: May; readonly policies: readonly string[] }[] {
  const decide = createDecide(set, { cacheSize: 0 })
  return actions.map((action) => ({
    action,
    ...judged(decide, principal, operationOn(set, action, on)),
  }))
}
