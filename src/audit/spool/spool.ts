/**
 * The spool: records become durable in groups, in one chain, or their requests are refused.
 *
 * Group commit: one flusher takes all that waits, writes it as one block and syncs once; who waits for it is told in
 * order after the sync. A record of the lane `intent` begins a request and is refused when the disk is full; the others
 * may use the reserve, and an `outcome`, the end of a request, is owed until it is durable.
 * @module
 */
import { createAdmission } from './admission.ts'
import { createCommitter, unavailable, type SpoolCounts } from './commit.ts'
import type { SpoolDirectory } from './spool-directory.ts'
import { createDirectoryWatch } from './directory-watch.ts'
import { checkpointText, type Signer } from './keys.ts'
import { createSyncSeconds } from './latency.ts'
import { createOwed } from './owed.ts'
import type { Draft } from '../record/draft.ts'
import type { End } from '../record/spool-group.ts'
import { createQueue, type Lane, type LateDraft } from './queue.ts'
import type { Detail } from '../recorder.ts'
import type { FreeSpace } from './free-space.ts'
import { createStates } from './state-records.ts'
import { createWriter, type Segment, type WriterOptions } from './writer.ts'
import { everySecond } from '../../lib/every-second.ts'
import type { Log } from '../../lib/log.ts'

export interface SpoolOptions extends Omit<WriterOptions, 'opened' | 'synced'> {
  readonly segments: readonly Segment[]
  readonly space: FreeSpace
  readonly softLimitBytes: number
  readonly hardLimitBytes: number
  /** Makes the record of an event of the spool's own. */
  readonly eventDraft: (name: string, detail: Detail) => Draft
  /** Looked at each second. */
  readonly spoolDirectory: SpoolDirectory
  readonly log: Log
}

export interface Spool {
  /** Throws `audit_unavailable` if it is known that no record of the lane `intent` can be made durable now. */
  admit(): void
  /** Resolves when the record is durable; rejects with `audit_unavailable` if it cannot be. It need not be caught. */
  append(draft: Draft, lane: Lane): Promise<void>
  /** Ends of requests that are not on the disk yet. */
  owed(): number
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
  readonly counts: Readonly<SpoolCounts>
  readonly syncSeconds: ReturnType<typeof createSyncSeconds>
  /** Writes what waits and a last checkpoint, and closes the segment. */
  close(): Promise<void>
}

/** The record that signs how many records there are and the head after them: made when its place is known. */
function checkpointDraft(
  chainId: string,
  signer: Signer,
  eventDraft: (name: string, detail: Detail) => Draft,
): (end: End) => Draft {
  return ({ seq, head }) => {
    const signature = signer.sign(checkpointText({ chainId, seq, count: seq, head }))
    return eventDraft('checkpoint', { seq, count: seq, head, keyId: signer.keyId, signature })
  }
}

// oxlint-disable-next-line max-lines-per-function -- one state machine, whose parts ask each other for their state
export function createSpool(options: SpoolOptions): Spool {
  const { space, chainId, log } = options
  const segments: Segment[] = [...options.segments]
  const counts: SpoolCounts = { records: 0, refused: 0, groups: 0, poisoned: 0, kinds: new Map() }
  const syncSeconds = createSyncSeconds()
  const syncs = syncSeconds.of('all')
  const listeners: (() => void)[] = []
  let closed = false
  const bytes = createSizeOf(segments, counts)

  const writer = createWriter({
    ...options,
    opened: (segment) => segments.push(segment),
    synced: (ms) => syncs.observe(ms / 1000),
  })
  const checkpoint = checkpointDraft(chainId, options.signer, options.eventDraft)
  const changed = (): void => {
    states.look()
  }
  const owed = createOwed((outcome) => append(outcome, 'outcome'))
  // a group that became durable shows that the disk works
  listeners.push(owed.retry)
  const tellListeners = (): void => {
    for (const tell of listeners) tell()
  }
  const { owe } = owed
  const committer = createCommitter({
    ...options,
    writer,
    checkpoint,
    owe,
    durable: tellListeners,
    counts,
    changed,
  })
  const queue = createQueue(committer.write)
  const admission = createAdmission({
    ...options,
    committer,
    bytes,
    isClosed: () => closed,
    directoryReason: () => watch.reason(),
  })

  function append(draft: LateDraft, lane: Lane): Promise<void> {
    const why = admission.refusal(lane)
    if (why === null) return queue.add(draft, lane)
    counts.refused += 1
    if (lane === 'outcome' && draft !== 'checkpoint') owed.owe(draft)
    const refused = Promise.reject(unavailable(why))
    // as the queue's promises, it need not be caught
    refused.catch(() => undefined)
    return refused
  }

  /** Records an event of the spool's own. */
  const write = (name: string, detail: Detail): Promise<void> =>
    append(options.eventDraft(name, detail), 'reserved')

  const states = createStates({ reasons: admission.reasons, now: options.now, write, log })
  const watch = createDirectoryWatch({
    directory: options.spoolDirectory,
    segments,
    async stop() {
      changed()
      await queue.drained()
      await writer.rotate()
    },
    restarted: committer.forget,
    write,
    log,
  })

  // a refusal is counted and logged where it was made
  const stopLooking = everySecond(async () => {
    await watch.look()
    states.look()
    if (closed || watch.reason() !== null) return
    await space.look()
    await watch.recordLosses()
    const failure = committer.failure()
    if (failure?.over === true) await write('spool_recovered', { code: failure.code })
    else if (failure === null && committer.isDue()) await append('checkpoint', 'reserved')
    states.look()
    await states.record()
  })

  return {
    admit() {
      const why = admission.refusal('intent')
      if (why !== null) throw unavailable(why)
    },
    append,
    owed: owed.count,
    chainId,
    segments: () => segments,
    end: () => writer.end().seq,
    bytes,
    onDurable: (listener) => {
      listeners.push(listener)
    },
    async retire(segment) {
      await write('segment_retired', retirementOf(segment))
      segments.splice(segments.indexOf(segment), 1)
      await options.files.remove(segment.path)
    },
    reasons: admission.reasons,
    counts,
    syncSeconds,
    async close() {
      void stopLooking()
      await queue.drained()
      if (committer.uncovered() > 0) await append('checkpoint', 'reserved').catch(() => {})
      closed = true
      await queue.drained()
      await writer.rotate()
    },
  }
}

/** The bytes of all segments, which are added up again only when one has grown, is new or is gone. */
function createSizeOf(segments: readonly Segment[], counts: SpoolCounts): () => number {
  let known = { groups: -1, segments: 0, bytes: 0 }
  return () => {
    if (known.groups !== counts.groups || known.segments !== segments.length) {
      const sum = segments.reduce((bytes, segment) => bytes + segment.bytes, 0)
      known = { groups: counts.groups, segments: segments.length, bytes: sum }
    }
    return known.bytes
  }
}

/** What a record says of a segment that is about to be deleted. */
const retirementOf = ({ name, firstSeq, lastSeq, head }: Segment): Detail => ({
  segment: name,
  firstSeq,
  lastSeq,
  head,
})
