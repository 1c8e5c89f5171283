/**
 * Slices: for one request, the rules whose scope can match it, parsed once and kept inside Cedar.
 *
 * A rule is left out only if its scope cannot match: if it names a principal, an action or a resource that the request's
 * own neither equals nor is in, or another kind of resource. Cedar would find such a rule unsatisfied, so leaving it out
 * changes no answer. Of a rule that stays, `in` in its scope is known to hold, so Cedar is asked for the rest only. The
 * cost of a decision grows with that rest and with the entities that it names. test/policy/engine/agreement.test.ts
 * compares with plain Cedar over the rules as written.
 * @module
 */
import { preparsePolicySet } from '@cedar-policy/cedar-wasm/nodejs'
import type { PolicySet as CedarPolicies } from '@cedar-policy/cedar-wasm/nodejs'
import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Residual, Uid } from '../load/conditions.ts'
import { FACT_NAMES } from '../facts.ts'
import { createUidMap, type Question, type UidMap } from './entities.ts'
import { possibly } from './possible.ts'
import { cedarPolicies, type PolicySet, type Rule } from '../load/rules.ts'
import type { Action } from '../load/words.ts'

/** Parsed slices in Cedar's memory, for all policy sets in use: some tens of KB each. */
const MAX_SLICES = 2048

/** Rules that Cedar has parsed. */
export interface Slice {
  /** The same for the same rules of the same policy version, and for no others. */
  readonly key: string
  /** Cedar's name for them. */
  readonly name: string
  /**
   * Entities that they name. Of a request's other entities only the types can change an answer, so they are left out,
   * which makes a decision cheap. Null if that cannot be told of some rule.
   */
  readonly named: UidMap<true> | null
}

/**
 * State of the process, because Cedar keeps parsed sets of policies by name, for ever, in one table of the process. So a
 * fixed number of names is used, and the least recently used one is parsed over. A key begins with the version of the
 * policies: slices of an earlier version are evicted like any other.
 */
const free: string[] = []
const parsed = new LRUCache<string, Slice>({
  max: MAX_SLICES,
  dispose: ({ name }) => {
    free.push(name)
  },
})
let names = 0

/** What a policy names, as it is written or without what is known to hold; null if that cannot be told. */
function namedBy({ policy, link }: Rule, residual: Residual | null): readonly Uid[] | null {
  if (residual !== null) return residual.named
  if (policy.named === null) return null
  return link === null ? policy.named : [...policy.named, link.principal, link.resource]
}

function unite(lists: readonly (readonly Uid[] | null)[]): UidMap<true> | null {
  const named = createUidMap<true>()
  for (const list of lists) {
    if (list === null) return null
    for (const uid of list) named.set(uid, true)
  }
  return named
}

function parse(key: string, policies: () => CedarPolicies, named: () => Slice['named']): Slice {
  const known = parsed.get(key)
  if (known !== undefined) return known
  const name = free.pop() ?? `slice-${names++}`
  const answer = preparsePolicySet(name, policies())
  if (answer.type === 'failure') {
    free.push(name)
    throw new Error(`cedar cannot parse a slice: ${answer.errors.map((e) => e.message).join('; ')}`)
  }
  const slice = { key, name, named: named() }
  parsed.set(key, slice)
  return slice
}

/** These rules as they are written, parsed unless Cedar has them. No other rules may have the same key. */
export function parseRules(key: string, rules: readonly Rule[]): Slice {
  return parse(
    key,
    () => cedarPolicies(rules),
    () => unite(rules.map((rule) => namedBy(rule, null))),
  )
}

/**
 * Rules that a slicer has found for a request, parsed without what it has found to hold. For no other rules: Cedar would
 * not ask whether their scope matches. The key must be the same for the same rules only.
 */
export function parseSlice(key: string, rules: readonly Rule[]): Slice {
  return parse(
    `${key} found`,
    () => residuals(rules),
    () => unite(rules.map((rule) => namedBy(rule, rule.policy.residual))),
  )
}

/** A rule and what is left to ask of it. */
export type Asked = Rule & { readonly policy: { readonly residual: Residual } }

/** The same, for rules that are asked whether they hold for some value of the facts that are not known. */
export function parsePossible(
  key: string,
  rules: readonly Asked[],
  unknown: ReadonlySet<string>,
): Slice {
  return parse(
    `${key} possible ${[...unknown].join(',')}`,
    () => ({
      staticPolicies: Object.fromEntries(
        rules.map(({ id, policy }) => [id, possibly(policy.residual.json, unknown)]),
      ),
    }),
    () => unite(rules.map((rule) => namedBy(rule, rule.policy.residual))),
  )
}

function residuals(rules: readonly Rule[]): CedarPolicies {
  const written = cedarPolicies(rules.filter(({ policy }) => policy.residual === null))
  const left = rules.flatMap(({ id, policy: { residual } }) =>
    residual === null ? [] : [[id, residual.json] as const],
  )
  return { ...written, staticPolicies: { ...written.staticPolicies, ...Object.fromEntries(left) } }
}

/** The rules that can matter to one request. */
export interface Relevant {
  /** The same for the same rules of the same policy version. */
  readonly key: string
  /** In force. */
  readonly rules: readonly Rule[]
  /** Those and the ones that only shadow; empty if none does. */
  readonly shadowed: readonly Rule[]
  /** Forbids in force, but for those that an absent fact means consent to. */
  readonly asking: readonly Rule[]
  /** Facts that they ask for. */
  readonly asked: ReadonlySet<string>
}

interface Numbered {
  readonly rule: Rule
  readonly number: number
  /** Actions and groups that its scope names; null for any. */
  readonly actions: ReadonlySet<string> | null
}

function concerns({ rule, actions }: Numbered, action: Action, kind: string): boolean {
  if (rule.policy.kind !== null && rule.policy.kind !== kind) return false
  return actions === null || action.uids.some(({ id }) => actions.has(id))
}

/** Rules with the same principal and the same resource in their scope, or without either. */
interface Entries {
  readonly id: number
  readonly list: Numbered[]
}

/** Rules by the one resource that their scope names. */
interface Shelf {
  anywhere: Entries | null
  readonly at: UidMap<Entries>
}

function newShelf(): Shelf {
  return { anywhere: null, at: createUidMap<Entries>() }
}

/** Those that hold for the resources, in no order and each once. */
function take(shelves: readonly Shelf[], resources: readonly Uid[]): Set<Entries> {
  const taken = new Set<Entries>()
  for (const shelf of shelves) {
    if (shelf.anywhere !== null) taken.add(shelf.anywhere)
    for (const resource of resources) {
      const entries = shelf.at.get(resource)
      if (entries !== undefined) taken.add(entries)
    }
  }
  return taken
}

/** Rules that are kept as found: the callers of one team ask for the same ones. */
const MAX_FOUND_RULES = 500_000
/** Characters of a list of numbers. */
const MAX_NUMBERS = 64

/** Finds the rules. What is found for the list of principals is cached by that array, which must not be changed. */
export type Slicer = (question: Pick<Question, 'principals' | 'action' | 'resources'>) => Relevant

/** An index over the scopes of a policy set. */
export function createSlicer(set: PolicySet): Slicer {
  const anybody = newShelf()
  const index = createUidMap<Shelf>()
  let count = 0
  for (const [number, rule] of [...set.rules.values()].entries()) {
    const { principal, resource } = rule
    const shelf = principal === null ? anybody : (index.get(principal) ?? newShelf())
    if (principal !== null) index.set(principal, shelf)
    const known = resource === null ? shelf.anywhere : shelf.at.get(resource)
    const entries = known ?? { id: count++, list: [] }
    if (resource === null) shelf.anywhere = entries
    else shelf.at.set(resource, entries)
    const { actions } = rule.policy
    entries.list.push({ rule, number, actions: actions === null ? null : new Set(actions) })
  }
  const cached = new WeakMap<readonly Uid[], readonly Shelf[]>()
  const shelvesOf = (principals: readonly Uid[]): readonly Shelf[] => {
    let shelves = cached.get(principals)
    if (shelves === undefined) {
      shelves = [anybody, ...principals.flatMap((principal) => index.get(principal) ?? [])]
      cached.set(principals, shelves)
    }
    return shelves
  }

  // by object: an action that is not in the vocabulary may have one id and several groups
  const actions = new WeakMap<Action, number>()
  let actionCount = 0
  const numberOf = (action: Action): number => {
    const number = actions.get(action) ?? actionCount++
    actions.set(action, number)
    return number
  }
  const found = new LRUCache<string, Relevant>({
    maxSize: MAX_FOUND_RULES,
    sizeCalculation: ({ rules, shadowed }) => 1 + rules.length + shadowed.length,
  })
  return ({ principals, action, resources }) => {
    const taken = take(shelvesOf(principals), resources)
    const kind = resources[0]?.type ?? ''
    const key = `${[...taken].map(({ id }) => id).join(',')} ${numberOf(action)} ${kind}`
    const known = found.get(key)
    if (known !== undefined) return known
    const numbered = [...taken]
      .flatMap(({ list }) => list)
      .filter((one) => concerns(one, action, kind))
      .sort((one, other) => one.number - other.number)
    const relevant = relevantOf(set, numbered)
    found.set(key, relevant)
    return relevant
  }
}

function relevantOf(set: PolicySet, numbered: readonly Numbered[]): Relevant {
  const all = numbered.map(({ rule }) => rule)
  const rules = all.filter(({ shadow }) => !shadow)
  const asking = rules.filter(({ policy }) => policy.effect !== 'permit' && !policy.absentPermits)
  const numbers = numbered.map(({ number }) => number).join(',')
  return {
    // a part of many keys: those of a thousand rules would be hashed with each of them
    key: `${set.key} ${numbers.length > MAX_NUMBERS ? hash('sha256', numbers) : numbers}`,
    rules,
    shadowed: all.some(({ shadow }) => shadow) ? all : [],
    asking,
    asked: new Set(asking.flatMap(({ policy }) => [...(policy.facts ?? FACT_NAMES)])),
  }
}
