/**
 * Watches the spool's directory while the gateway runs: says why nothing can be written there, and puts on record which
 * segments were lost.
 * @module
 */
import type { SpoolDirectory } from './spool-directory.ts'
import type { Detail } from '../recorder.ts'
import type { Segment } from './writer.ts'
import type { Log } from '../../lib/log.ts'

export interface DirectoryWatch {
  /** Checks the directory and makes it again if it is gone. To be called each second, and not twice at once. */
  look(): Promise<void>
  /** Why nothing is written, or null. */
  reason(): string | null
  /** Records what was lost; if it rejects, the rest is kept for the next call. */
  recordLosses(): Promise<void>
}

export interface DirectoryWatchOptions {
  readonly directory: SpoolDirectory
  /** The segments that are there; those that are missing are taken out. */
  readonly segments: Segment[]
  /** Waits until nothing is being written, and closes the segment. `reason` says why by then. */
  readonly stop: () => Promise<void>
  /** The directory can be written again. */
  readonly restarted: () => void
  readonly write: (name: string, detail: Detail) => Promise<void>
  readonly log: Log
}

const TAKEN = 'the audit spool was taken by another process'

export function createDirectoryWatch(options: DirectoryWatchOptions): DirectoryWatch {
  const { directory, segments, log } = options
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
      const found = await directory.look(segments, stop)
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
        case 'restarted':
          losses.push(lossOf(found.missing))
          log({ ...losses.at(-1) }, 'the audit spool was gone, and is begun anew')
          for (const segment of found.missing) segments.splice(segments.indexOf(segment), 1)
          away = null
          options.restarted()
      }
    },

    async recordLosses() {
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
