/**
 * A gateway whose wall clock a test can move: an hour passes at a signal.
 * @module
 */
import type { Gateway } from '../../lab/gateway/gateway.ts'

/** What one signal adds. */
export const HOUR_MS = 3_601_000

const PRELOAD = `
let ahead = 0
const real = Date.now
Date.now = () => real() + ahead
process.on('SIGUSR2', () => {
  ahead += ${HOUR_MS}
  process.stderr.write('the clock is ahead by ' + ahead + ' ms\\n')
})`

/** Flags for node, to be given as `execArgv`. */
export const movableClock: readonly string[] = [
  '--import',
  `data:text/javascript,${encodeURIComponent(PRELOAD)}`,
]

/** Lets an hour pass for a gateway that was started with `movableClock`; `ahead`: all of its hours so far. */
export async function letAnHourPass(gateway: Gateway, ahead: number): Promise<void> {
  process.kill(gateway.pid, 'SIGUSR2')
  for (let tries = 0; tries < 500; tries += 1) {
    if (gateway.logs().includes(`ahead by ${ahead} ms`)) return
    await new Promise((done) => setTimeout(done, 10))
  }
  throw new Error('the gateway did not move its clock')
}
