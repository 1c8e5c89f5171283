/**
 * What a change of the policies changes: for everybody whom a rule names, on everything that is bound, each action.
 *
 * Without facts of a call: where an answer depends on them, `depends` is one of the three answers that are compared.
 * @module
 */
import type { Principal } from '../../identity/principal.ts'
import { principalUids } from '../engine/entities.ts'
import type { Uid } from '../load/conditions.ts'
import type { PolicySet, Rule } from '../load/rules.ts'
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

/** Compares two sets of policies, a principal and a resource at a time, wherever a rule that differs can matter. */
export function* planOf(before: PolicySet, after: PolicySet): Generator<PlanStep> {
  const principals = unique([...named(before, 'principal'), ...named(after, 'principal'), STRANGER])
  const places = unique([...named(before, 'resource'), ...named(after, 'resource')])
  const ids = [...new Set([...places.map(({ id }) => id), ELSEWHERE])]
  const differing = differingRules(before, after)
  const pairs = principals.flatMap((uid) => {
    const principal = memberOf(uid)
    const rules = differing?.filter((rule) => isFor(rule, principal))
    const at = ids.filter((on) => rules === undefined || rules.some((rule) => canMatter(rule, on)))
    return at.map((on) => ({ uid, principal, on }))
  })
  let done = 0
  for (const { uid, principal, on } of pairs) {
    const changes = [...changesOf(uid, principal, on, before, after)]
    yield { changes, done: ++done, of: pairs.length }
  }
}

/** Rules in force that only one of the sets has, or has so; null if more than rules differs, so that any answer may. */
function differingRules(before: PolicySet, after: PolicySet): readonly Rule[] | null {
  const [was, is] = [before, after].map(({ bindings: { order }, words }) =>
    JSON.stringify([order, words.actions, words.resourceTypes]),
  )
  if (was !== is) return null
  const ids = new Set([...before.rules.keys(), ...after.rules.keys()])
  return [...ids].flatMap((id) => {
    const [old, now] = [before.rules.get(id), after.rules.get(id)]
    if (old !== undefined && now !== undefined && writtenAs(old) === writtenAs(now)) return []
    return [old, now].filter((rule) => rule !== undefined)
  })
}

/** Whether the principal is whom the rule is for. */
function isFor({ principal: who }: Rule, principal: Principal): boolean {
  return (
    who === null ||
    principalUids(principal).some(({ type, id }) => type === who.type && id === who.id)
  )
}

/** Whether the rule is for the resource, for what it is inside of, or for something inside of it. */
function canMatter({ resource }: Rule, on: string): boolean {
  if (resource === null || !resource.id.startsWith('/')) return true
  const [own, other] = [`${resource.id.toLowerCase()}/`, `${on.toLowerCase()}/`]
  return own.startsWith(other) || other.startsWith(own)
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
  return rule && writtenAs(rule)
}

const writtenAs = ({ policy, link, shadow }: Rule): string =>
  JSON.stringify([policy.text, link, shadow])
