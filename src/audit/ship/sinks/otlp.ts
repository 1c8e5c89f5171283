/**
 * OpenTelemetry logs over HTTP in JSON (OTLP 1.x): posted by ourselves, because the SDK's batch processor gives no
 * acknowledgement for a batch.
 * @module
 */
import { isRefusal } from '../../record/ocsf.ts'
import { fieldsOf } from '../../../lib/strict-json.ts'
import { compress } from './compress.ts'
import { demandHttps, post } from './post.ts'
import { examineUrl } from './reach.ts'
import type { ShippedRow } from '../batch.ts'
import { baseOf, type Sink, type SinkDefinition } from './sink.ts'

const LIMIT_BYTES = 900_000
const EVENT_TIME = /"EventTime":"([^"]{20,30})"/
const KIND = /^\{"RecordKind":"([a-z]{1,16})","ExchangeId":"([^"]{0,64})"/
/** SeverityNumber of the logs data model: 9 INFO, 13 WARN. */
const SEVERITY = { info: 9, warn: 13 } as const

export interface OtlpOptions {
  readonly name: string
  readonly required: boolean
  readonly endpoint: string
  readonly token: string | null
  /** Every receiver of OTLP/HTTP has to support gzip. */
  readonly compression: 'gzip' | null
  readonly version: string
}

const attribute = (key: string, value: string) => ({ key, value: { stringValue: value } })

function logRecord(row: ShippedRow) {
  const [, kind = 'gateway', exchangeId = ''] = KIND.exec(row.text) ?? []
  const time = Date.parse(EVENT_TIME.exec(row.text)?.[1] ?? '')
  const nanos = Number.isNaN(time) ? '0' : `${time}000000`
  const warn = isRefusal(kind)
  return {
    timeUnixNano: nanos,
    observedTimeUnixNano: nanos,
    severityNumber: warn ? SEVERITY.warn : SEVERITY.info,
    severityText: warn ? 'WARN' : 'INFO',
    eventName: `azureml_harness.audit.${kind}`,
    body: { stringValue: row.text },
    attributes: [
      attribute('event.uid', row.uid),
      attribute('azureml_harness.exchange_id', exchangeId),
    ],
  }
}

/** `rejectedLogRecords` is an int64, which protobuf's JSON writes as a string. */
function rejectedOf(fields: ReadonlyMap<string, unknown>): number {
  return Number(fieldsOf(fields.get('partialSuccess')).get('rejectedLogRecords') ?? 0)
}

/** Makes the sink. An endpoint without a path gets the specification's `/v1/logs`. */
export function createOtlpSink(options: OtlpOptions): Sink {
  demandHttps(options.name, options.endpoint)
  const url = new URL(options.endpoint)
  if (url.pathname === '/') url.pathname = '/v1/logs'
  const headers = {
    'content-type': 'application/json',
    ...(options.token !== null && { authorization: `Bearer ${options.token}` }),
    ...(options.compression !== null && { 'content-encoding': options.compression }),
  }
  const resource = {
    attributes: [
      attribute('service.name', 'azureml-harness'),
      attribute('service.version', options.version),
    ],
  }
  const scope = { name: 'azureml-harness.audit', version: options.version }

  return {
    name: options.name,
    kind: 'otlp',
    required: options.required,
    limitBytes: LIMIT_BYTES,
    atOnce: 1,
    async send(batch, signal) {
      const logRecords = batch.rows().map(logRecord)
      const body = JSON.stringify({
        resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords }] }],
      })
      const answer = await post(
        url.href,
        headers,
        options.compression === null ? body : await compress(body),
        signal,
      )
      if (!answer.ok) return answer.delivery
      const rejected = rejectedOf(answer.fields)
      // the answer does not say which: halving finds them, and the rest is deduplicated by its uid
      return rejected > 0
        ? { kind: 'rejected', why: `${rejected} log records rejected` }
        : { kind: 'accepted' }
    },
    close: () => Promise.resolve(),
  }
}

/** The kind `otlp`. */
export const otlp: SinkDefinition<'otlp'> = {
  acknowledged: '2xx without `rejectedLogRecords`',
  ocsf: true,
  scope: null,
  async make(config, { secret, version }) {
    return createOtlpSink({
      ...baseOf(config),
      endpoint: config.endpoint,
      token: config.token === undefined ? null : await secret(config.token),
      compression: config.compression ?? null,
      version,
    })
  },
  examine: ({ endpoint }) => examineUrl(endpoint),
}
