/**
 * Turns at something that only so many may use at once: the others wait in line, as many as there is room for.
 * @module
 */

export interface Turns {
  /**
   * Waits for a turn, which must be given back.
   * @param waitMs longest wait
   * @returns why there is none, or null
   */
  take(waitMs: number): Promise<string | null>
  giveBack(): void
  /** Turns that are taken. */
  taken(): number
}

/**
 * @param most turns at once
 * @param room places in line
 */
export function createTurns(most: number, room: number): Turns {
  // in the order in which they came, and any of them may leave early
  const line = new Set<() => void>()
  let taken = 0
  return {
    async take(waitMs) {
      if (taken < most) {
        taken += 1
        return null
      }
      if (line.size >= room) return 'too many calls at once'
      const { promise, resolve } = Promise.withResolvers<string | null>()
      const called = (): void => {
        resolve(null)
      }
      line.add(called)
      const timer = setTimeout(() => {
        line.delete(called)
        resolve('no turn came in time')
      }, waitMs)
      return promise.finally(() => {
        clearTimeout(timer)
      })
    },
    giveBack() {
      const [next] = line
      // the turn goes from hand to hand: nobody who comes now is before those who wait
      if (next !== undefined) {
        line.delete(next)
        next()
      } else taken -= 1
    },
    taken: () => taken,
  }
}
