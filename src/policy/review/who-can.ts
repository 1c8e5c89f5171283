/**
 * Who can do what, asked of the policies: every principal that some rule names, judged like a caller.
 *
 * Without facts of a call: where a permit depends on them, the answer says so.
 * @module
 */
import { LRUCache } from 'lru-cache'
import { nearest } from '../../lib/suggest.ts'
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import { EFFECTS, type Operation } from '../../vocabulary/operation.ts'
import type { Principal, PrincipalKind } from '../../identity/principal.ts'
import { createDecide, type Decide } from '../decide.ts'
import { typesOf } from '../engine/covers.ts'
import { ancestorsOf, principalUids } from '../engine/entities.ts'
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
  const type = typesOf(action, set.words.resourceTypes)[0] ?? 'Other'
  const around = ancestorsOf(on)
  const [closest] = around
  const isItself = closest?.type === type && closest.id === on
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

const decides = new WeakMap<PolicySet, Decide>()

/** Judges without remembering decisions; made once for a set of policies. */
function decideFor(set: PolicySet): Decide {
  const decide = decides.get(set) ?? createDecide(set, { cacheSize: 0 })
  decides.set(set, decide)
  return decide
}

/** Everybody whom some rule in force names and who can do it, in the order of the rules. */
export function whoCan(set: PolicySet, action: Action, on: string): readonly WhoCan[] {
  const decide = decideFor(set)
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
  const decide = decideFor(set)
  return actions.map((action) => ({
    action,
    ...judged(decide, principal, operationOn(set, action, on)),
  }))
}

/** What a caller may do, for the caller to read. */
export interface MayDo {
  readonly action: string
  readonly may: May
  /** Ids of the policies that permit it; of those that forbid it, none are told. */
  readonly policies: readonly string[]
}

const kept = new WeakMap<PolicySet, LRUCache<string, readonly MayDo[]>>()
/** Lists of some 100 KB: a caller who asks again, and few others. */
const KEPT_LISTS = 50

/** One action, or all that a caller may do there; null for an action that there is not. */
export function mayDo(
  set: PolicySet,
  principal: Principal,
  on: string,
  action: string | null,
): readonly MayDo[] | null {
  const told = (actions: readonly Action[]): readonly MayDo[] =>
    whatCan(set, principal, actions, on).map(({ action: { id }, may, policies }) => ({
      action: id,
      may,
      policies: may === 'refuse' ? [] : policies,
    }))
  if (action !== null) {
    const found = actionNamed(set, action)
    return found === null ? null : told([found])
  }
  // it judges every action: not each time that the same is asked
  const lists = kept.get(set) ?? new LRUCache<string, readonly MayDo[]>({ max: KEPT_LISTS })
  kept.set(set, lists)
  const key = JSON.stringify([principal.kind, principalUids(principal), on])
  const list = lists.get(key) ?? told(set.words.actions).filter(({ may }) => may !== 'refuse')
  lists.set(key, list)
  return list
}

/** An action by its name, with or without the provider, in any case; null if there is none. */
export function actionNamed(set: PolicySet, name: string): Action | null {
  const full = fullName(name)
  return set.words.actions.find(({ id }) => id.toLowerCase() === full) ?? null
}

/** The action that was probably meant, without the provider; null if none is near. */
export function nearestAction(set: PolicySet, name: string): string | null {
  const start = fullName('')
  return nearest(
    fullName(name).replace(start, ''),
    set.words.actions.map(({ id }) =>
      id.toLowerCase().startsWith(start) ? id.slice(start.length) : id,
    ),
  )
}

/** In lower case, with the provider. */
export function fullName(name: string): string {
  const wanted = name.toLowerCase()
  return wanted.startsWith('microsoft.') ? wanted : `${PROVIDER}/${wanted}`.toLowerCase()
}

/**
 * The ARM id of what is named: an id as it is, a workspace by the name that `bindings.yaml` gives to it, or anything by
 * the last part of its id. Null for a name of none.
 * @param among what may be named
 */
export function placeNamed(set: PolicySet, on: string, among: readonly Uid[]): string | null {
  if (on.startsWith('/subscriptions/')) return on.toLowerCase()
  const ids = [...new Set(among.map(({ id }) => id))]
  const named = set.bindings.names.get(`Workspace ${on}`)
  if (named !== undefined && ids.includes(named)) return named
  const found = ids.filter((id) => id.endsWith(`/${on.toLowerCase()}`))
  // two of one name: which of them is meant is not guessed
  return found.length === 1 ? (found[0] ?? null) : null
}
