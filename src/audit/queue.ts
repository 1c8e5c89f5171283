/**
 * Group commit: one flusher takes all that waits, so that everybody who came meanwhile shares one sync of the disk.
 * @module
 */
import type { LateDraft } from './writer.ts'

const GROUP_RECORDS = 1_024

/** Which records may still be written when room runs out. */
export type Lane = 'intent' | 'must'

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

/** `write` settles every waiter of its group, in order, and never throws; it is never called twice at once. */
export function createQueue(write: (group: readonly Waiter[]) => Promise<void>): Queue {
  let waiting: Waiter[] = []
  let flushing: Promise<void> | null = null

  async function flush(): Promise<void> {
    while (waiting.length > 0) {
      const group = waiting.slice(0, GROUP_RECORDS)
      waiting = waiting.slice(GROUP_RECORDS)
      await write(group)
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
