/**
 * Deletes segments that every required sink has and that are old enough, or in the way; never any other.
 * @module
 */
import type { Shipper } from './shipper.ts'
import type { Spool } from '../spool/spool.ts'

/** Returns a function that retires what may be retired; calls that overlap share one run. */
export function createRetention(options: {
  readonly spool: Spool
  readonly shippers: readonly Shipper[]
  /** How long what is shipped stays, if there is room. */
  readonly retentionSeconds: number
  /** Above this many bytes what is shipped goes at once: it must never be what makes the gateway refuse. */
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
