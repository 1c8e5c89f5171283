/**
 * Walks the lines of one segment and says where its chain breaks. Reads bytes only: recovery and verification use it.
 * @module
 */
import { headerOf, headOf, placeOf, type Header, type Place } from '../record/spool-line.ts'
import type { End } from './writer.ts'

const LF = 10

/** Where and why a segment's chain breaks. */
export interface Fault {
  readonly offset: number
  /** Counted from 1, the header included. */
  readonly line: number
  /** Number that the record at this place should have. */
  readonly seq: number
  readonly why: string
}

export interface Scan {
  readonly header: Header | null
  /** Good bytes from the beginning. */
  readonly bytes: number
  /** After the good bytes. */
  readonly end: End
  readonly records: number
  readonly fault: Fault | null
  /** A whole record follows the fault, so it is not a torn tail. */
  readonly recordsBehind: boolean
}

/** Whether any whole record stands in `data` at or after `from`, beginning at a line's start. */
function hasRecordBehind(data: Buffer, from: number): boolean {
  let start = data.indexOf(LF, from) + 1
  while (start > 0 && start < data.length) {
    const stop = data.indexOf(LF, start)
    if (stop < 0) return false
    if (placeOf(data.subarray(start, stop)) !== null) return true
    start = stop + 1
  }
  return false
}

function judge(place: Place | null, end: End): string | null {
  if (place === null) return 'not a whole record'
  if (place.seq !== end.seq + 1) return `record ${place.seq} stands where ${end.seq + 1} should`
  return place.prev === end.head
    ? null
    : 'the record before it is not the one that it was linked to'
}

/**
 * Scans a segment. `limit` is how many of its bytes count, if a later header says so. `visit` sees every good record.
 * The header must be whole; whether it continues the segment before is the caller's to judge.
 */
export function scanSegment(
  whole: Buffer,
  limit: number,
  visit: (place: Place, line: Buffer, offset: number) => void,
): Scan {
  const data = whole.subarray(0, Math.min(limit, whole.length))
  const first = data.indexOf(LF)
  const header = first < 0 ? null : headerOf(data.subarray(0, first))
  if (header === null) {
    const fault = { offset: 0, line: 1, seq: 0, why: 'no segment header' }
    const behind = hasRecordBehind(data, 0)
    return {
      header,
      bytes: 0,
      end: { seq: 0, head: '' },
      records: 0,
      fault,
      recordsBehind: behind,
    }
  }
  let end: End = { seq: header.firstSeq - 1, head: headOf(data.subarray(0, first)) }
  let offset = first + 1
  let records = 0
  let why: string | null = null
  while (offset < data.length) {
    const stop = data.indexOf(LF, offset)
    const line = stop < 0 ? null : data.subarray(offset, stop)
    const place = line === null ? null : placeOf(line)
    why = judge(place, end)
    if (why !== null || place === null || line === null) break
    visit(place, line, offset)
    end = { seq: place.seq, head: headOf(line) }
    records += 1
    offset = stop + 1
  }
  if (why === null && data.length < limit && limit !== Infinity) why = 'bytes are missing'
  return {
    header,
    bytes: offset,
    end,
    records,
    fault: why === null ? null : { offset, line: records + 2, seq: end.seq + 1, why },
    recordsBehind: why !== null && hasRecordBehind(data, offset),
  }
}
