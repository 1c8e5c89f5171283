/**
 * The recorder: exchanges and events become records in the spool.
 * @module
 */
import { createSecretKey } from 'node:crypto'
import { draftOf, type DraftContext } from './record/draft.ts'
import { fieldsOf } from '../lib/strict-json.ts'
import { rowOf, type Row } from './record/row.ts'
import { line } from './record/safe-text.ts'
import type { Exchange, Outcome } from '../exchange.ts'
import type { Lane } from './spool/queue.ts'
import type { Spool } from './spool/spool.ts'
import {
  createUnidentified,
  type Unidentified,
  type UnidentifiedOptions,
} from './unidentified/unidentified.ts'
import { createThrottled } from './throttled.ts'
import type { Draft } from './record/spool-line.ts'
import type { Detail, Recorder, RecordKind } from './recorder.ts'

const EVENT_NAME = /^[a-z][a-z0-9_.-]{0,63}$/
const MAX_DETAIL_LENGTH = 2_048
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

/**
 * Outcomes that the disk did not take: kept, and written as soon as it takes records again. They are at most as many as
 * requests were running when the disk failed, because none begins while it fails. If the process ends first, recovery
 * finds the intent without an end and records `unknown`.
 */
interface Owed {
  /** Makes the end of a request durable; rejects if it cannot be now, and then owes it. */
  append(draft: Draft): Promise<void>
  /** Outcomes that are not on the disk yet. */
  count(): number
}

function createOwed(spool: Spool): Owed {
  let drafts: Draft[] = []
  /** How many are being written again. */
  let trying = 0

  async function append(draft: Draft): Promise<void> {
    try {
      await spool.append(draft, 'reserved')
    } catch (error) {
      drafts.push(draft)
      throw error
    }
  }

  // a group that became durable shows that the disk works; what fails again is owed again
  spool.onDurable(() => {
    const again = drafts
    drafts = []
    trying += again.length
    for (const draft of again) {
      void append(draft)
        .catch(() => undefined)
        .finally(() => {
          trying -= 1
        })
    }
  })
  return { append, count: () => drafts.length + trying }
}

/** Makes the recorder of a spool. */
export function createRecorder(options: {
  readonly spool: Spool
  readonly context: DraftContext
  readonly hashKey: Buffer | null
  readonly unidentified: Pick<UnidentifiedOptions, 'config' | 'limitBytes' | 'known' | 'log'>
}): CountingRecorder {
  const { spool, context, hashKey } = options
  const kinds = new Map<string, number>()
  const refusals = new Map<string, number>()
  const outcomes = new Map<string, number>()
  const columns = {
    hashKey: hashKey === null ? null : createSecretKey(hashKey),
    version: context.version,
  }
  const owed = createOwed(spool)

  async function put(kind: RecordKind, row: Row, lane: Lane): Promise<void> {
    await spool.append(draftOf(kind, row, context), lane)
    add(kinds, kind)
  }

  const event = (name: string, fields: Detail): Promise<void> =>
    put('gateway', eventRow(name, fields, context.version), 'reserved')

  const summarized = (): void => add(kinds, 'summary')
  const counting = { ...options.unidentified, spool, context, summarized, event }
  const unidentified = createUnidentified(counting)
  const throttled = createThrottled(counting)

  /** Of somebody who was not identified: a record of its own, or counted. */
  async function putUnidentified(
    kind: RecordKind,
    refusal: Parameters<Unidentified['record']>[0],
    row: () => Row,
  ): Promise<void> {
    const how = await unidentified.record(refusal, () => draftOf(kind, row(), context))
    if (how === 'record') add(kinds, kind)
  }

  const exchangeRow = (
    kind: RecordKind,
    exchange: Exchange,
    outcome: Outcome | null,
    durationMs: number | null,
  ): Row => rowOf(kind, exchange, { outcome, durationMs }, columns)

  return {
    counts: { kinds, refusals, outcomes },
    owed: () => owed.count(),
    unidentified,
    async close() {
      await Promise.all([unidentified.close(), throttled.close()])
    },

    admit: () => spool.admit(),

    authorized: (exchange) =>
      put('authorized', exchangeRow('authorized', exchange, null, null), 'intent'),

    refused(exchange) {
      const code = exchange.refusal?.code ?? 'policy_refused'
      add(refusals, code)
      const row = (): Row => {
        const elapsed = performance.now() - exchange.startedAt
        return exchangeRow('refused', exchange, 'denied', elapsed)
      }
      const { id, principal } = exchange
      if (principal !== null)
        return throttled.counts(principal.id, id, code)
          ? Promise.resolve()
          : put('refused', row(), 'intent')
      return putUnidentified('refused', { id: exchange.id, ip: exchange.source.ip, code }, row)
    },

    async completed(exchange, outcome, durationMs) {
      add(outcomes, outcome)
      const row = exchangeRow('completed', exchange, outcome, durationMs)
      await owed.append(draftOf('completed', row, context))
      add(kinds, 'completed')
    },

    received: (bytes) =>
      putUnidentified('received', { id: bytes.id, ip: bytes.source.ip, code: bytes.code }, () =>
        receivedRow(bytes, context.version),
      ),

    event,
  }
}
