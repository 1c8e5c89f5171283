/**
 * A clock that a test sets forward, for this process with the lab in it and for the gateway's own.
 */
import { writeFileSync } from 'node:fs'
import { eventually } from '../../support/eventually.ts'
import type { Gateway } from '../../../lab/gateway/gateway.ts'

const PRELOAD = `
import { readFileSync } from 'node:fs'
const Real = Date
let ahead = 0
const read = () => { ahead = Number(readFileSync(process.env.TEST_CLOCK, 'utf8')) }
globalThis.Date = class extends Real {
  constructor(...given) { if (given.length === 0) super(Real.now() + ahead); else super(...given) }
  static now() { return Real.now() + ahead }
}
read()
process.on('SIGUSR2', () => {
  read()
  process.stderr.write('the clock is ahead by ' + ahead + ' ms\\n')
})`

export interface Clock {
  /** For the gateway's environment. */
  readonly env: Readonly<Record<string, string>>
  /** @param ahead milliseconds, of the time at which the test began */
  readonly set: (ahead: number, gateway: Gateway) => Promise<void>
}

/** @param file holds the time by which clocks are ahead */
export function createClock(file: string): Clock {
  const Real = Date
  let now = 0
  writeFileSync(file, '0')
  class Moved extends Real {
    constructor(...given: [] | [number]) {
      if (given.length === 0) super(Real.now() + now)
      else super(...given)
    }
    static override now(): number {
      return Real.now() + now
    }
  }
  globalThis.Date = Moved as DateConstructor
  return {
    env: {
      TEST_CLOCK: file,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(PRELOAD)}`,
    },
    async set(ahead, gateway) {
      now = ahead
      writeFileSync(file, String(ahead))
      process.kill(gateway.pid, 'SIGUSR2')
      await eventually('the gateway has set its clock', () =>
        gateway.logs().includes(`ahead by ${ahead} ms`),
      )
    },
  }
}
