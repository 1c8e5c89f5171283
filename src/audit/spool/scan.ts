/**
 * Walks the records of one segment and says where its chain breaks. Reads bytes only: recovery and verification use it.
 * @module
 */
import {
  GENESIS,
  hasGroupBehind,
  headOf,
  readGroup,
  rowStartOf,
  type End,
  type Group,
  type Read,
} from '../record/spool-group.ts'
import { headerOf, type Header } from '../record/spool-header.ts'
import { placeOf, rowOfLine, type Place } from '../record/spool-line.ts'

const LF = 10

/** Where and why a segment's chain breaks. */
export interface Fault {
  readonly offset: number
  /** Counted from 1, the header included; of a group its first. */
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
  /** Whole records follow the fault, so it is not a torn tail. */
  readonly recordsBehind: boolean
}

/** A record in its place. */
export interface Scanned {
  readonly seq: number
  readonly kind: string
  readonly exchangeId: string
  /** The head before it; null for one that is not the first of its group. */
  readonly before: string | null
  /** JSON of the row. */
  readonly row: Buffer
  /** Counted from 1, the header included. */
  readonly line: number
}

type Visit = (record: Scanned) => void

/** How far a walk through a segment came. */
interface Walked {
  readonly offset: number
  readonly end: End
  readonly records: number
  readonly line: number
  readonly why: string | null
}

/** Whether any whole record of version 1 stands in `data` at or after `from`, beginning at a line's start. */
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

function judgePlace(place: Place | null, end: End): string | null {
  if (place === null) return 'not a whole record'
  if (place.seq !== end.seq + 1) return `record ${place.seq} stands where ${end.seq + 1} should`
  return place.prev === end.head
    ? null
    : 'the record before it is not the one that it was linked to'
}

/** Version 1: each line names the one before. */
function walkLines(data: Buffer, from: number, begin: End, visit: Visit): Walked {
  let end = begin
  let offset = from
  let records = 0
  while (offset < data.length) {
    const stop = data.indexOf(LF, offset)
    const bytes = stop < 0 ? null : data.subarray(offset, stop)
    const place = bytes === null ? null : placeOf(bytes)
    const why = judgePlace(place, end)
    const line = records + 2
    if (why !== null || place === null || bytes === null) return { offset, end, records, line, why }
    visit({ ...place, before: place.prev, row: rowOfLine(bytes), line })
    end = { seq: place.seq, head: headOf(bytes) }
    records += 1
    offset = stop + 1
  }
  return { offset, end, records, line: records + 2, why: null }
}

function judgeGroup(group: Group, end: End): string | null {
  if (group.first !== end.seq + 1) {
    return `record ${group.first} stands where ${end.seq + 1} should`
  }
  if (group.prev !== end.head) return 'the group before it is not the one that it was linked to'
  const wrong = group.rows.findIndex((row, at) => rowStartOf(row)?.seq !== group.first + at)
  return wrong < 0 ? null : `a line of the group is not record ${group.first + wrong}`
}

/** Version 2: each group names the one before. */
function walkGroups(data: Buffer, from: number, begin: End, visit: Visit): Walked {
  let end = begin
  let offset = from
  let records = 0
  let line = 2
  while (offset < data.length) {
    const group: Read = readGroup(data, offset)
    const why = group.kind === 'whole' ? judgeGroup(group, end) : group.why
    if (why !== null || group.kind !== 'whole') return { offset, end, records, line, why }
    for (const [at, row] of group.rows.entries()) {
      const start = rowStartOf(row)
      if (start === null) continue
      visit({ ...start, before: at === 0 ? group.prev : null, row, line: line + at })
    }
    end = { seq: end.seq + group.rows.length, head: group.head }
    records += group.rows.length
    line += group.rows.length + 1
    offset = group.stop
  }
  return { offset, end, records, line, why: null }
}

const WALKS = {
  'azureml-harness-audit/1': { walk: walkLines, hasBehind: hasRecordBehind },
  'azureml-harness-audit/2': { walk: walkGroups, hasBehind: hasGroupBehind },
} as const

/** A segment without the zeros at its end, which are written ahead of records and stay if the process is killed. */
export function writtenOf(segment: Buffer): Buffer {
  let end = segment.length
  while (end > 0 && segment[end - 1] === 0) end -= 1
  return segment.subarray(0, end)
}

/** The bytes before the first zero, which no record has: behind it something may be that is being written. */
export function beforeZeros(bytes: Buffer): Buffer {
  const at = bytes.indexOf(0)
  return at < 0 ? bytes : bytes.subarray(0, at)
}

/**
 * Scans a segment; zeros at its end are left out. `limit` is how many of its bytes count, if a later header says so. `visit` sees every good record.
 * The header must be whole; whether it continues the segment before is the caller's to judge.
 */
export function scanSegment(whole: Buffer, limit: number, visit: Visit): Scan {
  const data = writtenOf(whole.subarray(0, Math.min(limit, whole.length)))
  const first = data.indexOf(LF)
  const header = first < 0 ? null : headerOf(data.subarray(0, first))
  if (header === null) {
    const fault = { offset: 0, line: 1, seq: 0, why: 'no segment header' }
    const recordsBehind = hasRecordBehind(data, 0) || data.includes('\n{"group":')
    return { header, bytes: 0, end: { seq: 0, head: GENESIS }, records: 0, fault, recordsBehind }
  }
  const { walk, hasBehind } = WALKS[header.schema]
  const begin = { seq: header.firstSeq - 1, head: headOf(data.subarray(0, first)) }
  const { offset, end, records, line, why } = walk(data, first + 1, begin, visit)
  const missing = why === null && data.length < limit && limit !== Infinity
  const wrong = missing ? 'bytes are missing' : why
  return {
    header,
    bytes: offset,
    end,
    records,
    fault: wrong === null ? null : { offset, line, seq: end.seq + 1, why: wrong },
    recordsBehind: wrong !== null && hasBehind(data, offset),
  }
}
