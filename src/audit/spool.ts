/**
 * The spool: records become durable in groups, in one chain, or their requests are refused.
 *
 * Group commit: one flusher takes all that waits, writes it as one block and syncs once; the waiters of a group
 * resolve in order after the sync. Two lanes: `intent` begins something and is refused when room runs out; `must`
 * ends something that has begun, and may use the reserve.
 * @module
 */
import { Refusal } from '../errors.ts'
import { checkpointDraft } from './checkpoint.ts'
import { createLatency, type Latency } from './latency.ts'
import { codeOf } from './files.ts'
import {
  createWriter,
  isNoSpace,
  type LateDraft,
  type Segment,
  type WriterOptions,
} from './writer.ts'
import { createStates } from './states.ts'
import { createQueue, type Lane, type Settling, type Waiter } from './queue.ts'
import type { Draft } from './line.ts'
import type { Detail } from './record.ts'
import type { Hold } from './hold.ts'
import { createKeeper } from './keeper.ts'
import type { Space } from './space.ts'

const CHECKPOINT_RECORDS = 1_000
const CHECKPOINT_MS = 10_000
const LOOK_MS = 1_000
/** After the disk refused, how long until it is asked again. */
const BROKEN_MS = 1_000
const RETRY_AFTER_SECONDS = 5

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
  readonly log: (fields: Record<string, unknown>, message: string) => void
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

const unavailable = (inner: string, cause?: unknown): Refusal =>
  new Refusal('audit_unavailable', 'the request cannot be recorded', {
    retryAfter: RETRY_AFTER_SECONDS,
    inner,
    cause,
  })

export function createSpool(options: SpoolOptions): Spool {
  const { space, chainId, signer } = options
  const segments: Segment[] = [...options.segments]
  const counts = { records: 0, refused: 0, groups: 0, poisoned: 0 }
  const latency = createLatency()
  const listeners: (() => void)[] = []
  let sinceCheckpoint = 0
  let checkpointedAt = performance.now()
  let broken: { code: string; until: number } | null = null
  let closed = false

  const writer = createWriter({
    ...options,
    opened: (segment) => segments.push(segment),
    synced: (ms) => latency.record(ms),
  })

  const bytes = (): number => segments.reduce((sum, segment) => sum + segment.bytes, 0)

  const checkpoint = checkpointDraft(chainId, signer, options.eventDraft)

  function barred(lane: Lane): string | null {
    if (closed) return 'the audit spool is closed'
    const gone = keeper.reason()
    if (gone !== null) return gone
    if (broken !== null && performance.now() < broken.until) {
      return `the audit disk fails: ${broken.code}`
    }
    if (lane === 'must') return null
    if (!space.reserved()) return 'the audit disk is full'
    return bytes() >= options.hardLimitBytes ? 'the audit spool is at its hard limit' : null
  }

  function fail(waiters: readonly Waiter[], error: unknown): Settling {
    counts.refused += waiters.length
    return waiters.map(({ reject }) => () => {
      reject(unavailable(codeOf(error), error))
    })
  }

  async function commit(group: readonly Waiter[]): Promise<Settling> {
    const due =
      sinceCheckpoint + group.length >= CHECKPOINT_RECORDS ||
      (sinceCheckpoint > 0 && performance.now() - checkpointedAt >= CHECKPOINT_MS)
    const drafts = group.map(({ draft }) => draft)
    await writer.commit(due ? [...drafts, checkpoint] : drafts)
    broken = null
    counts.groups += 1
    counts.records += drafts.length + (due ? 1 : 0)
    sinceCheckpoint = due ? 0 : sinceCheckpoint + drafts.length
    if (due) checkpointedAt = performance.now()
    return [...group.map(({ resolve }) => resolve), ...listeners]
  }

  /** The disk is full: what begins is refused, what ends is written into the reserve's room. */
  async function commitIntoReserve(group: readonly Waiter[], error: unknown): Promise<Settling> {
    await space.release()
    states.look()
    const refusals = fail(
      group.filter(({ lane }) => lane === 'intent'),
      error,
    )
    const ends = group.filter(({ lane }) => lane === 'must')
    if (ends.length === 0) return refusals
    const ended = await commit(ends).catch((again: unknown) => giveUp(ends, again))
    return [...refusals, ...ended]
  }

  function giveUp(group: readonly Waiter[], error: unknown): Settling {
    if (!isNoSpace(error)) counts.poisoned += 1
    broken = { code: codeOf(error), until: performance.now() + BROKEN_MS }
    options.log({ code: broken.code, records: group.length }, 'the audit disk failed')
    states.look()
    return fail(group, error)
  }

  const isFull = (): boolean => (writer.current()?.bytes ?? 0) >= options.segmentBytes

  async function rotate(): Promise<void> {
    try {
      if (sinceCheckpoint > 0) await writer.commit([checkpoint])
      sinceCheckpoint = 0
      await writer.rotate()
    } catch (error) {
      giveUp([], error)
    }
  }

  const queue = createQueue(async (group) => {
    const settling = await commit(group).catch((error: unknown) =>
      isNoSpace(error) ? commitIntoReserve(group, error) : giveUp(group, error),
    )
    if (isFull()) await rotate()
    return settling
  })

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
    if (why !== null) found.push(why)
    else if (broken !== null) found.push(`the audit disk fails: ${broken.code}`)
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
    begun: () => {
      broken = null
    },
    write: put,
    log: options.log,
  })

  async function look(): Promise<void> {
    await keeper.look()
    states.look()
    if (closed || keeper.reason() !== null) return
    await space.look()
    await keeper.declare()
    const idle = performance.now() - checkpointedAt >= CHECKPOINT_MS
    if (broken !== null && performance.now() >= broken.until) {
      await put('spool_recovered', { code: broken.code })
    } else if (idle && sinceCheckpoint > 0 && broken === null) {
      sinceCheckpoint = 0
      checkpointedAt = performance.now()
      await append(checkpoint, 'must')
      sinceCheckpoint = 0
    }
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
      if (sinceCheckpoint > 0) await append(checkpoint, 'must').catch(() => {})
      closed = true
      await queue.drained()
      await writer.rotate()
    },
  }
}
