/**
 * A semaphore with a bounded queue: so many callers at once, the others wait in the order in which they came.
 * @module
 */

export interface Semaphore {
  /**
   * Waits for a permit, which must be released.
   * @param waitMs longest wait
   * @returns null, or why there is no permit
   */
  acquire(waitMs: number): Promise<string | null>
  release(): void
}

export function createSemaphore(permits: number, maxWaiting: number): Semaphore {
  // a set keeps the order in which they came, and any of them may leave early
  const waiting = new Set<() => void>()
  let taken = 0
  return {
    async acquire(waitMs) {
      if (taken < permits) {
        taken += 1
        return null
      }
      if (waiting.size >= maxWaiting) return 'too many calls at once'
      const { promise, resolve } = Promise.withResolvers<string | null>()
      const admit = (): void => {
        resolve(null)
      }
      waiting.add(admit)
      const timer = setTimeout(() => {
        waiting.delete(admit)
        resolve('no turn came in time')
      }, waitMs)
      return promise.finally(() => {
        clearTimeout(timer)
      })
    },
    release() {
      const [next] = waiting
      // the permit is handed over directly, so that nobody who comes now overtakes those who wait
      if (next !== undefined) {
        waiting.delete(next)
        next()
      } else taken -= 1
    },
  }
}
