/**
 * Group commit: one flusher takes all that waits, so that everybody who came meanwhile shares one sync of the disk.
 *
 * Whoever waited for a group is told while the next one is on its way, a few at a time: what they do then costs the
 * disk no time, because that the disk is done is noticed in between.
 * @module
 */
import { setImmediate as immediate } from 'node:timers/promises'
import type { LateDraft } from './writer.ts'

const GROUP_RECORDS = 1_024
const SETTLED_AT_ONCE = 8

/** Which records may still be written when room runs out. */
export type Lane = 'intent' | 'reserved'

/** A record whose recorder waits. */
export interface Waiter {
  readonly draft: LateDraft
  readonly lane: Lane
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export interface Queue {
  /** Resolves or rejects as `write` settles the waiter. */
  add(draft: LateDraft, lane: Lane): Promise<void>
  /** Resolves when nothing waits. */
  drained(): Promise<void>
}

/** What tells the waiters of a group how it went, in order. */
export type Settling = readonly (() => void)[]

/** `write` never throws and is never called twice at once; what it gives back is done before that of the next group. */
export function createQueue(write: (group: readonly Waiter[]) => Promise<Settling>): Queue {
  let waiting: Waiter[] = []
  let flushing: Promise<void> | null = null

  async function flush(): Promise<void> {
    let settling: Settling = []
    while (waiting.length > 0 || settling.length > 0) {
      const group = waiting.slice(0, GROUP_RECORDS)
      waiting = waiting.slice(GROUP_RECORDS)
      const writing = group.length === 0 ? [] : write(group)
      await settle(settling)
      settling = await writing
    }
    flushing = null
  }

  async function drained(): Promise<void> {
    if (flushing === null) return
    await flushing
    await drained()
  }

  return {
    add: (draft, lane) =>
      new Promise((resolve, reject) => {
        waiting.push({ draft, lane, resolve, reject })
        // all that arrives in this turn of the event loop shares one sync
        flushing ??= new Promise((done, failed) => {
          setImmediate(() => {
            flush().then(done, failed)
          })
        })
      }),
    drained,
  }
}

async function settle(settling: Settling): Promise<void> {
  for (const [at, tell] of settling.entries()) {
    // what the event loop has to say of the disk comes in between
    if (at > 0 && at % SETTLED_AT_ONCE === 0) await immediate()
    tell()
  }
}
