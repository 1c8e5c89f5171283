/**
 * Records in Azure Monitor: those of all replicas, as far as they have arrived there.
 *
 * The client's retries are off and its token policy is replaced, for the reasons in ship/sinks/azure-monitor.ts; its
 * answers are read up to a bound, and in a bounded time.
 * @module
 */
import { LogsQueryClient, LogsQueryResultStatus } from '@azure/monitor-query-logs'
import { LRUCache } from 'lru-cache'
import { Refusal } from '../../errors.ts'
import { codeOf } from '../../lib/error-code.ts'
import { createSemaphore } from '../../lib/semaphore.ts'
import { fieldsOf } from '../../lib/strict-json.ts'
import { countText, newestText, searchText, type After } from './kql.ts'
import {
  isVisible,
  placeOf,
  type Columns,
  type Hour,
  type RecordSource,
  type Visibility,
} from './records.ts'

/** What Azure's clients take as a credential. */
interface Credential {
  readonly getToken: (
    scopes: string | string[],
  ) => Promise<{ readonly token: string; readonly expiresOnTimestamp: number } | null>
}

export interface AzureMonitorSearchOptions {
  /** Origin of the Logs query API. */
  readonly endpoint: string
  /** Scope of the token that it takes. */
  readonly scope: string
  /** Id of the Log Analytics workspace. */
  readonly workspaceId: string
  readonly credential: Credential
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly limits?: Partial<typeof LIMITS>
}

const LIMITS = {
  timeoutMs: 20_000,
  answerBytes: 16_777_216,
  /** Groups of a count. */
  groups: 10_000,
  atOnce: 4,
  waiting: 32,
  waitMs: 10_000,
  /** Queries of one caller a minute: they cost money. */
  aMinute: 60,
}

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
/** How long the time of the newest record is taken for the newest. */
const NEWEST_MS = 15_000
const MAX_CALLERS = 10_000
const PARTIAL = 'Azure Monitor answered a part of it only'
const NOTHING = 'Azure Monitor has no record of the last day'
const TOKEN_POLICY = 'bearerTokenAuthenticationPolicy'

interface Answer {
  readonly rows: readonly Columns[]
  readonly isWhole: boolean
}

type Ask = (text: string, since: number, until: number) => Promise<Answer>

export function createAzureMonitorSearch(options: AzureMonitorSearchOptions): RecordSource {
  const { now } = options
  const limits = { ...LIMITS, ...options.limits }
  const ask = createAsk(options, limits)
  const newest = createNewest(ask, now)
  const asked = new LRUCache<string, number>({
    max: MAX_CALLERS,
    ttl: MINUTE_MS,
    noUpdateTTL: true,
  })

  function admit(caller: string): void {
    const so = (asked.get(caller) ?? 0) + 1
    asked.set(caller, so)
    if (so > limits.aMinute)
      throw new Refusal('too_many_requests', 'these are many searches of records for one minute', {
        retryAfter: 60,
      })
  }

  return {
    kind: 'azure-monitor',
    async search(conditions, visible, { from, limit }) {
      admit(visible.own)
      const after = from === null ? null : afterIn(from)
      const asOf = await newest()
      // one more tells whether there is a next page
      const text = searchText(conditions, visible, after, limit + 1)
      const { rows, isWhole } = await ask(text, conditions.since, conditions.until)
      const last = rows[limit - 1]
      return {
        rows: rows.slice(0, limit).filter((row) => isVisible(row, visible)),
        next: rows.length > limit && last !== undefined ? textOf(last) : null,
        ...provenance(asOf, isWhole),
      }
    },

    async count(conditions, visible) {
      admit(visible.own)
      const asOf = await newest()
      const text = countText(conditions, visible, limits.groups + 1)
      const { rows, isWhole } = await ask(text, conditions.since, conditions.until)
      return {
        hours: hoursOf(rows, visible),
        ...provenance(asOf, isWhole && rows.length <= limits.groups),
      }
    },
  }
  function provenance(asOf: number | null, isWhole: boolean) {
    const faults = [...(asOf === null ? [NOTHING] : []), ...(isWhole ? [] : [PARTIAL])]
    return {
      asOf: asOf ?? now() - DAY_MS,
      // how long the table keeps rows is not the gateway's to know
      from: null,
      complete: isWhole && asOf !== null,
      faults,
    }
  }
}

/** Groups that the caller may see, by hour. */
function hoursOf(rows: readonly Columns[], { mayRead }: Visibility): readonly Hour[] {
  const hours = new Map<number, Hour>()
  for (const row of rows) {
    const place = placeOf(new Map([['TargetResourceId', row.get('Place')]]))
    const begin = Date.parse(String(row.get('Hour')))
    const calls = Number(row.get('Calls'))
    if ((row.get('Own') !== true && !mayRead(place)) || Number.isNaN(begin + calls)) continue
    const hour = hours.get(begin) ?? { hour: begin, permitted: 0, refused: 0 }
    hours.set(begin, hour)
    hour[row.get('Refused') === true ? 'refused' : 'permitted'] += calls
  }
  return [...hours.values()].toSorted((one, other) => one.hour - other.hour)
}

/** The time of the newest record of all, asked for once in a while; null if there is none of the last day. */
function createNewest(ask: Ask, now: () => number): () => Promise<number | null> {
  let known: { readonly at: number; readonly time: Promise<number | null> } | null = null
  const look = async (at: number): Promise<number | null> => {
    const { rows } = await ask(newestText(at - DAY_MS), at - DAY_MS, at + DAY_MS)
    const time = Date.parse(String(rows[0]?.get('Newest')))
    return Number.isNaN(time) ? null : time
  }
  return () => {
    const at = now()
    if (known === null || at - known.at > NEWEST_MS || at < known.at) {
      const time = look(at)
      known = { at, time }
      time.catch(() => {
        known = null
      })
    }
    return known.time
  }
}

function createAsk(options: AzureMonitorSearchOptions, limits: typeof LIMITS): Ask {
  const turns = createSemaphore(limits.atOnce, limits.waiting)
  const client = createClient(options, limits)
  return async (text, since, until) => {
    const why = await turns.acquire(limits.waitMs)
    if (why !== null)
      throw new Refusal('overloaded', 'too many searches of records run at once', {
        retryAfter: 5,
        inner: why,
      })
    try {
      const span = { startTime: new Date(since), endTime: new Date(until) }
      const answer = await client.queryWorkspace(options.workspaceId, text, span, {
        serverTimeoutInSeconds: Math.ceil(limits.timeoutMs / 1_000),
      })
      const isWhole = answer.status === LogsQueryResultStatus.Success
      const tables = 'tables' in answer ? answer.tables : answer.partialTables
      const [table] = tables
      const names = (table?.columnDescriptors ?? []).map(({ name }) => name ?? '')
      return { rows: (table?.rows ?? []).map((row) => columnsOf(names, row)), isWhole }
    } catch (error) {
      throw refusalOf(error)
    } finally {
      turns.release()
    }
  }
}

function createClient(
  { endpoint, scope, credential }: AzureMonitorSearchOptions,
  { timeoutMs, answerBytes }: typeof LIMITS,
): LogsQueryClient {
  const client = new LogsQueryClient(credential, {
    endpoint: `${endpoint.replace(/\/$/u, '')}/v1`,
    retryOptions: { maxRetries: 0 },
    ...(endpoint.startsWith('https:') ? {} : { allowInsecureConnection: true }),
  })
  client.pipeline.removePolicy({ name: TOKEN_POLICY })
  client.pipeline.addPolicy({
    name: TOKEN_POLICY,
    async sendRequest(request, next) {
      const token = await credential.getToken([scope])
      if (token === null) throw new Error('no token')
      request.headers.set('authorization', `Bearer ${token.token}`)
      request.abortSignal = AbortSignal.timeout(timeoutMs)
      request.streamResponseStatusCodes = new Set([Number.POSITIVE_INFINITY])
      const response = await next(request)
      const { readableStreamBody: stream, ...rest } = response
      if (stream === undefined) return response
      return { ...rest, bodyAsText: await textUpTo(stream, answerBytes) }
    },
  })
  return client
}

async function textUpTo(stream: NodeJS.ReadableStream, limit: number): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    if (size > limit) throw new Refusal('overloaded', TOO_LONG, { remedy: 'ask for fewer rows' })
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const TOO_LONG = 'the answer of Azure Monitor is too long'

/** What is absent is null, or an empty text; a row of the spool does not have it. */
function columnsOf(names: readonly string[], row: readonly unknown[]): Columns {
  const columns = new Map<string, unknown>()
  for (const [index, name] of names.entries()) {
    const value = row[index]
    if (value === null || value === undefined || value === '') continue
    columns.set(name, value instanceof Date ? timeText(value) : value)
  }
  return columns
}

const timeText = (value: Date): string => (Number.isNaN(value.getTime()) ? '' : value.toISOString())

/** Nothing of Azure's text goes to the caller or into the record: it may repeat the query. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  const status = Number(fieldsOf(error).get('statusCode') ?? NaN)
  const inner = Number.isNaN(status) ? codeOf(error) : `Azure Monitor answered ${status}`
  if (status === 429)
    return new Refusal('overloaded', 'Azure Monitor takes no more queries now', {
      retryAfter: 60,
      inner,
    })
  return new Refusal('not_ready', 'records cannot be read from Azure Monitor now', {
    remedy: 'try again later; audit cat reads the spool of a replica',
    inner,
    retryAfter: 30,
  })
}

function textOf(row: Columns): string {
  return JSON.stringify([row.get('EventTime'), row.get('ChainId'), row.get('Seq')])
}

function afterIn(text: string): After {
  const parts: unknown = JSON.parse(text)
  const [time, chain, seq] = Array.isArray(parts) ? (parts as unknown[]) : []
  if (typeof time !== 'string' || typeof chain !== 'string' || typeof seq !== 'number')
    throw new Refusal('bad_query', 'this page is of another source of records', {
      remedy: 'begin again without "page"',
    })
  return { time, chain, seq }
}
