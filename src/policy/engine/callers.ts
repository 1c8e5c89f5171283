/**
 * Callers as the policies of one set see them.
 *
 * Those whom no policy can tell apart are alike: of one kind, and members of the same of those groups and roles that some
 * policy names. Cedar can do no more with an id than compare it with one that a policy names (load/conditions.ts), so all
 * who are alike get one permit, and what is kept does not grow with their number.
 * @module
 */
import type { Principal } from '../../identity/principal.ts'
import { createCache } from '../../lib/caches/cache.ts'
import { memoOf } from '../../lib/memo.ts'
import type { Uid } from '../load/conditions.ts'
import type { PolicySet } from '../load/rules.ts'
import { createUidMap, principalUids, type UidMap } from './entities.ts'

/** One object for all callers who are alike; no number is used for others again. */
export interface Alike {
  readonly number: number
}

export interface Caller {
  /** The caller and everything that the caller is a member of, itself first. */
  readonly uids: readonly Uid[]
  /** Those with equal ids and memberships have one number, which no `Alike` has. */
  readonly number: number
  readonly alike: Alike
}

/** Callers and groups of those who are alike that are kept; one that was forgotten gets a new number. */
const MAX_KEPT = 50_000

/** The callers of a set of policies, each found once for its principal. */
export const callersOf: (set: PolicySet) => (principal: Principal) => Caller = memoOf((set) => {
  const named = namedBy(set)
  const numbers = createCache<string, number>(MAX_KEPT)
  const likes = createCache<string, Alike>(MAX_KEPT)
  let next = 0

  function numberOf(uids: readonly Uid[]): number {
    const key = textOf(uids)
    const number = numbers.get(key) ?? next++
    numbers.set(key, number)
    return number
  }

  function alikeOf(uids: readonly Uid[]): Alike {
    const key = textOf(named === null ? uids : seenOf(uids, named))
    const alike = likes.get(key) ?? { number: next++ }
    likes.set(key, alike)
    return alike
  }

  return memoOf((principal) => {
    const uids = principalUids(principal)
    return { uids, number: numberOf(uids), alike: alikeOf(uids) }
  })
})

/** The same for whoever keeps by callers what follows from the policies of a set. */
export function alikeIn(set: PolicySet): (principal: Principal) => Alike {
  const callerOf = callersOf(set)
  return (principal) => callerOf(principal).alike
}

/** What the rules of a set name; null if that cannot be told of some rule. */
function namedBy({ rules }: PolicySet): UidMap<true> | null {
  const all = [...rules.values()]
  const policies = new Set(all.map(({ policy }) => policy))
  const named = createUidMap<true>()
  for (const { principal, resource } of all) {
    if (principal !== null) named.set(principal, true)
    if (resource !== null) named.set(resource, true)
  }
  for (const { named: own } of policies) {
    if (own === null) return null
    for (const uid of own) named.set(uid, true)
  }
  return named
}

/** Of a caller, the type and what is named. */
function seenOf(uids: readonly Uid[], named: UidMap<true>): readonly Partial<Uid>[] {
  return uids.flatMap((uid, at): Partial<Uid>[] => {
    if (named.get(uid) === true) return [uid]
    return at === 0 ? [{ type: uid.type }] : []
  })
}

const textOf = (uids: readonly Partial<Uid>[]): string =>
  JSON.stringify(uids.map(({ type, id }) => [type, id]))
