/**
 * A record as its recorder makes it: all of its text but its place in the chain, which the spool adds.
 * @module
 */
import { performance } from 'node:perf_hooks'
import { membersOf } from './row-text.ts'
import type { Row } from './row.ts'
import type { RecordKind } from '../recorder.ts'

/** A record without its place in the chain. */
export interface Draft {
  readonly kind: RecordKind
  /** Empty if the record is of no exchange. */
  readonly exchangeId: string
  /** The other columns as members of a JSON object: each has a comma before it. */
  readonly members: string
}

const EXCHANGE_ID = /^[\w.-]{1,64}$/

/** Makes a draft; the clocks are read here. `members` are its columns behind `RecordKind` and `ExchangeId`. */
export function draftWith(
  kind: RecordKind,
  exchangeId: string,
  members: string,
  now: () => number,
): Draft {
  const stamp = stampOf(now())
  const monotonic = Math.round(performance.now() * 1000) / 1000
  return {
    kind,
    exchangeId: EXCHANGE_ID.test(exchangeId) ? exchangeId : '',
    members: `,"TimeGenerated":"${stamp}","EventTime":"${stamp}","MonotonicMs":${monotonic}${members}`,
  }
}

/** Makes a draft of a row. */
export function draftOf(kind: RecordKind, row: Row, now: () => number): Draft {
  const { RecordKind: _, ExchangeId: id, ...columns } = row
  return draftWith(kind, typeof id === 'string' ? id : '', membersOf(columns), now)
}

let lastTime = NaN
let lastStamp = ''

/** ISO 8601; kept, because many records are made in one millisecond. */
function stampOf(time: number): string {
  if (time !== lastTime) {
    lastStamp = new Date(time).toISOString()
    lastTime = time
  }
  return lastStamp
}
