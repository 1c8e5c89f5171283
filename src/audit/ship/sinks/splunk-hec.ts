/**
 * Splunk's HTTP Event Collector with indexer acknowledgement: a plain 200 is sent before anything is indexed, so
 * that only the acknowledgement of the batch's `ackId` counts.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { fieldsOf } from '../../../lib/strict-json.ts'
import { demandHttps, post, type Answer } from './post.ts'
import { examineUrl } from './reach.ts'
import type { ShippedRow } from '../batch.ts'
import { baseOf, type Delivery, type Sink, type SinkDefinition } from './sink.ts'

const LIMIT_BYTES = 900_000
const ACK_POLL_MS = 500
/** "Incorrect index": an error of the configuration that comes as a 400. */
const INCORRECT_INDEX = 7
const EVENT_TIME = /"EventTime":"([^"]{20,30})"/

export interface SplunkOptions {
  readonly name: string
  readonly required: boolean
  readonly endpoint: string
  readonly token: string
  readonly index: string | null
  readonly ackPollMs?: number
}

function eventText(row: ShippedRow, index: string | null): string {
  const time = Date.parse(EVENT_TIME.exec(row.text)?.[1] ?? '') / 1000
  const meta = {
    ...(Number.isNaN(time) ? {} : { time }),
    source: 'azureml-harness',
    sourcetype: 'azureml:harness:audit',
    ...(index === null ? {} : { index }),
  }
  return `${JSON.stringify(meta).slice(0, -1)},"event":${row.text}}`
}

function judge(answer: Answer): Delivery | null {
  if (answer.ok) return null
  return answer.fields.get('code') === INCORRECT_INDEX
    ? { kind: 'hold', why: 'incorrect index' }
    : answer.delivery
}

/** Makes the sink. An endpoint without a path gets `/services/collector`. */
export function createSplunkSink(options: SplunkOptions): Sink {
  demandHttps(options.name, options.endpoint)
  const url = new URL(options.endpoint)
  const base =
    url.pathname === '/' ? '/services/collector' : url.pathname.replace(/\/(event)?$/, '')
  // Splunk keeps acknowledgements for each channel; each sender needs its own
  const channel = randomUUID()
  const headers = {
    authorization: `Splunk ${options.token}`,
    'content-type': 'application/json',
    'x-splunk-request-channel': channel,
  }
  const pollMs = options.ackPollMs ?? ACK_POLL_MS

  async function acknowledged(ackId: number, signal: AbortSignal): Promise<Delivery> {
    for (;;) {
      const answer = await post(
        `${url.origin}${base}/ack?channel=${channel}`,
        headers,
        JSON.stringify({ acks: [ackId] }),
        signal,
      )
      const refused = judge(answer)
      if (refused !== null) return refused
      if (fieldsOf(answer.fields.get('acks')).get(String(ackId)) === true) {
        return { kind: 'accepted' }
      }
      // if the signal ends the wait, the batch is sent again, and queries drop repeated records by `EventUid`
      await wait(pollMs, undefined, { signal })
    }
  }

  return {
    name: options.name,
    kind: 'splunk-hec',
    required: options.required,
    limitBytes: LIMIT_BYTES,
    atOnce: 1,
    async send(batch, signal) {
      const body = batch
        .rows()
        .map((row) => eventText(row, options.index))
        .join('\n')
      const answer = await post(`${url.origin}${base}/event`, headers, body, signal)
      const refused = judge(answer)
      if (refused !== null) return refused
      const ackId = answer.fields.get('ackId')
      if (typeof ackId !== 'number') {
        return { kind: 'hold', why: 'the token has no indexer acknowledgement' }
      }
      return acknowledged(ackId, signal)
    },
    close: () => Promise.resolve(),
  }
}

/** The kind `splunk-hec`. */
export const splunkHec: SinkDefinition<'splunk-hec'> = {
  acknowledged: 'the indexers acknowledged the `ackId`',
  ocsf: true,
  scope: null,
  async make(config, { secret }) {
    return createSplunkSink({
      ...baseOf(config),
      endpoint: config.endpoint,
      token: await secret(config.token),
      index: config.index ?? null,
    })
  },
  examine: ({ endpoint }) => examineUrl(endpoint),
}
