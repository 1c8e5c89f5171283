/**
 * Waiting for what must come to be, so that no test waits for a fixed time.
 * @module
 */
import { setTimeout as delay } from 'node:timers/promises'

type Nothing = false | null | undefined
type Look<T> = () => Promise<T | Nothing> | T | Nothing

async function poll<T>(look: Look<T>, everyMs: number, expired: () => void): Promise<T> {
  for (;;) {
    const found = await look()
    if (found !== false && found !== null && found !== undefined) return found
    expired()
    await delay(everyMs)
  }
}

/** Waits until `look` finds something; the test's own time-out is the limit. */
export function until<T>(look: Look<T>): Promise<T> {
  return poll(look, 5, () => {})
}

/** The same with a limit; what it rejects with says what did not come. */
export function eventually<T>(what: string, look: Look<T>, ms = 30_000): Promise<T> {
  const deadline = performance.now() + ms
  return poll(look, 25, () => {
    if (performance.now() >= deadline) throw new Error(`it did not come to be: ${what}`)
  })
}
