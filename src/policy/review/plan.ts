/**
 * What a change of the policies changes: for everybody whom a rule names, on everything that is bound, each action.
 *
 * Without facts of a call: where an answer depends on them, `depends` is one of the three answers that are compared.
 * @module
 */
import type { Principal } from '../../identity/principal.ts'
import type { Uid } from '../load/conditions.ts'
import type { PolicySet } from '../load/rules.ts'
import { memberOf, whatCan, type May } from './who-can.ts'

/** What one principal gets or loses on one resource, in the same way. */
export interface PlannedChange {
  readonly principal: Uid
  readonly on: string
  readonly before: May
  readonly after: May
  /** Ids of actions. */
  readonly actions: readonly string[]
}

/** Stands for whoever is named nowhere, and for a place that is named nowhere. */
const STRANGER: Uid = { type: 'User', id: 'harness/stranger' }
const ELSEWHERE =
  '/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/elsewhere/providers/microsoft.machinelearningservices/workspaces/elsewhere'

function unique(uids: Iterable<Uid>): readonly Uid[] {
  return [...new Map([...uids].map((uid) => [`${uid.type} ${uid.id}`, uid])).values()]
}

function* named(set: PolicySet, part: 'principal' | 'resource'): Generator<Uid> {
  for (const rule of set.rules.values()) {
    const uid = rule[part]
    if (uid !== null) yield uid
  }
}

/** What is found for one principal on one resource, and how far the comparison is. */
export interface PlanStep {
  readonly changes: readonly PlannedChange[]
  readonly done: number
  readonly of: number
}

/** Compares two sets of policies, a principal and a resource at a time. */
export function* planOf(before: PolicySet, after: PolicySet): Generator<PlanStep> {
  const principals = unique([...named(before, 'principal'), ...named(after, 'principal'), STRANGER])
  const places = unique([...named(before, 'resource'), ...named(after, 'resource')])
  const ids = [...new Set([...places.map(({ id }) => id), ELSEWHERE])]
  const of = principals.length * ids.length
  let done = 0
  for (const uid of principals) {
    const principal = memberOf(uid)
    for (const on of ids) {
      const changes = [...changesOf(uid, principal, on, before, after)]
      yield { changes, done: ++done, of }
    }
  }
}

/**
 * Ids of the rules that are new, gone or written otherwise. Conditions and effects of a rule can change while every
 * answer stays `permit`, `depends` or `refuse`.
 */
export function changedRules(before: PolicySet, after: PolicySet): readonly string[] {
  const ids = new Set([...before.written.rules.keys(), ...after.written.rules.keys()])
  return [...ids].filter((id) => textOf(before, id) !== textOf(after, id))
}

function* changesOf(
  uid: Uid,
  principal: Principal,
  on: string,
  before: PolicySet,
  after: PolicySet,
): Generator<PlannedChange> {
  const was = new Map(
    whatCan(before, principal, before.words.actions, on).map(({ action, may }) => [action.id, may]),
  )
  const groups = new Map<string, { before: May; after: May; actions: string[] }>()
  for (const { action, may } of whatCan(after, principal, after.words.actions, on)) {
    const earlier = was.get(action.id) ?? 'refuse'
    if (earlier === may) continue
    const key = `${earlier} ${may}`
    const group = groups.get(key) ?? { before: earlier, after: may, actions: [] }
    groups.set(key, group)
    group.actions.push(action.id)
  }
  for (const group of groups.values()) yield { principal: uid, on, ...group }
}

function textOf(set: PolicySet, id: string): string | undefined {
  const rule = set.written.rules.get(id)
  return rule && JSON.stringify([rule.policy.text, rule.link, rule.shadow])
}
