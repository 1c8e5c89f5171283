/**
 * Group commit: one flusher takes all that waits, so that everybody who came meanwhile shares one sync of the disk.
 *
 * Whoever waited for a group is told while the next one is on its way: what they do then costs the disk no time.
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

/** Resolves or rejects every waiter of a group, in order. */
export type Settle = () => void

/** `write` never throws and is never called twice at once; what it gives back is called once, before that of the next group. */
export function createQueue(write: (group: readonly Waiter[]) => Promise<Settle>): Queue {
  let waiting: Waiter[] = []
  let flushing: Promise<void> | null = null

  async function flush(): Promise<void> {
    let settle: Settle | null = null
    while (waiting.length > 0 || settle !== null) {
      const group = waiting.slice(0, GROUP_RECORDS)
      waiting = waiting.slice(GROUP_RECORDS)
      const writing: Promise<Settle> | null = group.length === 0 ? null : write(group)
      settle?.()
      settle = await writing
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
