/**
 * One call however many wait for it.
 * @module
 */

/** Runs `work` for a key, or joins the run that is under way for it. Nothing is kept once it ends. */
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
