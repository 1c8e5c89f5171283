/**
 * A gateway whose wall clock a test can move: a signal lets an hour pass.
 * @module
 */
import type { Gateway } from '../../lab/gateway/gateway.ts'
import { eventually } from './eventually.ts'

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
  await eventually('the gateway has moved its clock', () =>
    gateway.logs().includes(`ahead by ${ahead} ms`),
  )
}
