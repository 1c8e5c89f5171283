/**
 * Which headers cross the gateway, each way. Both lists are allow-lists: what nobody thought of stays out.
 * @module
 */
import type { Exchange } from '../exchange.ts'
import type { Grant } from '../token/grant.ts'
import { Refusal } from '../errors.ts'
import { POLICY_TOKEN_HEADER } from './policy-token.ts'
import { UPSTREAM_IDS } from '../vocabulary/request-ids.ts'

/**
 * What a caller may say to Azure. Nothing that names an identity, a route or a hop is among it (RFC 9700 section 4.13;
 * CVE-2025-64484 and its like: aliases of such headers are a class of attack of their own).
 */
const REQUEST: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'content-type',
  'content-encoding',
  'content-md5',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'prefer',
  'range',
  'x-ms-return-client-request-id',
  'azureml-model-deployment',
  // the experiment that spans are of, as MLflow's client sends them by OTLP
  'x-mlflow-experiment-id',
])

/** What of those goes on with some calls or some values only. */
function goesOn(name: string, value: string, exchange: Exchange): boolean {
  switch (name) {
    case 'accept-language':
      return LANGUAGES.test(value)
    case 'content-md5':
      // it would be the digest of the bytes that the caller sent
      return exchange.changes === null
    case 'x-mlflow-experiment-id':
      return takesSpans(exchange)
    default:
      return true
  }
}

function takesSpans({ operation, target }: Exchange): boolean {
  return operation?.resource.type === 'Trace' && target?.segments.at(-2)?.toLowerCase() === 'v1'
}

/** What Azure may say to a caller. Never `www-authenticate` or `set-cookie`: they concern the gateway's own identity. */
const RESPONSE: ReadonlySet<string> = new Set([
  'content-type',
  'content-encoding',
  'content-disposition',
  'content-language',
  'content-md5',
  'content-range',
  'accept-ranges',
  'cache-control',
  'etag',
  'expires',
  'last-modified',
  'location',
  'content-location',
  'azure-asyncoperation',
  'operation-location',
  'preference-applied',
  'retry-after',
  'retry-after-ms',
  'x-ms-retry-after-ms',
  'x-ms-async-operation-timeout',
  'x-ms-client-request-id',
  'x-ms-continuation',
  'x-ms-error-code',
  'x-ms-request-id',
  'x-ms-routing-request-id',
  'x-request-id',
  'apim-request-id',
  'azureml-model-deployment',
  'azureml-model-error-statuscode',
  'azureml-model-error-reason',
])

/**
 * What goes on of an answer that is replaced: how its caller is throttled, and by which ids Azure finds it. No free text:
 * these headers are not looked through for secrets.
 */
const OF_FAILURES: ReadonlySet<string> = new Set([
  'retry-after',
  'retry-after-ms',
  'x-ms-retry-after-ms',
  'x-ms-error-code',
  'x-ms-request-id',
  'x-ms-routing-request-id',
  'x-request-id',
  'apim-request-id',
  'azureml-model-deployment',
  'azureml-model-error-statuscode',
])

/** `x-ms-ratelimit-remaining-subscription-reads` and the like: callers throttle themselves by them. */
const RATE_LIMIT = 'x-ms-ratelimit-'

/** RFC 4647 basic language ranges, without room for free text. */
const LANGUAGES =
  /^[a-z]{2,3}(-[A-Za-z]{2,4})?(;q=[01](\.\d{1,3})?)?(, ?([a-z]{2,3}(-[A-Za-z]{2,4})?|\*)(;q=[01](\.\d{1,3})?)?){0,9}$/

/**
 * Upstream's request headers, names and values in turn, built from nothing: the caller's by allow-list, then the
 * gateway's own.
 * `identityCoding` asks for an answer without compression, because the gateway has to read it.
 */
export function requestHeaders(
  received: Readonly<Record<string, string | string[] | undefined>>,
  exchange: Exchange,
  grant: Grant,
  options: {
    /** Bytes of the body as it will be sent; null if it is chunked, or if there is none. */
    readonly length: number | null
    readonly userAgent: string
    readonly identityCoding: boolean
    /** A policy token that the gateway has acquired for this very call; null for none. */
    readonly policyToken: string | null
  },
): string[] {
  const headers: string[] = []
  for (const name in received) {
    if (!REQUEST.has(name)) continue
    const value = received[name]
    if (typeof value === 'string' && goesOn(name, value, exchange)) headers.push(name, value)
  }
  const coding = options.identityCoding ? undefined : received['accept-encoding']
  headers.push('accept-encoding', typeof coding === 'string' ? codings(coding) : 'identity')
  if (options.length !== null) headers.push('content-length', String(options.length))
  headers.push(
    'user-agent',
    options.userAgent,
    'x-ms-client-request-id',
    exchange.clientRequestId ?? exchange.id,
    // joins AzureActivity.CorrelationId to the decision
    'x-ms-correlation-request-id',
    exchange.id,
    'authorization',
    grant.authorization(),
  )
  if (options.policyToken !== null) headers.push(POLICY_TOKEN_HEADER, options.policyToken)
  return headers
}

/** Codings that go on, and how each stands in a list. */
const CODINGS = ['gzip', 'deflate', 'br', 'zstd'].map(
  (name) => [name, new RegExp(`(^|[ ,])${name}([ ,;]|$)`)] as const,
)

/** Only codings by name: `accept-encoding` is free text otherwise. */
function codings(value: string): string {
  const known = CODINGS.filter(([, stands]) => stands.test(value)).map(([name]) => name)
  return known.length === 0 ? 'identity' : known.join(', ')
}

/** Headers by which a client or the gateway finds out what the answer is or where to go next. */
const ONCE: ReadonlySet<string> = new Set([
  'content-type',
  'content-encoding',
  'etag',
  'location',
  'content-location',
  'azure-asyncoperation',
  'operation-location',
  'retry-after',
])

/**
 * Two of one kind would be read differently here and at the client.
 * @throws {Refusal} `upstream_bad_answer`
 */
export function checkSingle(
  received: Readonly<Record<string, string | string[] | undefined>>,
): void {
  for (const name in received) {
    if (typeof received[name] !== 'string' && received[name] !== undefined && ONCE.has(name))
      throw new Refusal('upstream_bad_answer', `the answer has more than one ${name} header`)
  }
}

/** Upstream's answer headers by allow-list, multiple values joined as RFC 9110 section 5.3 allows. */
export function responseHeaders(
  received: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name in received) {
    const value = received[name]
    if (RESPONSE.has(name)) {
      if (value !== undefined) headers[name] = typeof value === 'string' ? value : value.join(', ')
    } else if (typeof value === 'string' && name.startsWith(RATE_LIMIT)) headers[name] = value
  }
  return headers
}

/** Headers of an answer whose body is replaced. One that is there twice is left out: readers would differ on it. */
export function failureHeaders(
  received: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name in received) {
    const value = received[name]
    const passes = OF_FAILURES.has(name) || name.startsWith(RATE_LIMIT)
    if (passes && typeof value === 'string') headers[name] = value
  }
  return headers
}

/** Azure's ids of this call, cut to what ids look like: they end up in the record. */
export function upstreamIds(
  received: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  const ids: Record<string, string> = {}
  for (const name of UPSTREAM_IDS) {
    const value = received[name]
    if (typeof value === 'string' && /^[\w.:-]{1,128}$/.test(value)) ids[name] = value
  }
  return ids
}
