/**
 * The spool: records become durable in groups, in one chain, or their requests are refused.
 *
 * Group commit: one flusher takes all that waits, writes it as one block and syncs once; the waiters of a group
 * resolve in order after the sync. Two lanes: `intent` begins something and is refused when room runs out; `must`
 * ends something that has begun, and may use the reserve.
 * @module
 */
import { createCommitter, unavailable } from './commit.ts'
import type { Hold } from './spool-directory.ts'
import { createKeeper } from './directory-watch.ts'
import { checkpointText, type Signer } from './keys.ts'
import { createLatency, type Latency } from './latency.ts'
import type { Draft } from '../record/spool-line.ts'
import { createQueue, type Lane } from './queue.ts'
import type { Detail } from '../recorder.ts'
import type { Space } from './free-space.ts'
import { createStates } from './state-records.ts'
import { createWriter, type LateDraft, type Segment, type WriterOptions } from './writer.ts'
import type { Log } from '../../lib/log.ts'

const LOOK_MS = 1_000

export interface SpoolOptions extends Omit<WriterOptions, 'opened' | 'synced'> {
  readonly segments: readonly Segment[]
  readonly space: Space
  readonly segmentBytes: number
  readonly softLimitBytes: number
  readonly hardLimitBytes: number
  /** Makes the record of an event of the spool's own. */
  readonly eventDraft: (name: string, detail: Detail) => Draft
  /** Asked each second. */
  readonly hold: Hold
  readonly log: Log
}

export interface Spool {
  /** Throws `audit_unavailable` if it is known that no record of the lane `intent` can be made durable now. */
  admit(): void
  /** Resolves when the record is durable; rejects with `audit_unavailable` if it cannot be. */
  append(draft: LateDraft, lane: Lane): Promise<void>
  readonly chainId: string
  segments(): readonly Segment[]
  end(): number
  bytes(): number
  /** Called after each group that became durable. */
  onDurable(listener: () => void): void
  /** Forgets and deletes the oldest segment; its record `segment_retired` is durable before. */
  retire(segment: Segment): Promise<void>
  /** Why no request may begin now; empty if one may. */
  reasons(): string[]
  readonly counts: { records: number; refused: number; groups: number; poisoned: number }
  readonly latency: Latency
  /** Writes what waits and a last checkpoint, and closes the segment. */
  close(): Promise<void>
}

/** The record that signs how many records there are and the head after them: made when its place is known. */
function checkpointDraft(
  chainId: string,
  signer: Signer,
  eventDraft: (name: string, detail: Detail) => Draft,
): LateDraft {
  return ({ seq, head }) => {
    const signature = signer.sign(checkpointText({ chainId, seq, count: seq, head }))
    return eventDraft('checkpoint', { seq, count: seq, head, keyId: signer.keyId, signature })
  }
}

export function createSpool(options: SpoolOptions): Spool {
  const { space, chainId, signer } = options
  const segments: Segment[] = [...options.segments]
  const counts = { records: 0, refused: 0, groups: 0, poisoned: 0 }
  const latency = createLatency()
  const listeners: (() => void)[] = []
  let closed = false

  const writer = createWriter({
    ...options,
    opened: (segment) => segments.push(segment),
    synced: (ms) => latency.record(ms),
  })

  const bytes = (): number => segments.reduce((sum, segment) => sum + segment.bytes, 0)

  const checkpoint = checkpointDraft(chainId, signer, options.eventDraft)
  const committer = createCommitter({
    ...options,
    writer,
    checkpoint,
    listeners,
    counts,
    changed: () => {
      states.look()
    },
  })
  const queue = createQueue(committer.write)

  function barred(lane: Lane): string | null {
    if (closed) return 'the audit spool is closed'
    const gone = keeper.reason()
    if (gone !== null) return gone
    const failure = committer.failure()
    if (failure?.over === false) return `the audit disk fails: ${failure.code}`
    if (lane === 'must') return null
    if (!space.reserved()) return 'the audit disk is full'
    return bytes() >= options.hardLimitBytes ? 'the audit spool is at its hard limit' : null
  }

  function append(draft: LateDraft, lane: Lane): Promise<void> {
    const why = barred(lane)
    if (why !== null) {
      counts.refused += 1
      return Promise.reject(unavailable(why))
    }
    return queue.add(draft, lane)
  }

  /** Records an event of the spool's own. */
  const put = (name: string, detail: Detail): Promise<void> =>
    append(options.eventDraft(name, detail), 'must')

  function reasonsNow(): string[] {
    const found: string[] = []
    const why = barred('intent')
    const failure = committer.failure()
    if (why !== null) found.push(why)
    else if (failure !== null) found.push(`the audit disk fails: ${failure.code}`)
    else if (bytes() >= options.softLimitBytes) {
      found.push('the audit spool is above its soft limit')
    }
    const disk = space.reason()
    if (disk !== null && disk !== why) found.push(disk)
    return found
  }

  const states = createStates({
    reasons: reasonsNow,
    now: options.now,
    write: put,
    log: options.log,
  })

  const keeper = createKeeper({
    hold: options.hold,
    segments,
    async stop() {
      states.look()
      await queue.drained()
      await writer.rotate()
    },
    begun: committer.forget,
    write: put,
    log: options.log,
  })

  async function look(): Promise<void> {
    await keeper.look()
    states.look()
    if (closed || keeper.reason() !== null) return
    await space.look()
    await keeper.declare()
    const failure = committer.failure()
    if (failure?.over === true) await put('spool_recovered', { code: failure.code })
    else if (failure === null && committer.isDue()) await append(checkpoint, 'must')
    states.look()
    await states.declare()
  }

  // on a slow disk a look can take longer than the time between two
  let looking: Promise<void> | null = null
  const timer = setInterval(() => {
    looking ??= look()
      // the refusal is counted and logged where it was made
      .catch(() => {})
      .finally(() => {
        looking = null
      })
  }, LOOK_MS)
  timer.unref()

  return {
    admit() {
      const why = barred('intent')
      if (why !== null) throw unavailable(why)
    },
    append,
    chainId,
    segments: () => segments,
    end: () => writer.end().seq,
    bytes,
    onDurable: (listener) => {
      listeners.push(listener)
    },

    async retire(segment) {
      const detail = {
        segment: segment.name,
        firstSeq: segment.firstSeq,
        lastSeq: segment.lastSeq,
        head: segment.head,
      }
      await put('segment_retired', detail)
      segments.splice(segments.indexOf(segment), 1)
      await options.files.remove(segment.path)
    },

    reasons: reasonsNow,

    counts,
    latency,

    async close() {
      clearInterval(timer)
      if (committer.uncovered() > 0) await append(checkpoint, 'must').catch(() => {})
      closed = true
      await queue.drained()
      await writer.rotate()
    },
  }
}
