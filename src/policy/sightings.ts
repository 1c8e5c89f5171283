/**
 * Who came: which principals, groups and roles tokens have carried, while this replica ran or as records tell, and
 * which bindings name somebody that no token carries any more.
 * @module
 */
import type { Principal } from '../identity/principal.ts'
import { createCache } from '../lib/caches/cache.ts'
import { principalUids } from './engine/entities.ts'
import type { Decide } from './decide.ts'
import type { Binding } from './load/bindings.ts'
import type { PolicySet } from './load/rules.ts'

/** A binding whose principal no token has carried for too long. */
export interface StaleBinding {
  readonly id: string
  readonly line: number
  readonly principal: string
  /** When a token last carried it, milliseconds since the epoch; null for never. */
  readonly lastSeen: number | null
  /** Whether the directory still knows it; null if it was not asked. */
  readonly known: boolean | null
}

const DAY_MS = 86_400_000

/**
 * Reports bindings to principals that no token has carried for `days`, or that the directory no longer knows.
 * @param lastSeen milliseconds since the epoch by `Type::"id"`
 * @param since when watching began: what was never seen is stale only once it was watched for long enough
 * @param unknown principals that the directory was asked for and does not have
 */
export function staleBindings(
  set: PolicySet,
  seen: {
    readonly lastSeen: ReadonlyMap<string, number>
    readonly since: number
    readonly unknown?: ReadonlySet<string>
  },
  days: number,
  now: number,
): StaleBinding[] {
  const oldest = now - days * DAY_MS
  return set.bindings.bindings.flatMap(({ id, line, principal }: Binding) => {
    const name = `${principal.type}::"${principal.id}"`
    const last = seen.lastSeen.get(name) ?? null
    const known = seen.unknown === undefined ? null : !seen.unknown.has(name)
    const old = (last ?? seen.since) < oldest
    return old || known === false ? [{ id, line, principal: name, lastSeen: last, known }] : []
  })
}

/** Principals beyond this number are not kept, and look unseen. */
const MAX_PRINCIPALS = 100_000

export interface Sightings {
  /** Notes that a token carried this principal and its memberships. One that was noted before costs a lookup. */
  readonly see: (principal: Principal) => void
  /** The same judge, which notes besides who came and which rules decided. */
  readonly noting: (decide: Decide) => Decide
  /** When this replica last used a rule, to a minute, milliseconds since the epoch; null for never. */
  readonly lastUse: (rule: string) => number | null
  /** When this replica began to watch, milliseconds since the epoch. */
  readonly since: number
  /** Bindings whose principal no token has carried for so many days, or ever since watching began. */
  readonly stale: (set: PolicySet, days: number, now: number) => readonly StaleBinding[]
}

/** Rules that decide many calls together are noted once in this time: there may be thousands of them. */
const NOTED_MS = 60_000

/** @param now milliseconds since the epoch */
export function createSightings(now: () => number): Sightings {
  // the object lives as long as its token is cached, about an hour: precise enough to count days
  const noted = new WeakSet<Principal>()
  const lastSeen = new Map<string, number>()
  // as many as there are policies and bindings, over all reloads
  const uses = createCache<string, number>(MAX_PRINCIPALS)
  // the calls of one answer of Cedar's have one list of the rules that decided them
  const usedAt = new WeakMap<readonly string[], number>()
  const use = (rules: readonly string[], time: number): void => {
    if (rules.length === 0 || time - (usedAt.get(rules) ?? -Infinity) < NOTED_MS) return
    usedAt.set(rules, time)
    for (const rule of rules) uses.set(rule, time)
  }
  const see = (principal: Principal): void => {
    if (noted.has(principal)) return
    noted.add(principal)
    const time = now()
    for (const { type, id } of principalUids(principal)) {
      const name = `${type}::"${id}"`
      if (lastSeen.has(name) || lastSeen.size < MAX_PRINCIPALS) lastSeen.set(name, time)
    }
  }
  return {
    since: now(),
    see,
    noting: (decide) => (principal, operation, facts, told) => {
      see(principal)
      const verdict = decide(principal, operation, facts, told)
      use(verdict.decision.policies, now())
      return verdict
    },
    lastUse: (rule) => uses.get(rule) ?? null,
    stale: (set, days, at) => staleBindings(set, { lastSeen, since: -Infinity }, days, at),
  }
}

/** What records say of who came. */
export interface Seen {
  /** When the first record is from, milliseconds since the epoch; null without records. */
  readonly since: number | null
  /** Milliseconds since the epoch by `Type::"id"`. */
  readonly lastSeen: ReadonlyMap<string, number>
}

const KINDS: ReadonlyMap<unknown, string> = new Map([
  ['user', 'User'],
  ['service', 'Service'],
  ['compute', 'Compute'],
])

function each(value: unknown, use: (id: string) => void): void {
  for (const id of Array.isArray(value) ? value : [value]) if (typeof id === 'string') use(id)
}

/** Gathers over the columns of records, in any order. */
export function createSeen(set: PolicySet): {
  readonly add: (columns: ReadonlyMap<string, unknown>) => void
  readonly result: () => Seen
} {
  const lastSeen = new Map<string, number>()
  let first: number | null = null
  const see = (type: string, id: string, time: number): void => {
    const name = `${type}::"${id}"`
    lastSeen.set(name, Math.max(lastSeen.get(name) ?? 0, time))
  }
  return {
    add(columns) {
      const time = Date.parse(String(columns.get('EventTime')))
      if (Number.isNaN(time)) return
      first = Math.min(first ?? time, time)
      const kind = KINDS.get(columns.get('PrincipalKind'))
      if (kind !== undefined) each(columns.get('PrincipalId'), (id) => see(kind, id, time))
      each(columns.get('PrincipalGroups'), (id) => see('Group', id, time))
      each(columns.get('PrincipalRoles'), (id) => see('Role', id, time))
      each(columns.get('PrincipalWorkspace'), (id) => see('Workspace', id, time))
      // that a binding has decided a call shows that a token carried whom it names
      each(columns.get('PolicyIds'), (id) => {
        const principal = set.rules.get(id)?.link?.principal
        if (principal !== undefined) see(principal.type, principal.id, time)
      })
    },
    result: () => ({ since: first, lastSeen }),
  }
}
