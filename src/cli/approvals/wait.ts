/**
 * `approvals wait`: until a review is decided.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { askGateway, text } from '../access/ask-gateway.ts'
import { EXIT, type Io } from '../io.ts'
import type { Wanted } from '../session/credential.ts'
import { MISSING, pathOfReview } from './show.ts'

export interface WaitOptions extends Wanted {
  readonly minutes: number
}

const EVERY_MS = 5_000
const MINUTE_MS = 60_000
const STATUS: Readonly<Record<string, number>> = { approved: EXIT.ok, rejected: 3, open: 4 }
const OVER = 5

export async function waitFor(id: string, options: WaitOptions, io: Io): Promise<number> {
  const path = pathOfReview(id)
  const ends = performance.now() + options.minutes * MINUTE_MS
  for (;;) {
    const review = await askGateway(io, options, path, { ifMissing: MISSING })
    const state = text(review.get('state'))
    if (state !== 'open' || performance.now() + EVERY_MS > ends) {
      io.out(state)
      return STATUS[state] ?? OVER
    }
    await sleep(EVERY_MS, undefined, { signal: io.signal })
  }
}
