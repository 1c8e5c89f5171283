/**
 * Deletes segments that every required sink has, once they are old enough or their room is needed.
 * @module
 */
import type { Shipper } from './shipper.ts'
import type { Spool } from '../spool/spool.ts'

/** Returns a function that deletes what may be deleted; calls that overlap share one run. */
export function createRetention(options: {
  readonly spool: Spool
  readonly shippers: readonly Shipper[]
  /** How long a shipped segment is kept if there is room. */
  readonly retentionSeconds: number
  /** Above this many bytes shipped segments are deleted at once, so that they never bring the spool to its limit. */
  readonly roomBytes: number
  readonly now: () => number
}): () => Promise<void> {
  const { spool, shippers, retentionSeconds, roomBytes, now } = options
  let running: Promise<void> | null = null

  async function retire(): Promise<void> {
    const required = shippers.filter(({ sink }) => sink.required)
    for (const segment of spool.segments().slice()) {
      // the newest segment stays: the chain's end is in it
      if (!segment.closed || segment === spool.segments().at(-1)) return
      if (required.some((shipper) => shipper.seq() < segment.lastSeq)) return
      const young = now() - segment.touchedAt < retentionSeconds * 1000
      if (young && spool.bytes() <= roomBytes) return
      // a cursor that is behind after a power failure must find its segment
      await Promise.all(shippers.map((shipper) => shipper.sync()))
      await spool.retire(segment)
    }
  }

  return () => {
    running ??= retire().finally(() => {
      running = null
    })
    return running
  }
}
