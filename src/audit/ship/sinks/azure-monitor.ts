/**
 * Azure Monitor, through the Logs Ingestion API and Microsoft's own client.
 *
 * The client is used for transport only (its 1.2.0 was read): a batch below 900 KB is always one chunk, so that one
 * call has one answer; its retries are off, because it sleeps out a `Retry-After` of any length; a call that
 * resolves after its signal was aborted may have sent nothing, and is a failure. Its token policy is replaced: the
 * one of azure-core refreshes in the background, and a failure there ends the process. The rows go out byte for byte
 * as they are in the spool: parsing them for the client, which writes them out twice and compresses for size, would cost
 * more than all the rest of the record. The service takes them compressed or not.
 * @module
 */
import { AggregateLogsUploadError, LogsIngestionClient } from '@azure/monitor-ingestion'
import type { SinkConfig } from '../../../config/schema/sinks.ts'
import { codeOf } from '../../../lib/error-code.ts'
import { fetchJson } from '../../../lib/http.ts'
import { compress } from './compress.ts'
import { demandHttps, judgeStatus } from './post.ts'
import {
  baseOf,
  type Delivery,
  type Examination,
  type Sink,
  type SinkCredential,
  type SinkDefinition,
  type TokenOf,
} from './sink.ts'

const EXAMINE_TIMEOUT_MS = 10_000
const API_VERSION = '2023-01-01'
const ROLE = 'Monitoring Metrics Publisher'
/** The service takes 1 MB, before and after compression. */
const LIMIT_BYTES = 900_000

export interface AzureMonitorOptions {
  readonly name: string
  readonly required: boolean
  readonly endpoint: string
  readonly ruleId: string
  readonly stream: string
  readonly scope: string
  /** Null for none: a quarter of the CPU for eleven times the bytes. */
  readonly compression: 'gzip' | null
  readonly credential: SinkCredential
}

/** An answer takes 50 to 100 ms; rows have numbers, so the table does not need batches in order. */
const AT_ONCE = 4
const GZIP_POLICY = 'GzippingPolicy'
/** What the client is given in place of the rows, so that it makes one chunk and one call. */
const ONE_CHUNK = [{}]
const TOKEN_POLICY = 'bearerTokenAuthenticationPolicy'

/** The token's audience in the cloud that the endpoint is in. */
export function scopeOf(endpoint: string): string {
  const { hostname } = new URL(endpoint)
  if (hostname.endsWith('.cn')) return 'https://monitor.azure.cn/.default'
  if (hostname.endsWith('.us')) return 'https://monitor.azure.us/.default'
  return 'https://monitor.azure.com/.default'
}

/** Sends one text of rows, compressed if that is asked. Not to be called twice at once: an answer belongs to the call before it. */
type Upload = (rows: Buffer, signal: AbortSignal) => Promise<Delivery>

function createUpload(options: AzureMonitorOptions): Upload {
  const client = new LogsIngestionClient(options.endpoint, options.credential, {
    retryOptions: { maxRetries: 0 },
    ...(options.endpoint.startsWith('https:') ? {} : { allowInsecureConnection: true }),
  })
  let body: Buffer
  let answer: { status: number; retryAfter: string | undefined } | null = null
  client.pipeline.removePolicy({ name: TOKEN_POLICY })
  client.pipeline.addPolicy({
    name: TOKEN_POLICY,
    async sendRequest(request, next) {
      const token = await options.credential.getToken([options.scope])
      if (token === null) throw new Error('no token')
      request.headers.set('authorization', `Bearer ${token.token}`)
      const response = await next(request)
      answer = { status: response.status, retryAfter: response.headers.get('retry-after') }
      return response
    },
  })
  client.pipeline.removePolicy({ name: GZIP_POLICY })
  client.pipeline.addPolicy({
    name: 'rowsAsSpooled',
    sendRequest(request, next) {
      request.body = body
      // the client says so in any case
      if (options.compression === null) request.headers.delete('content-encoding')
      return next(request)
    },
  })

  return async (rows, signal) => {
    body = rows
    answer = null
    try {
      await client.upload(options.ruleId, options.stream, ONE_CHUNK, {
        abortSignal: signal,
        maxConcurrency: 1,
      })
    } catch (error) {
      return judgeFailure(answer, error)
    }
    return signal.aborted ? { kind: 'retry', why: 'timed out' } : { kind: 'accepted' }
  }
}

/** Makes the sink. Throws an Error for an endpoint that would carry a token in clear. */
export function createAzureMonitorSink(options: AzureMonitorOptions): Sink {
  demandHttps(options.name, options.endpoint)
  const idle = [createUpload(options)]
  return {
    name: options.name,
    kind: 'azure-monitor',
    required: options.required,
    limitBytes: LIMIT_BYTES,
    atOnce: AT_ONCE,

    async send(batch, signal) {
      const rows = batch.jsonArray()
      const body = options.compression === null ? rows : await compress(rows)
      const upload = idle.pop() ?? createUpload(options)
      try {
        return await upload(body, signal)
      } finally {
        idle.push(upload)
      }
    },

    close: () => Promise.resolve(),
  }
}

/** Judges the answer, or the cause of the one chunk's failure: the message of the client's error says nothing. */
function judgeFailure(
  answer: { readonly status: number; readonly retryAfter: string | undefined } | null,
  error: unknown,
): Delivery {
  if (answer !== null) return judgeStatus(answer.status, answer.retryAfter)
  const cause: unknown = error instanceof AggregateLogsUploadError ? error.errors[0]?.cause : error
  return { kind: 'retry', why: cause === undefined ? 'no answer' : codeOf(cause) }
}

/** Sends an empty batch: authentication, role, rule and stream are judged before there is anything to store. */
async function examine(
  config: SinkConfig<'azure-monitor'>,
  tokenOf: TokenOf,
): Promise<Examination> {
  let token: string
  try {
    token = await tokenOf(config.identity, scopeOf(config.endpoint))
  } catch {
    const what = `its identity ${config.identity} has no token`
    return { status: 'failed', what, next: 'see the check "identities"' }
  }
  const path = `dataCollectionRules/${encodeURIComponent(config.ruleId)}/streams/${encodeURIComponent(config.stream)}`
  const url = `${config.endpoint.replace(/\/$/, '')}/${path}?api-version=${API_VERSION}`
  const answer = await fetchJson(url, AbortSignal.timeout(EXAMINE_TIMEOUT_MS), {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '[]',
  })
  if (!answer.ok) {
    const next = 'check the endpoint’s name, egress rules and private link'
    return { status: 'failed', what: `${new URL(url).host} does not answer: ${answer.why}`, next }
  }
  return examinationOf(answer.status, config.identity)
}

/** What the status of an answer to an empty batch shows. */
function examinationOf(status: number, identity: string): Examination {
  if (status === 204) {
    return { status: 'ok', what: 'takes an empty batch of this identity', next: null }
  }
  const what = `answers ${status} to an empty batch`
  if (status === 401 || status === 403) {
    const next = `assign the role ${ROLE} on the data collection rule to ${identity}; it takes up to 30 minutes to hold`
    return { status: 'failed', what, next }
  }
  if (status === 404) {
    const next = 'check ruleId (the rule’s immutable id, dcr-...) and stream (Custom-...)'
    return { status: 'failed', what, next }
  }
  if (status === 400 || status === 413) {
    const next =
      'reached and let in, but only a real record shows whether it is stored: azureml-harness audit reconcile'
    return { status: 'unverified', what, next }
  }
  const next = 'try again in a minute; the spool keeps records meanwhile'
  return { status: 'failed', what, next }
}

/** The kind `azure-monitor`. */
export const azureMonitor: SinkDefinition<'azure-monitor'> = {
  acknowledged: '204',
  // its table has the same in columns, and what it takes is paid for by the byte
  ocsf: false,
  scope: ({ endpoint }) => scopeOf(endpoint),
  make: (config, { credential }) =>
    createAzureMonitorSink({
      ...baseOf(config),
      endpoint: config.endpoint,
      ruleId: config.ruleId,
      stream: config.stream,
      scope: scopeOf(config.endpoint),
      compression: config.compression ?? null,
      credential: credential(config.identity),
    }),
  examine,
}
