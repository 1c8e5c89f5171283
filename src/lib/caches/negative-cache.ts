/**
 * A negative cache: names that were looked up and not found, kept for a while and in bounded number.
 * @module
 */
import { LRUCache } from 'lru-cache'
import { isAhead } from '../clock.ts'

const MAX_NAMES = 1_000

export interface NegativeCache {
  has(name: string): boolean
  add(name: string): void
}

/** Remembers a name for `ms` milliseconds of `now`. */
export function createNegativeCache(ms: number, now: () => number): NegativeCache {
  const until = new LRUCache<string, number>({ max: MAX_NAMES })
  return {
    has: (name) => isAhead(until.get(name) ?? 0, ms, now()),
    add: (name) => {
      until.set(name, now() + ms)
    },
  }
}
