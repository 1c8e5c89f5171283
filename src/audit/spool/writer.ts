/**
 * Appends groups to the chain: one open segment, and how much of it is durable.
 *
 * A write that fails for want of space leaves a torn tail, which is cut. Any other failure, and any failure to sync,
 * poisons the segment: it is never synced again, because Linux reports a lost page once and then calls it clean
 * (the "fsyncgate" of PostgreSQL, 2018). The next segment's header says how much of the poisoned one counts.
 * @module
 */
import { performance } from 'node:perf_hooks'
import { writeAll, type SegmentFile, type SpoolFiles } from './files.ts'
import { createZerosAhead } from './zeros-ahead.ts'
import { createGroupWriter, headOf, type End, type WrittenGroup } from '../record/spool-group.ts'
import { headerText, type Header } from '../record/spool-header.ts'
import type { Draft } from '../record/draft.ts'
import type { Signer } from './keys.ts'
import { codeOf } from '../../lib/error-code.ts'

/** A segment as far as it is durable. */
export interface Segment {
  readonly name: string
  readonly path: string
  readonly firstSeq: number
  /** Bytes that are durable; what stands after them was never acknowledged. */
  bytes: number
  lastSeq: number
  /** Head after the last durable group. */
  head: string
  /** No more is appended. */
  closed: boolean
  /** Milliseconds since the epoch of the last append, for retention. */
  touchedAt: number
}

/** A group that has just become durable. Its bytes are good until this is answered; its other members stay as they are. */
export interface DurableGroup extends Omit<WrittenGroup, 'end'> {
  readonly drafts: readonly Draft[]
  /** Number of its first record. */
  readonly first: number
  /** Name of its segment, and where it begins there. */
  readonly segment: string
  readonly start: number
}

export interface ChainWriter {
  readonly end: () => End
  readonly current: () => Segment | null
  /** Makes a group of drafts durable as a whole, or throws; then none of them counts. */
  commit(drafts: readonly Draft[]): Promise<void>
  /** Closes the segment; the next commit opens another. */
  rotate(): Promise<void>
}

export interface WriterOptions {
  readonly directory: string
  readonly chainId: string
  readonly bootId: string
  readonly signer: Signer
  readonly files: SpoolFiles
  readonly sync: boolean
  /** A segment that has so many is closed. */
  readonly segmentBytes: number
  readonly now: () => number
  /** The chain's end and last segment, as recovery found them. */
  readonly end: End
  readonly last: Segment | null
  readonly opened: (segment: Segment) => void
  readonly synced: (ms: number) => void
  /** Told of each group that became durable, before anybody who waits for it. */
  readonly durable?: (group: DurableGroup) => void
}

/** Error codes of a full disk, after which the same segment can be used again. */
const NO_SPACE = new Set(['ENOSPC', 'EDQUOT'])
export const isNoSpace = (error: unknown): boolean => NO_SPACE.has(codeOf(error))

/** The header of a segment that continues the chain at `end`, after the segment `last`. */
function headerAfter(
  { chainId, bootId, signer, now }: WriterOptions,
  segment: string,
  end: End,
  last: Segment | null,
): Header {
  return {
    kind: 'header',
    schema: 'azureml-harness-audit/2',
    chainId,
    bootId,
    segment,
    firstSeq: end.seq + 1,
    prevSegment: last?.name ?? null,
    prevSegmentBytes: last?.bytes ?? 0,
    prevSegmentHead: end.head,
    keyId: signer.keyId,
    publicKey: signer.publicKey,
    openedAt: new Date(now()).toISOString(),
  }
}

async function sync(target: SegmentFile, options: WriterOptions): Promise<void> {
  if (!options.sync) return
  const start = performance.now()
  await target.datasync()
  options.synced(performance.now() - start)
}

/** Creates a segment with its header, durable when it resolves; leaves no file behind if that fails. */
async function createSegment(
  options: WriterOptions,
  name: string,
  header: Buffer,
): Promise<SegmentFile> {
  const { directory, files } = options
  const created = await files.create(directory, name)
  try {
    await writeAll(created, header, 0)
    await sync(created, options)
  } catch (error) {
    await created.close().catch(() => {})
    await files.remove(`${directory}/${name}`).catch(() => {})
    throw error
  }
  return created
}

/** A segment that has its header only, `bytes` long. */
const emptySegment = (
  { directory, now }: WriterOptions,
  name: string,
  { seq, head }: End,
  bytes: number,
): Segment => ({
  name,
  path: `${directory}/${name}`,
  firstSeq: seq + 1,
  bytes,
  lastSeq: seq,
  head,
  closed: false,
  touchedAt: now(),
})

export function createWriter(options: WriterOptions): ChainWriter {
  const { bootId, files } = options
  // one group is written at a time, so one block is enough
  const groupOf = createGroupWriter(options.chainId)
  const zeros = createZerosAhead(options.segmentBytes)
  let end = options.end
  let last = options.last
  let file: SegmentFile | null = null
  let number = 0

  async function open(): Promise<SegmentFile> {
    const name = `${bootId}-${String(number).padStart(6, '0')}.jsonl`
    number += 1
    const data = Buffer.from(headerText(headerAfter(options, name, end, last)))
    const created = await createSegment(options, name, data)
    end = { seq: end.seq, head: headOf(data.subarray(0, -1)) }
    last = emptySegment(options, name, end, data.length)
    file = created
    zeros.begin(data.length)
    options.opened(last)
    return created
  }

  async function rotate(): Promise<void> {
    const closing = file
    file = null
    if (last !== null) {
      last.closed = true
      // best effort: whoever reads it leaves them out
      if (closing !== null) await zeros.cut(closing, last.bytes).catch(() => {})
    }
    await closing?.close().catch(() => {})
  }

  async function poison(): Promise<void> {
    const segment = last
    await rotate()
    // best effort, by another descriptor: the next header says the same
    if (segment !== null) await files.cut(segment.path, segment.bytes).catch(() => {})
  }

  /** Writes and syncs; after a failure the segment is cut to its old length, or poisoned. */
  async function append(target: SegmentFile, segment: Segment, data: Buffer): Promise<void> {
    try {
      await writeAll(target, data, segment.bytes)
    } catch (error) {
      try {
        if (!isNoSpace(error)) throw error
        await target.truncate(segment.bytes)
        zeros.begin(segment.bytes)
      } catch {
        await poison()
      }
      throw error
    }
    try {
      if (options.sync) await zeros.extend(target, segment.bytes + data.length)
      await sync(target, options)
    } catch (error) {
      await poison()
      throw error
    }
  }

  return {
    end: () => end,
    current: () => (file === null ? null : last),

    async commit(drafts) {
      const target = file ?? (await open())
      const segment = last
      if (segment === null) throw new Error('no segment')
      const made = groupOf(drafts, end)
      const place = { first: end.seq + 1, segment: segment.name, start: segment.bytes }
      await append(target, segment, made.data)
      end = made.end
      options.durable?.({ ...made, ...place, drafts })
      segment.bytes += made.data.length
      segment.lastSeq = end.seq
      segment.head = end.head
      segment.touchedAt = options.now()
    },

    rotate,
  }
}
