/**
 * Which bound principals tokens have carried while this replica ran.
 * @module
 */
import type { Principal } from '../identity/principal.ts'
import { principalUids } from './engine/entities.ts'
import type { PolicySet } from './load/rules.ts'
import { staleBindings, type StaleBinding } from './stale.ts'

/** Principals that are remembered; the rest only looks unseen. */
const REMEMBERED = 100_000

export interface Sightings {
  /** Notes that a token carried this principal and its memberships. Costs next to nothing for one that was noted. */
  readonly see: (principal: Principal) => void
  /** When watching began, milliseconds since the epoch. */
  readonly since: number
  /** Bindings whose principal no token has carried for so many days, or ever since watching began. */
  readonly stale: (set: PolicySet, days: number, now: number) => readonly StaleBinding[]
}

/** @param now milliseconds since the epoch */
export function createSightings(now: () => number): Sightings {
  // a principal lives as long as its token is remembered, so an hour or so: often enough for days
  const noted = new WeakSet<Principal>()
  const lastSeen = new Map<string, number>()
  return {
    since: now(),
    see(principal) {
      if (noted.has(principal)) return
      noted.add(principal)
      const time = now()
      for (const { type, id } of principalUids(principal)) {
        const name = `${type}::"${id}"`
        if (lastSeen.has(name) || lastSeen.size < REMEMBERED) lastSeen.set(name, time)
      }
    },
    stale: (set, days, at) => staleBindings(set, { lastSeen, since: -Infinity }, days, at),
  }
}
