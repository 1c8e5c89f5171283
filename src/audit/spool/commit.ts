/**
 * Writes a group of records with the checkpoint that is due: the group becomes durable as a whole, or is refused. A
 * checkpoint is the first record of its group, because a group has one head, and it signs the head before it.
 * @module
 */
import { performance } from 'node:perf_hooks'
import { Refusal } from '../../errors.ts'
import type { Draft } from '../record/draft.ts'
import type { End } from '../record/spool-group.ts'
import type { Entry, Group, Settling, Waiters } from './queue.ts'
import type { FreeSpace } from './free-space.ts'
import { isNoSpace, type ChainWriter } from './writer.ts'
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

export interface SpoolCounts {
  records: number
  refused: number
  groups: number
  poisoned: number
  /** Durable records by kind; checkpoints are not among them. */
  readonly kinds: Map<string, number>
}

export interface CommitterOptions {
  readonly writer: ChainWriter
  readonly checkpoint: (end: End) => Draft
  /** Takes the end of a request that did not become durable. */
  readonly owe: (outcome: Draft) => void
  readonly segmentBytes: number
  readonly space: FreeSpace
  /** Told after each group that became durable. */
  readonly durable: () => void
  readonly counts: SpoolCounts
  /** The disk failed, or is full. */
  readonly changed: () => void
  readonly log: Log
}

export interface Committer {
  /** Never throws: the waiters are told what failed. Not to be called twice at once. */
  readonly write: (group: Group) => Promise<Settling>
  /** The last failure of the disk, and whether it is time to try again; null if the last write succeeded. */
  failure(): { readonly code: string; readonly over: boolean } | null
  /** Forgets the last failure: the directory is new. */
  readonly forget: () => void
  /** Records that no checkpoint covers yet. */
  uncovered(): number
  /** Whether a checkpoint is due by time. */
  isDue(): boolean
}

/** What is left of a group: at first all of it. */
interface Part {
  readonly entries: readonly Entry[]
  readonly waiters: readonly Waiters[]
}

export function createCommitter(options: CommitterOptions): Committer {
  const { writer, checkpoint, space, counts } = options
  let uncovered = 0
  let coveredAt = performance.now()
  let broken: { code: string; until: number } | null = null

  const isDue = (): boolean => uncovered > 0 && performance.now() - coveredAt >= CHECKPOINT_MS

  function fail({ entries, waiters }: Part, error: unknown): Settling {
    counts.refused += entries.length
    for (const { draft, lane } of entries) {
      if (lane === 'outcome' && draft !== 'checkpoint') options.owe(draft)
    }
    return waiters.map(({ reject }) => () => {
      reject(unavailable(codeOf(error), error))
    })
  }

  async function append(drafts: readonly Draft[], sign: boolean): Promise<void> {
    const signed = sign ? [checkpoint(writer.end()), ...drafts] : drafts
    await writer.commit(signed)
    counts.groups += 1
    counts.records += signed.length
    uncovered = sign ? drafts.length : uncovered + drafts.length
    if (sign) coveredAt = performance.now()
  }

  async function commit({ entries, waiters }: Part): Promise<Settling> {
    const drafts: Draft[] = []
    for (const { draft } of entries) if (draft !== 'checkpoint') drafts.push(draft)
    const isAsked = drafts.length < entries.length
    await append(drafts, isAsked || uncovered >= CHECKPOINT_RECORDS || isDue())
    broken = null
    for (const { kind } of drafts) counts.kinds.set(kind, (counts.kinds.get(kind) ?? 0) + 1)
    return [...waiters.map(({ resolve }) => resolve), options.durable]
  }

  /** The disk is full: what begins is refused, what ends is written into the room that the reserve gives back. */
  async function commitIntoReserve({ entries, waiters }: Part, error: unknown): Promise<Settling> {
    await space.release()
    options.changed()
    const begin = {
      entries: entries.filter(({ lane }) => lane === 'intent'),
      waiters: waiters.filter(({ forIntents }) => forIntents),
    }
    const end = {
      entries: entries.filter(({ lane }) => lane !== 'intent'),
      waiters: waiters.filter(({ forIntents }) => !forIntents),
    }
    const refusals = fail(begin, error)
    if (end.entries.length === 0) return refusals
    const ended = await commit(end).catch((again: unknown) => giveUp(end, again))
    return [...refusals, ...ended]
  }

  function giveUp(part: Part, error: unknown): Settling {
    if (!isNoSpace(error)) counts.poisoned += 1
    broken = { code: codeOf(error), until: performance.now() + BROKEN_MS }
    options.log({ code: broken.code, records: part.entries.length }, 'the audit disk failed')
    options.changed()
    return fail(part, error)
  }

  async function rotate(): Promise<void> {
    try {
      if (uncovered > 0) await append([], true)
      await writer.rotate()
    } catch (error) {
      giveUp({ entries: [], waiters: [] }, error)
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
