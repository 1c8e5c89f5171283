/**
 * `access wait`: until a request is decided.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { askGateway, text } from '../access/ask-gateway.ts'
import { EXIT, type Io } from '../io.ts'
import type { Wanted } from '../session/credential.ts'
import { MISSING, pathOfGrant, WAITING } from './show.ts'

export interface WaitOptions extends Wanted {
  readonly minutes: number
}

const EVERY_MS = 5_000
const MINUTE_MS = 60_000
const STATUS: Readonly<Record<string, number>> = { active: EXIT.ok, denied: 3, open: WAITING }
const OVER = 5

export async function waitFor(id: string, options: WaitOptions, io: Io): Promise<number> {
  const path = pathOfGrant(id)
  const ends = performance.now() + options.minutes * MINUTE_MS
  for (;;) {
    const grant = await askGateway(io, options, path, { ifMissing: MISSING })
    const state = text(grant.get('state'))
    if (state !== 'open' || performance.now() + EVERY_MS > ends) {
      io.out(state)
      return STATUS[state] ?? OVER
    }
    await sleep(EVERY_MS, undefined, { signal: io.signal })
  }
}
