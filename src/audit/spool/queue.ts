/**
 * Group commit: one flusher takes all that waits, so that everybody who came meanwhile shares one sync of the disk.
 *
 * The waiters of a group are told while the next group is being written, a few at a time with a turn of the event loop in
 * between: so what they do next does not delay noticing that the disk is done.
 * @module
 */
import { setImmediate as immediate } from 'node:timers/promises'
import type { LateDraft } from './writer.ts'

const GROUP_RECORDS = 1_024
const SETTLED_AT_ONCE = 8

/** Whether a record may still be written when the disk is full: `reserved` may, into the reserve's room. */
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

/** Callbacks that tell the waiters of a group whether it is durable, in order. */
export type Settling = readonly (() => void)[]

/** `write` never throws and is never called twice at once; its callbacks are called before those of the next group. */
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
    // lets the event loop see that the disk is done
    if (at > 0 && at % SETTLED_AT_ONCE === 0) await immediate()
    tell()
  }
}
