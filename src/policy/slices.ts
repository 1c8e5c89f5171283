/**
 * Slices: for one request, the rules whose scope can match it, parsed once and kept inside Cedar.
 *
 * A rule is left out only if its scope names a principal or resource that this request's is neither equal to nor a
 * member of. Cedar would find it unsatisfied without looking at its conditions, so leaving it out changes no answer.
 * @module
 */
import { preparsePolicySet } from '@cedar-policy/cedar-wasm/nodejs'
import { LRUCache } from 'lru-cache'
import { cedarPolicies, type PolicySet, type Rule } from './rules.ts'
import type { Uid } from './source.ts'

/** Parsed slices in Cedar's memory, over all policy sets in use: some tens of KB each. */
const SLICES_MAX = 1024

const ANY = ''

function keyOf(uid: Uid | null): string {
  return uid === null ? ANY : `${uid.type}::${uid.id}`
}

/**
 * Cedar keeps parsed sets by name, for ever, in one table a process. So do we: a fixed number of names, the least
 * recently used one parsed over. Sets of policies that were reloaded away age out like any other.
 */
const free: string[] = []
const parsed = new LRUCache<string, string>({
  max: SLICES_MAX,
  dispose: (name) => {
    free.push(name)
  },
})
let names = 0

/** The name under which Cedar holds these rules; parses them if it does not yet. */
export function parsedName(key: string, rules: Iterable<Rule>): string {
  const known = parsed.get(key)
  if (known !== undefined) return known
  const name = free.pop() ?? `slice-${names++}`
  const answer = preparsePolicySet(name, cedarPolicies(rules))
  if (answer.type === 'failure') {
    free.push(name)
    throw new Error(`cedar cannot parse a slice: ${answer.errors.map((e) => e.message).join('; ')}`)
  }
  parsed.set(key, name)
  return name
}

/** The rules that can matter to one request. */
export interface Slice {
  /** The same for the same rules of the same policy version. */
  readonly key: string
  /** In force, and in force together with those that only shadow. */
  readonly rules: readonly Rule[]
  readonly shadowed: readonly Rule[]
}

/** An index over the scopes of a policy set. */
export function createSlicer(
  set: PolicySet,
): (principals: readonly Uid[], resources: readonly Uid[]) => Slice {
  const index = new Map<string, Map<string, { rule: Rule; number: number }[]>>()
  let number = 0
  for (const rule of set.rules.values()) {
    const byResource =
      index.get(keyOf(rule.principal)) ?? new Map<string, { rule: Rule; number: number }[]>()
    index.set(keyOf(rule.principal), byResource)
    const entries = byResource.get(keyOf(rule.resource)) ?? []
    byResource.set(keyOf(rule.resource), entries)
    entries.push({ rule, number: number++ })
  }
  return (principals, resources) => {
    const resourceKeys = [ANY, ...new Set(resources.map(keyOf))]
    const found = [ANY, ...new Set(principals.map(keyOf))].flatMap((principal) => {
      const byResource = index.get(principal)
      return byResource === undefined
        ? []
        : resourceKeys.flatMap((key) => byResource.get(key) ?? [])
    })
    found.sort((one, other) => one.number - other.number)
    const all = found.map(({ rule }) => rule)
    return {
      key: `${set.version} ${found.map((entry) => entry.number).join(',')}`,
      rules: all.filter(({ shadow }) => !shadow),
      shadowed: all.some(({ shadow }) => shadow) ? all : [],
    }
  }
}
