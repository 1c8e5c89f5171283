/**
 * Concurrent calls for the same key share one run.
 * @module
 */

/** Runs `work` for a key, or joins the run that is under way for it. The result is not cached. */
export type SingleFlight<T> = (key: string, work: () => Promise<T>) => Promise<T>

export function createSingleFlight<T>(): SingleFlight<T> {
  const flights = new Map<string, Promise<T>>()
  return (key, work) => {
    const running = flights.get(key)
    if (running !== undefined) return running
    const flight = work().finally(() => {
      flights.delete(key)
    })
    flights.set(key, flight)
    return flight
  }
}
