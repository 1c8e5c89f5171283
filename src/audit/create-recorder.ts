/**
 * The recorder: exchanges and events become records in the spool.
 * @module
 */
import { createSecretKey } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { draftOf, draftWith, stampOf, type Draft } from './record/draft.ts'
import { createTextOf } from './record/row-text.ts'
import { fieldsOf } from '../lib/strict-json.ts'
import type { Ending, Row } from './record/column.ts'
import { line } from './record/safe-text.ts'
import type { Exchange } from '../exchange.ts'
import type { Spool } from './spool/spool.ts'
import {
  createUnidentified,
  type Unidentified,
  type UnidentifiedOptions,
} from './unidentified/unidentified.ts'
import { createThrottled } from './throttled.ts'
import type { Detail, Recorder, RecordKind } from './recorder.ts'

const EVENT_NAME = /^[a-z][a-z0-9_.-]{0,63}$/
const MAX_DETAIL_LENGTH = 2_048
const NOT_ENDED: Ending = { outcome: null, durationMs: null }
/** Columns that are a record's own: its kind, times and place in the chain. */
const OF_RECORD = [
  'RecordKind',
  'ExchangeId',
  'TimeGenerated',
  'EventTime',
  'MonotonicMs',
  'EventUid',
  'ChainId',
  'Seq',
  'Ocsf',
]

/** The row of a gateway event. */
export function eventRow(name: string, detail: Detail, version: string): Row {
  const safe: Record<string, string | number | boolean> = {}
  for (const [key, value] of Object.entries(detail)) {
    safe[line(key, 64)] = typeof value === 'string' ? line(value, MAX_DETAIL_LENGTH) : value
  }
  return {
    RecordKind: 'gateway',
    ExchangeId: '',
    Event: EVENT_NAME.test(name) ? name : 'unnamed',
    GatewayVersion: version,
    Detail: safe,
  }
}

/** The row of bytes that never became a request. */
const receivedRow = (
  { id, source, what, code, status }: Parameters<Recorder['received']>[0],
  version: string,
): Row => ({
  RecordKind: 'received',
  ExchangeId: id,
  Event: line(what, 128),
  Decision: 'refuse',
  RefusalCode: code,
  Outcome: 'denied',
  Status: status,
  SourceIp: line(source.ip, 64),
  SourcePort: source.port,
  GatewayVersion: version,
})

/** The outcome `unknown` for an intent that a crash left without an end: nobody knows what Azure did. */
export function unknownOutcomeRow(intent: string): Row {
  const row = new Map(fieldsOf(JSON.parse(intent)))
  const exchangeId = row.get('ExchangeId')
  for (const name of OF_RECORD) row.delete(name)
  return {
    RecordKind: 'completed',
    ExchangeId: typeof exchangeId === 'string' ? exchangeId : '',
    ...Object.fromEntries(row),
    Outcome: 'unknown',
    Event: 'recovered_after_crash',
  }
}

/** How many records of each kind and refusals by code, for metrics. */
export interface RecordCounts {
  readonly kinds: ReadonlyMap<string, number>
  readonly refusals: ReadonlyMap<string, number>
  readonly outcomes: ReadonlyMap<string, number>
}

export interface CountingRecorder extends Recorder {
  /** Ended requests whose end is not on the disk yet. */
  owed(): number
  readonly unidentified: Unidentified
  /** Writes what was only counted; from then on every refusal has a record of its own. */
  close(): Promise<void>
  readonly counts: RecordCounts
}

const add = (map: Map<string, number>, key: string): void => {
  map.set(key, (map.get(key) ?? 0) + 1)
}

/** Makes the recorder of a spool. */
export function createRecorder(options: {
  readonly spool: Spool
  readonly now: () => number
  readonly version: string
  readonly hashKey: Buffer | null
  /** Whether a sink wants the OCSF events of records. */
  readonly events: boolean
  readonly unidentified: Pick<UnidentifiedOptions, 'config' | 'limitBytes' | 'known' | 'log'>
}): CountingRecorder {
  const { spool, now, version, hashKey } = options
  const refusals = new Map<string, number>()
  const outcomes = new Map<string, number>()
  const context = { hashKey: hashKey === null ? null : createSecretKey(hashKey), version }
  const textOf = createTextOf(context, options.events)

  const draft = (kind: RecordKind, exchange: Exchange, ending: Ending): Draft => {
    const stamp = stampOf(now())
    const text = textOf({ RecordKind: kind, EventTime: stamp }, exchange, ending)
    return draftWith(kind, exchange.id, text, stamp)
  }

  const event = (name: string, fields: Detail): Promise<void> =>
    spool.append(draftOf('gateway', eventRow(name, fields, version), now), 'reserved')

  const counting = { ...options.unidentified, spool, now, version, event }
  const unidentified = createUnidentified(counting)
  const throttled = createThrottled(counting)

  return {
    counts: { kinds: spool.counts.kinds, refusals, outcomes },
    owed: () => spool.owed(),
    unidentified,
    async close() {
      await Promise.all([unidentified.close(), throttled.close()])
    },

    admit: () => spool.admit(),

    authorized: (exchange) => spool.append(draft('authorized', exchange, NOT_ENDED), 'intent'),

    refused(exchange) {
      const code = exchange.refusal?.code ?? 'policy_refused'
      add(refusals, code)
      const made = (): Draft => {
        const durationMs = performance.now() - exchange.startedAt
        return draft('refused', exchange, { outcome: 'denied', durationMs })
      }
      const { id, principal } = exchange
      if (principal === null) return unidentified.record({ id, ip: exchange.source.ip, code }, made)
      return throttled.counts(principal.id, id, code)
        ? Promise.resolve()
        : spool.append(made(), 'intent')
    },

    completed(exchange, outcome, durationMs) {
      add(outcomes, outcome)
      return spool.append(draft('completed', exchange, { outcome, durationMs }), 'outcome')
    },

    received: (bytes) =>
      unidentified.record({ id: bytes.id, ip: bytes.source.ip, code: bytes.code }, () =>
        draftOf('received', receivedRow(bytes, version), now),
      ),

    event,
  }
}
