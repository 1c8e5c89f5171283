/**
 * Makes the text of a record except for its place in the chain, so that the single flusher has less to do.
 * @module
 */
import { metadataOf, ocsfOf } from './ocsf.ts'
import type { Draft } from './spool-line.ts'
import type { RecordKind } from '../recorder.ts'
import type { Row } from './row.ts'

const EXCHANGE_ID = /^[\w.-]{1,64}$/

/** What a draft needs besides its row. */
export interface DraftContext {
  readonly now: () => number
  readonly version: string
}

/** Makes a draft of a row; the clocks are read here. `RecordKind` and `ExchangeId` are the row's first columns. */
export function draftOf(kind: RecordKind, row: Row, context: DraftContext): Draft {
  const time = context.now()
  const stamp = new Date(time).toISOString()
  const exchangeId = row['ExchangeId']
  const text = JSON.stringify(row)
  // the line has these two at its own beginning; cutting text is cheaper than copying the row without them
  const first = `{"RecordKind":"${kind}","ExchangeId":${JSON.stringify(exchangeId)},`
  if (!text.startsWith(first)) throw new Error('a row must begin with its kind and exchange')
  const monotonic = Math.round(performance.now() * 1000) / 1000
  return {
    kind,
    exchangeId: typeof exchangeId === 'string' && EXCHANGE_ID.test(exchangeId) ? exchangeId : '',
    metadata: JSON.stringify(metadataOf(row, context.version)).slice(1),
    ocsf: JSON.stringify(ocsfOf(row, time)).slice(1),
    columns:
      `"TimeGenerated":"${stamp}","EventTime":"${stamp}","MonotonicMs":${monotonic},` +
      text.slice(first.length),
  }
}
