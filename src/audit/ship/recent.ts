/**
 * Records of the last moments as sinks get them, with their OCSF events. What is shipped soon after it became durable is
 * taken from here, and neither read from the disk nor parsed; whoever is further behind reads the spool.
 *
 * Rows stand in blocks of memory that are used again once every sink has their records, and dropped when there are too many.
 * @module
 */
import { endWithOcsf } from '../record/ocsf.ts'
import type { DurableGroup } from '../spool/writer.ts'
import type { Segment } from '../spool/writer.ts'
import { PageRow, type Page, type Position } from './reader.ts'
import type { ShippedRow } from './sinks/sink.ts'

export interface Recent {
  /** Keeps a copy of a group's rows. */
  readonly add: (group: DurableGroup) => void
  /** One for each sink. */
  readonly reader: () => ReadRecent
}

/**
 * The next records after `at` of one of these segments, at most `limitBytes` of them (but at least one), or null if they are
 * not kept. The rows are good until the next call; all up to `at` are shipped.
 */
export type ReadRecent = (
  segments: readonly Segment[],
  at: Position,
  limitBytes: number,
) => Page | null

const BLOCK_BYTES = 1 << 20
const MAX_BLOCKS = 16
/** Blocks that wait to be used again. */
const MAX_FREE = 4
/** Of an event, besides its text. */
const FRAME_BYTES = 200

interface Block {
  readonly data: Buffer
  used: number
  lastSeq: number
}

interface KeptGroup {
  readonly block: Block
  readonly segment: string
  readonly start: number
  readonly stop: number
  readonly first: number
  /** Where its rows begin in the block, and where each of them ends. */
  readonly from: number
  readonly ends: readonly number[]
}

/** @param chainId of the spool */
export function createRecent(chainId: string): Recent {
  const readers: { shipped: number }[] = []
  const free: Buffer[] = []
  let blocks: Block[] = []
  let groups: KeptGroup[] = []

  /** Gives up the oldest blocks: those that every sink has, and one more if there are too many. */
  function release(): void {
    const shipped = Math.min(...readers.map((reader) => reader.shipped))
    const done = blocks.filter(({ lastSeq }) => lastSeq <= shipped)
    // a sink may be sending what stands in a block that is dropped, so that one is not used again
    const dropped = done.length === 0 && blocks.length >= MAX_BLOCKS ? blocks.slice(0, 1) : done
    if (dropped.length === 0) return
    for (const { data } of done) {
      if (free.length < MAX_FREE && data.length === BLOCK_BYTES) free.push(data)
    }
    blocks = blocks.filter((block) => !dropped.includes(block))
    groups = groups.filter(({ block }) => !dropped.includes(block))
  }

  function blockFor(bytes: number): Block {
    const last = blocks.at(-1)
    if (last !== undefined && last.data.length - last.used >= bytes) return last
    release()
    const data = bytes <= BLOCK_BYTES ? free.pop() : undefined
    const block: Block = {
      data: data ?? Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, bytes)),
      used: 0,
      lastSeq: 0,
    }
    blocks.push(block)
    return block
  }

  return {
    add(group) {
      const { drafts, rowEnds, data, segment, start, first } = group
      const endings = drafts.map(({ event }, index) =>
        event === null
          ? endWithOcsf(data.toString('utf8', beginOf(rowEnds, index), rowEnds[index]))
          : `,"Ocsf":{"metadata":{"uid":"${chainId}:${first + index}","sequence":${first + index}${event}}`,
      )
      let most = data.length
      for (const ending of endings) most += ending.length * 3 + FRAME_BYTES
      const block = blockFor(most)
      const from = block.used
      const ends = endings.map((ending, index) => {
        // in the place of the row's last brace
        block.used += data.copy(
          block.data,
          block.used,
          beginOf(rowEnds, index),
          (rowEnds[index] ?? 0) - 1,
        )
        block.used += block.data.write(ending, block.used)
        return block.used
      })
      block.lastSeq = first + drafts.length - 1
      groups.push({ block, segment, start, stop: start + data.length, first, from, ends })
    },

    reader() {
      const reader = { shipped: 0 }
      readers.push(reader)
      return (segments, at, limitBytes) => {
        reader.shipped = at.seq
        const index = groups.findIndex(({ first, ends }) => first + ends.length > at.seq + 1)
        const begun = groups[index]
        if (begun === undefined || begun.first > at.seq + 1) return null
        if (!segments.some(({ name }) => name === begun.segment)) return null
        return pageOf(groups.slice(index), at, limitBytes, chainId)
      }
    },
  }
}

const beginOf = (rowEnds: readonly number[], index: number): number =>
  index === 0 ? 0 : (rowEnds[index - 1] ?? 0) + 1

/** The rows of groups behind `at`, as far as they are of one segment. */
function pageOf(
  groups: readonly KeptGroup[],
  at: Position,
  limitBytes: number,
  chainId: string,
): Page {
  const rows: ShippedRow[] = []
  const segment = groups[0]?.segment ?? ''
  let size = 2
  let offset = 0
  const upTo = (isLast: boolean): Page => ({
    rows,
    next: { segment, offset, seq: rows.at(-1)?.seq ?? at.seq },
    isLast,
  })
  for (const group of groups) {
    if (group.segment !== segment) return upTo(true)
    offset = group.start
    let from = group.from
    for (const [index, end] of group.ends.entries()) {
      const seq = group.first + index
      const bytes = group.block.data.subarray(from, end)
      from = end
      if (seq <= at.seq) continue
      size += bytes.length + 1
      if (rows.length > 0 && size > limitBytes) return upTo(false)
      rows.push(new PageRow(seq, `${chainId}:${seq}`, bytes))
    }
    offset = group.stop
  }
  return upTo(true)
}
