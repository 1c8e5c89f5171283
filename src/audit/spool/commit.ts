/**
 * Writes a group of records with the checkpoint that is due: the group becomes durable as a whole, or is refused.
 * @module
 */
import { Refusal } from '../../errors.ts'
import type { Settling, Waiter } from './queue.ts'
import type { FreeSpace } from './free-space.ts'
import { isNoSpace, type ChainWriter, type LateDraft } from './writer.ts'
import { codeOf } from '../../lib/error-code.ts'
import type { Log } from '../../lib/log.ts'

const CHECKPOINT_RECORDS = 1_000
const CHECKPOINT_MS = 10_000
/** How long to wait after a failure before the disk is tried again. */
const BROKEN_MS = 1_000
const RETRY_AFTER_SECONDS = 5

/** The refusal of a request that cannot be recorded. @param inner why, for the record and the log */
export const unavailable = (inner: string, cause?: unknown): Refusal =>
  new Refusal('audit_unavailable', 'the request cannot be recorded', {
    retryAfter: RETRY_AFTER_SECONDS,
    inner,
    cause,
  })

export interface CommitterOptions {
  readonly writer: ChainWriter
  readonly checkpoint: LateDraft
  readonly segmentBytes: number
  readonly space: FreeSpace
  /** Told after each group that became durable. */
  readonly listeners: readonly (() => void)[]
  readonly counts: { records: number; refused: number; groups: number; poisoned: number }
  /** The disk failed, or is full. */
  readonly changed: () => void
  readonly log: Log
}

export interface Committer {
  /** Never throws: the waiters are told what failed. Not to be called twice at once. */
  readonly write: (group: readonly Waiter[]) => Promise<Settling>
  /** The last failure of the disk, and whether it is time to try again; null if the last write succeeded. */
  failure(): { readonly code: string; readonly over: boolean } | null
  /** Forgets the last failure: the directory is new. */
  readonly forget: () => void
  /** Records that no checkpoint covers yet. */
  uncovered(): number
  /** Whether a checkpoint is due by time. */
  isDue(): boolean
}

export function createCommitter(options: CommitterOptions): Committer {
  const { writer, checkpoint, space, counts } = options
  let uncovered = 0
  let coveredAt = performance.now()
  let broken: { code: string; until: number } | null = null

  const isDue = (): boolean => uncovered > 0 && performance.now() - coveredAt >= CHECKPOINT_MS

  function fail(waiters: readonly Waiter[], error: unknown): Settling {
    counts.refused += waiters.length
    return waiters.map(({ reject }) => () => {
      reject(unavailable(codeOf(error), error))
    })
  }

  async function append(drafts: readonly LateDraft[]): Promise<void> {
    await writer.commit(drafts)
    const at = drafts.lastIndexOf(checkpoint)
    uncovered = at < 0 ? uncovered + drafts.length : drafts.length - 1 - at
    if (at >= 0) coveredAt = performance.now()
  }

  async function commit(group: readonly Waiter[]): Promise<Settling> {
    const drafts = group.map(({ draft }) => draft)
    const isFull = uncovered + drafts.length >= CHECKPOINT_RECORDS
    const adds = !drafts.includes(checkpoint) && (isFull || isDue())
    if (adds) drafts.push(checkpoint)
    await append(drafts)
    broken = null
    counts.groups += 1
    counts.records += drafts.length
    return [...group.map(({ resolve }) => resolve), ...options.listeners]
  }

  /** The disk is full: what begins is refused, what ends is written into the room that the reserve gives back. */
  async function commitIntoReserve(group: readonly Waiter[], error: unknown): Promise<Settling> {
    await space.release()
    options.changed()
    const refusals = fail(
      group.filter(({ lane }) => lane === 'intent'),
      error,
    )
    const ends = group.filter(({ lane }) => lane === 'reserved')
    if (ends.length === 0) return refusals
    const ended = await commit(ends).catch((again: unknown) => giveUp(ends, again))
    return [...refusals, ...ended]
  }

  function giveUp(group: readonly Waiter[], error: unknown): Settling {
    if (!isNoSpace(error)) counts.poisoned += 1
    broken = { code: codeOf(error), until: performance.now() + BROKEN_MS }
    options.log({ code: broken.code, records: group.length }, 'the audit disk failed')
    options.changed()
    return fail(group, error)
  }

  async function rotate(): Promise<void> {
    try {
      if (uncovered > 0) await append([checkpoint])
      await writer.rotate()
    } catch (error) {
      giveUp([], error)
    }
  }

  return {
    async write(group) {
      const settling = await commit(group).catch((error: unknown) =>
        isNoSpace(error) ? commitIntoReserve(group, error) : giveUp(group, error),
      )
      if ((writer.current()?.bytes ?? 0) >= options.segmentBytes) await rotate()
      return settling
    },
    failure: () =>
      broken === null ? null : { code: broken.code, over: performance.now() >= broken.until },
    forget() {
      broken = null
    },
    uncovered: () => uncovered,
    isDue,
  }
}
