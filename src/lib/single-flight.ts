/**
 * Runs that are shared by those who ask at the same time: one for each key, or one after the other.
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

/**
 * Makes a maker of tasks that take turns: none begins before all that were asked for earlier are over. Who asks for a task
 * that has been asked for and has not begun yet shares that run, so each run has begun after whoever it serves has asked.
 */
export function createTurns(): <T>(task: () => Promise<T>) => () => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(task: () => Promise<T>) => {
    let waiting: Promise<T> | null = null

    function begin(): Promise<T> {
      waiting = null
      return task()
    }

    return () => {
      if (waiting !== null) return waiting
      waiting = last.then(begin)
      last = waiting.catch(() => undefined)
      return waiting
    }
  }
}
