/**
 * A seeded generator, so that a property that fails can be seen to fail again (mulberry32).
 * @module
 */

export interface Random {
  /** An integer from 0 up to `limit`, exclusive. */
  below: (limit: number) => number
  pick: <T>(values: readonly T[]) => T
}

export function makeRandom(seed: number): Random {
  let state = seed
  function next(): number {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    below,
    pick(values) {
      const value = values[below(values.length)]
      if (value === undefined) throw new Error('nothing to pick from')
      return value
    },
  }
}
