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
import type { BatchBlock, Rows } from './batch.ts'
import type { Segment } from '../spool/writer.ts'

/** Where a sink stands: `seq` is the last record that it acknowledged. */
export interface Position {
  readonly segment: string
  /** Where the group, or the line of version 1, begins that has the next record, or is behind the last one. */
  readonly offset: number
  readonly seq: number
}

/**
 * Fills `into` with the next records after `at`, as many as there is room for: then where the sink stands once it has them, or
 * null if there is none. Throws an Error if the spool's bytes are not what they were when they were written.
 */
export type ReadPage = (
  segments: readonly Segment[],
  at: Position,
  into: BatchBlock,
) => Promise<Position | null>

const CHUNK_BYTES = 1 << 20
const LF = 10
/** Rows whose OCSF events are made in one turn of the event loop. */
const EVENTS_AT_ONCE = 32

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

/** Records that stand together in a segment: a group, or a line of version 1. */
interface Unit extends Rows {
  readonly stop: number
}

/** Reads what begins at `from`; `offset` is where that is in the segment. Null: the bytes end before it does. */
function unitAt(segment: Segment, data: Buffer, from: number, offset: number): Unit | null {
  const stop = data.indexOf(LF, from)
  if (stop < 0) return null
  const line = data.subarray(from, stop)
  if (offset === 0) {
    if (headerOf(line) === null) throw damaged(segment, offset, 'no segment header')
    return { data, first: 0, from, ends: [], stop: stop + 1 }
  }
  const place = placeOf(line)
  if (place !== null) {
    const row = rowOfLine(line)
    return { data: row, first: place.seq, from: 0, ends: [row.length], stop: stop + 1 }
  }
  const group = readGroup(data, from)
  if (group.kind === 'damaged') throw damaged(segment, offset, group.why)
  if (group.kind !== 'whole') return null
  let end = -1
  const ends = group.rows.map((row) => (end += 1 + row.length))
  return { data, first: group.first, from, ends, stop: group.stop }
}

/** Makes rows with their OCSF events, each in the place of the one before. */
function createEvents(): (row: Buffer) => Buffer {
  let block = Buffer.allocUnsafeSlow(0)
  return (row) => {
    const end = endWithOcsf(row.toString('utf8'))
    const most = row.length + end.length * 3
    if (block.length < most) block = Buffer.allocUnsafeSlow(2 * most)
    const length = row.copy(block, 0, 0, row.length - 1)
    return block.subarray(0, length + block.write(end, length))
  }
}

/** Adds rows, each with its event. @returns whether there was room for all */
async function addWithEvents(
  into: BatchBlock,
  { data, first, from, ends }: Rows,
  seq: number,
  withEvent: (row: Buffer) => Buffer,
): Promise<boolean> {
  let begin = from
  for (const [index, end] of ends.entries()) {
    const row = data.subarray(begin, from + end)
    begin = from + end + 1
    if (first + index <= seq) continue
    const made = withEvent(row)
    if (!into.add({ data: made, first: first + index, from: 0, ends: [made.length] }, seq)) {
      return false
    }
    if (into.count % EVENTS_AT_ONCE === 0) await immediate()
  }
  return true
}

/** Makes a reader of a chain's segments, for one page at a time. `ocsf`: rows have their OCSF event. */
export function createReader(ocsf: boolean): ReadPage {
  let block = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  const withEvent = createEvents()

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
    { seq }: Position,
    into: BatchBlock,
  ): Promise<Position> {
    const data = await chunkFrom(file, segment, start)
    let offset = 0
    while (offset < data.length) {
      const unit = unitAt(segment, data, offset, start + offset)
      if (unit === null) break
      const all = ocsf ? await addWithEvents(into, unit, seq, withEvent) : into.add(unit, seq)
      if (!all) break
      offset = unit.stop
    }
    return { segment: segment.name, offset: start + offset, seq: into.lastSeq(seq) }
  }

  return async (segments, at, into) => {
    const found = segmentFor(segments, at)
    if (found === null) return null
    const file = await open(found[0].path, 'r')
    try {
      return await pageFrom(file, found, at, into)
    } finally {
      await file.close()
    }
  }
}
