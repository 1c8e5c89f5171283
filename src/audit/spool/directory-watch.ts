/**
 * Keeps the spool's directory for as long as the gateway runs, and knows why nothing can be written there.
 * @module
 */
import type { Hold } from './spool-directory.ts'
import type { Detail } from '../recorder.ts'
import type { Segment } from './writer.ts'
import type { Log } from '../../lib/log.ts'

export interface Keeper {
  /** Looks after the directory. To be called each second, and not twice at once. */
  look(): Promise<void>
  /** Why nothing is written, or null. */
  reason(): string | null
  /** Puts on record what was lost; rejects with the rest still to be told. */
  declare(): Promise<void>
}

export interface KeeperOptions {
  readonly hold: Hold
  /** The segments that are there; those that are missing are taken out. */
  readonly segments: Segment[]
  /** Waits until nothing is being written, and closes the segment. `reason` says why by then. */
  readonly stop: () => Promise<void>
  /** The directory can be written again. */
  readonly begun: () => void
  readonly write: (name: string, detail: Detail) => Promise<void>
  readonly log: Log
}

const TAKEN = 'the audit spool was taken by another process'

export function createKeeper(options: KeeperOptions): Keeper {
  const { hold, segments, log } = options
  const losses: Detail[] = []
  let lost = false
  let away: string | null = null

  async function stop(): Promise<void> {
    away ??= 'the audit spool is gone'
    await options.stop()
  }

  return {
    reason: () => (lost ? TAKEN : away),

    async look() {
      if (lost) return
      const found = await hold.look(segments, stop)
      switch (found.kind) {
        case 'ours':
          return
        case 'taken':
          lost = true
          log({}, `${TAKEN}: nothing is written any more`)
          return
        case 'gone':
          away = `the audit spool is gone and cannot be begun anew: ${found.why}`
          return
        case 'begun':
          losses.push(lossOf(found.missing))
          log({ ...losses.at(-1) }, 'the audit spool was gone, and is begun anew')
          for (const segment of found.missing) segments.splice(segments.indexOf(segment), 1)
          away = null
          options.begun()
      }
    },

    async declare() {
      for (let loss = losses[0]; loss !== undefined; loss = losses[0]) {
        await options.write('spool_lost', loss)
        losses.shift()
      }
    },
  }
}

/** What a record says of segments that are gone; of none if the directory came back whole. */
function lossOf(missing: readonly Segment[]): Detail {
  const records = missing.reduce((sum, { firstSeq, lastSeq }) => sum + lastSeq - firstSeq + 1, 0)
  const [first] = missing
  const last = missing.at(-1)
  const range =
    first === undefined || last === undefined
      ? {}
      : { firstSeq: first.firstSeq, lastSeq: last.lastSeq }
  return { segments: missing.length, records, ...range }
}
