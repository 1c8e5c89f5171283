/**
 * A record as its recorder makes it: all of its text but its place in the chain, which the spool adds.
 * @module
 */
import { performance } from 'node:perf_hooks'
import { numberText, type Row } from './column.ts'
import { membersOf } from './members.ts'
import type { RecordText } from './row-text.ts'
import type { RecordKind } from '../recorder.ts'

/** A record without its place in the chain. Its event is null also if it is to be made of the row. */
export interface Draft extends RecordText {
  readonly kind: RecordKind
  /** Empty if the record is of no exchange. */
  readonly exchangeId: string
  /** Its times as members of a JSON object, each with a comma before it. */
  readonly times: string
}

/** Characters of its text. */
export function lengthOf({ times, columns }: Pick<Draft, 'times' | 'columns'>): number {
  let { length } = times
  for (const text of columns) length += text.length
  return length
}

/** Of a row, which may have been read back from a file. */
const EXCHANGE_ID = /^[\w.-]{1,64}$/

/**
 * Makes a draft; the monotonic clock is read here.
 * @param exchangeId as the exchange has it, made by this gateway; empty if there is none
 * @param stamp when, as `stampOf` says it
 */
export function draftWith(
  kind: RecordKind,
  exchangeId: string,
  { columns, event }: RecordText,
  stamp: string,
): Draft {
  const monotonic = numberText(Math.round(performance.now() * 1000) / 1000)
  return {
    kind,
    exchangeId,
    times: `,"TimeGenerated":"${stamp}","EventTime":"${stamp}","MonotonicMs":${monotonic}`,
    columns,
    event,
  }
}

/** Makes a draft of a row. */
export function draftOf(kind: RecordKind, row: Row, now: () => number): Draft {
  const { RecordKind: _, ExchangeId: id, ...columns } = row
  const text = { columns: [membersOf(columns)], event: null }
  const isId = typeof id === 'string' && EXCHANGE_ID.test(id)
  return draftWith(kind, isId ? id : '', text, stampOf(now()))
}

let lastTime = NaN
let lastStamp = ''

/** ISO 8601; kept, because many records are made in one millisecond. */
export function stampOf(time: number): string {
  if (time !== lastTime) {
    lastStamp = new Date(time).toISOString()
    lastTime = time
  }
  return lastStamp
}
