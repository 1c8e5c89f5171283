/**
 * The last refusals of each caller, on this replica: so that whoever was refused can ask why without copying anything.
 * @module
 */
import { LRUCache } from 'lru-cache'
import type { Exchange } from '../exchange.ts'
import type { Refusal } from '../errors.ts'
import type { Facts } from '../policy/decide.ts'
import type { Operation } from '../vocabulary/operation.ts'

/** One refused call. */
export interface RecentRefusal {
  readonly decision: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly refusal: Refusal
  readonly operation: Operation
  /** The facts that it was judged on, as far as policies asked for them. */
  readonly facts: Facts
}

export interface RecentRefusals {
  /** Keeps it, if it is known who asked for what. */
  readonly add: (exchange: Exchange, refusal: Refusal) => void
  /** The latest first. */
  readonly of: (principalId: string) => readonly RecentRefusal[]
}

/** A few KB each. */
const MAX_PRINCIPALS = 2_000
const MAX_REFUSALS = 8

export function createRecentRefusals(): RecentRefusals {
  const kept = new LRUCache<string, readonly RecentRefusal[]>({ max: MAX_PRINCIPALS })
  return {
    add({ id, receivedAt, principal, operation, decision }, refusal) {
      if (principal === null || operation === null) return
      const one = {
        decision: id,
        at: receivedAt,
        refusal,
        operation,
        facts: decision?.facts ?? {},
      }
      kept.set(principal.id, [one, ...(kept.get(principal.id) ?? [])].slice(0, MAX_REFUSALS))
    },
    of: (principalId) => kept.get(principalId) ?? [],
  }
}
