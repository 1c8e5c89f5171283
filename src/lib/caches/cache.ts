/**
 * A cache of what was used last, in bounded number, whose memory grows with what is in it.
 * @module
 */
import { LRUCache } from 'lru-cache'

type Bounds = 'max' | 'maxSize' | 'sizeCalculation'

/**
 * Keeps the `max` entries that were used last. With its own `max`, lru-cache makes room for all of them at once, at 28 bytes
 * each: 10 MB for all caches of a gateway before its first call.
 */
export function createCache<K extends {}, V extends {}>(
  max: number,
  options: Omit<LRUCache.OptionsBase<K, V, unknown>, Bounds> = {},
): LRUCache<K, V> {
  return new LRUCache<K, V>({ ...options, maxSize: max, sizeCalculation: one })
}

const one = (): number => 1
