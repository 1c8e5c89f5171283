/**
 * Load before anything is measured: until each call of the file was made, and code is compiled. It goes by calls and not by
 * seconds, so that a slow machine measures what a fast one does.
 */
import { readCalls } from './calls.ts'
import { closedLoop, type Load } from './closed-loop.ts'

/** Calls that were made of a file with so many. */
export interface WarmUp {
  readonly made: number
  readonly calls: number
}

/** How often each call is made, if that takes no longer than was given. */
const TIMES = 10
/** To make each call once it may take so many times as long. */
const PATIENCE = 6
/** Calls a second that anything answers here; of a load that is started again and again, the next part begins with the next call. */
const CALLS_PER_SECOND = 5_000
const LEAST_SECONDS = 2
/** Each part begins with handshakes. */
const HANDSHAKES_PER_SECOND = 400

/**
 * Makes each call ten times, or for as long as `seconds`, but each at least once within six times as long.
 * @throws if a call fails
 */
export async function warmUp({ seconds, ...load }: Omit<Load, 'from'>): Promise<WarmUp> {
  const calls = readCalls(load.file).calls.length
  const handshakes = Math.floor(load.connections / HANDSHAKES_PER_SECOND)
  const least = Math.max(LEAST_SECONDS, Math.ceil(calls / CALLS_PER_SECOND))
  const part = Math.min(seconds, least + handshakes)
  let [made, took] = [0, 0]
  while (took < (made < calls ? PATIENCE * seconds : seconds) && made < TIMES * calls) {
    const { requests } = await closedLoop({ ...load, seconds: part, from: made % calls })
    made += requests
    took += part
  }
  return { made, calls }
}

/** What was not warm, in words; null if all was. */
export function coldness({ made, calls }: WarmUp): string | null {
  return made < calls ? `${made} of ${calls} calls were made before it was measured` : null
}
