/**
 * Reads durable records back for shipping: bytes that are not durable yet are never seen.
 * @module
 */
import { open, type FileHandle } from 'node:fs/promises'
import { setImmediate as immediate } from 'node:timers/promises'
import { endWithOcsf } from '../record/ocsf.ts'
import { readGroup } from '../record/spool-group.ts'
import { headerOf } from '../record/spool-header.ts'
import { placeOf, rowOfLine } from '../record/spool-line.ts'
import type { ShippedRow } from './sinks/sink.ts'
import type { Segment } from '../spool/writer.ts'

/** Where a sink stands: `seq` is the last record that it acknowledged. */
export interface Position {
  readonly segment: string
  /** Where the group, or the line of version 1, begins that has the next record, or is behind the last one. */
  readonly offset: number
  readonly seq: number
}

export interface Page {
  readonly rows: readonly ShippedRow[]
  readonly next: Position
  /** It has all that the segment had when it was read. */
  readonly isLast: boolean
}

/**
 * The next records after `at`, at most `limitBytes` of them (but at least one), or null if there is none. The rows are
 * good until the next call. Throws an Error if the spool's bytes are not what they were when they were written.
 */
export type ReadPage = (
  segments: readonly Segment[],
  at: Position,
  limitBytes: number,
) => Promise<Page | null>

const CHUNK_BYTES = 1 << 20
const LF = 10
/** Rows whose OCSF events are made in one turn of the event loop. */
const EVENTS_AT_ONCE = 32

/** A row whose text is made for sinks that look at it. */
export class PageRow implements ShippedRow {
  readonly seq: number
  readonly uid: string
  readonly bytes: Buffer

  constructor(seq: number, uid: string, bytes: Buffer) {
    this.seq = seq
    this.uid = uid
    this.bytes = bytes
  }

  get text(): string {
    return this.bytes.toString('utf8')
  }
}

/** The segment to continue in: the one named if it has more, else the first that has later records. */
function segmentFor(segments: readonly Segment[], at: Position): [Segment, number] | null {
  const named = segments.find(({ name }) => name === at.segment)
  if (named !== undefined && at.offset < named.bytes) return [named, at.offset]
  const later = segments.find(
    ({ name, lastSeq }) => lastSeq > at.seq && (named === undefined || name > at.segment),
  )
  return later === undefined ? null : [later, 0]
}

const damaged = ({ name }: Segment, offset: number, why: string): Error =>
  new Error(`segment "${name}" is damaged at byte ${offset}: ${why}`)

/** Records that stand together in a segment: a group, or a line of version 1. Null: the bytes end before they do. */
interface Unit {
  /** Number of the first. */
  readonly first: number
  readonly rows: readonly Buffer[]
  readonly stop: number
}

/** Reads what begins at `from`; `offset` is where that is in the segment. */
function unitAt(segment: Segment, data: Buffer, from: number, offset: number): Unit | null {
  const stop = data.indexOf(LF, from)
  if (stop < 0) return null
  const line = data.subarray(from, stop)
  if (offset === 0) {
    if (headerOf(line) === null) throw damaged(segment, offset, 'no segment header')
    return { first: 0, rows: [], stop: stop + 1 }
  }
  const place = placeOf(line)
  if (place !== null) return { first: place.seq, rows: [rowOfLine(line)], stop: stop + 1 }
  const group = readGroup(data, from)
  if (group.kind === 'damaged') throw damaged(segment, offset, group.why)
  return group.kind === 'whole' ? group : null
}

/** Adds the OCSF events to the rows of a page, in a block of memory that is used again for the next page. */
function createEvents(): { readonly begin: () => void; readonly add: (row: Buffer) => Buffer } {
  let block = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let used = 0
  return {
    begin() {
      used = 0
    },
    add(row) {
      const end = endWithOcsf(row.toString('utf8'))
      const room = row.length + Buffer.byteLength(end)
      if (used + room > block.length) {
        // the rows before keep the block that they are in
        block = Buffer.allocUnsafeSlow(Math.max(block.length, room))
        used = 0
      }
      const from = used
      used += row.copy(block, used, 0, row.length - 1)
      used += block.write(end, used)
      return block.subarray(from, used)
    },
  }
}

/** Makes a reader of one chain. `ocsf`: rows have their OCSF event. */
export function createReader(chainId: string, ocsf: boolean): ReadPage {
  // one page is read at a time, so one block is enough
  let block = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  const events = createEvents()

  /** The bytes from `start`: whole units, at least one. */
  async function chunkFrom(file: FileHandle, segment: Segment, start: number): Promise<Buffer> {
    for (;;) {
      const wanted = Math.min(block.length, segment.bytes - start)
      const { bytesRead } = await file.read(block, 0, wanted, start)
      const data = block.subarray(0, bytesRead)
      if (unitAt(segment, data, 0, start) !== null) return data
      if (bytesRead < block.length) throw damaged(segment, start, 'it ends within a record')
      block = Buffer.allocUnsafeSlow(block.length * 2)
    }
  }

  async function pageFrom(
    file: FileHandle,
    [segment, start]: [Segment, number],
    at: Position,
    limitBytes: number,
  ): Promise<Page> {
    const data = await chunkFrom(file, segment, start)
    const rows: ShippedRow[] = []
    events.begin()
    let size = 2
    let seq = at.seq
    let offset = 0
    const upTo = (isLast: boolean): Page => ({
      rows,
      next: { segment: segment.name, offset: start + offset, seq },
      isLast,
    })
    while (offset < data.length) {
      const unit = unitAt(segment, data, offset, start + offset)
      if (unit === null) return upTo(false)
      for (const [index, row] of unit.rows.entries()) {
        const number = unit.first + index
        if (number <= at.seq) continue
        const bytes = ocsf ? events.add(row) : row
        size += bytes.length + 1
        if (rows.length > 0 && size > limitBytes) return upTo(false)
        rows.push(new PageRow(number, `${chainId}:${number}`, bytes))
        seq = number
        if (ocsf && rows.length % EVENTS_AT_ONCE === 0) await immediate()
      }
      offset = unit.stop
    }
    return upTo(data.length < block.length)
  }

  return async (segments, at, limitBytes) => {
    const found = segmentFor(segments, at)
    if (found === null) return null
    const file = await open(found[0].path, 'r')
    try {
      return await pageFrom(file, found, at, limitBytes)
    } finally {
      await file.close()
    }
  }
}
