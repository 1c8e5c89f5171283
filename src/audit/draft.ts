/**
 * Makes the text of records: everything but their place in the chain, so that it is done once and outside of the
 * one flusher.
 * @module
 */
import { metadataOf, ocsfOf } from './ocsf.ts'
import type { Draft } from './line.ts'
import type { RecordKind, Row } from './row.ts'

const EXCHANGE_ID = /^[\w.-]{1,64}$/
/** Columns that `line.link` writes itself. */
const LINKED = new Set(['RecordKind', 'ExchangeId', 'EventUid', 'ChainId', 'Seq', 'Ocsf'])

/** JSON of the row's columns without its opening brace; null and undefined are left out. */
function columnsText(row: Row): string {
  let text = ''
  for (const name in row) {
    const value = row[name]
    if (value === null || value === undefined || LINKED.has(name)) continue
    if (Array.isArray(value) && value.length === 0) continue
    text += `,"${name}":${JSON.stringify(value)}`
  }
  return `${text.slice(1)}}`
}

/** What a draft takes from its surroundings. */
export interface DraftContext {
  readonly now: () => number
  readonly version: string
}

/** Makes a draft of a row; the clocks are read here. */
export function draftOf(kind: RecordKind, row: Row, context: DraftContext): Draft {
  const time = context.now()
  const stamp = new Date(time).toISOString()
  const exchangeId = row['ExchangeId']
  return {
    kind,
    exchangeId: typeof exchangeId === 'string' && EXCHANGE_ID.test(exchangeId) ? exchangeId : '',
    metadata: JSON.stringify(metadataOf(row, context.version)).slice(1),
    ocsf: JSON.stringify(ocsfOf(row, time)).slice(1),
    columns: columnsText({
      TimeGenerated: stamp,
      EventTime: stamp,
      MonotonicMs: Math.round(performance.now() * 1000) / 1000,
      ...row,
    }),
  }
}
