/**
 * One exchange as the flat columns of `AmlHarnessAudit_CL`.
 *
 * Nothing secret can get in: no header, no body, no query value, no path but that of a classified resource.
 * What is worth matching is there as a keyed hash (HMAC-SHA-256), so that an investigator who has the value can look
 * it up and one who has the records cannot guess it.
 * @module
 */
import { createHmac } from 'node:crypto'
import { isTooLong, line, lineOrNull } from './text.ts'
import type { Exchange, Outcome } from '../exchange.ts'

/** What a record says of an exchange. */
export type RecordKind = 'authorized' | 'refused' | 'completed' | 'received' | 'gateway'

/** Azure's ids of a call, by the header that carries each; any other name is not recorded. */
const UPSTREAM_IDS = [
  'x-ms-request-id',
  'x-ms-correlation-request-id',
  'x-ms-routing-request-id',
  'x-request-id',
  'apim-request-id',
]
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const METHOD = /^[A-Z]{1,16}$/
const API_VERSION = /^\d{4}-\d{2}-\d{2}(-preview)?$|^v?\d{1,2}\.\d{1,2}$/
const TOKEN_ID = /^[\w.~-]{1,128}$/
const PARAMETER = /^[$a-z0-9._-]{1,64}$/
const MOST_PARAMETERS = 32

/** Ends and context of a record that the exchange itself does not know. */
export interface Ending {
  readonly outcome: Outcome | null
  readonly durationMs: number | null
}

/** What the flat row takes from outside of the exchange. */
export interface RowContext {
  readonly hashKey: Buffer | null
  readonly version: string
}

/** The columns of one exchange, but for the ones that the spool adds (`EventUid`, `ChainId`, `Seq`, `Ocsf`). */
export type Row = Readonly<Record<string, unknown>>

/** Keyed hash of a foreign value, or null without a key: an unkeyed one could be guessed. */
function hashed(key: Buffer | null, value: string): string | null {
  return key === null ? null : createHmac('sha256', key).update(value).digest('hex')
}

function query(exchange: Exchange, key: Buffer | null) {
  const params = exchange.target?.params
  if (params === undefined || params.size === 0) return { names: null, hashes: null, version: null }
  const names: string[] = []
  const hashes: Record<string, string> = {}
  let version: string | null = null
  for (const [name, value] of params) {
    if (names.length === MOST_PARAMETERS) break
    // a name can be as foreign as a value: one that no API has is itself only counted
    const known = PARAMETER.test(name) ? name : '(other)'
    names.push(known)
    if (known === 'api-version' && API_VERSION.test(value)) version = value
    else if (known !== '(other)') {
      const mac = hashed(key, value)
      if (mac !== null) hashes[`q:${known}`] = mac
    }
  }
  return { names, hashes: Object.keys(hashes).length === 0 ? null : hashes, version }
}

/** The name after `/<collection>/` in a resource id, which is how AML's own tables call the thing. */
function nameAfter(id: string, collection: string): string | null {
  const at = id.toLowerCase().indexOf(`/${collection}/`)
  if (at < 0) return null
  const start = at + collection.length + 2
  const end = id.indexOf('/', start)
  return line(end < 0 ? id.slice(start) : id.slice(start, end), 256)
}

function upstreamIds(exchange: Exchange): Record<string, string> | null {
  const ids = exchange.upstream?.ids
  if (ids === undefined) return null
  const kept: Record<string, string> = {}
  for (const name of UPSTREAM_IDS) {
    if (Object.hasOwn(ids, name)) kept[name] = line(ids[name] ?? '', 128)
  }
  return Object.keys(kept).length === 0 ? null : kept
}

function resourceColumns(exchange: Exchange) {
  const operation = exchange.operation
  if (operation === null) {
    return { Action: null, Effect: null, Family: null, ResourceType: null, TargetResourceId: null }
  }
  const id = line(operation.resource.id)
  return {
    Action: line(operation.action, 256),
    Effect: operation.effect,
    Family: operation.family,
    ResourceType: line(operation.resource.type, 128),
    TargetResourceId: id,
    ResourceName: line(id.slice(id.lastIndexOf('/') + 1), 256),
    Workspace: lineOrNull(operation.scope, 1024),
    JobName: nameAfter(id, 'jobs'),
    // a job's name is its run id in run history and MLflow
    RunId: nameAfter(id, 'runs') ?? nameAfter(id, 'jobs'),
    EndpointName: nameAfter(id, 'onlineendpoints') ?? nameAfter(id, 'batchendpoints'),
  }
}

function decisionColumns(exchange: Exchange) {
  const decision = exchange.decision
  const refusal = exchange.refusal
  return {
    Decision: decision?.verdict ?? (refusal === null ? null : 'refuse'),
    PolicyIds: (decision?.policies ?? refusal?.detail.policies ?? []).map((id) => line(id, 256)),
    PolicyVersion: lineOrNull(decision?.version, 128),
    ShadowPolicyIds: decision?.shadow.map((id) => line(id, 256)) ?? null,
    Reason: lineOrNull(decision?.reason ?? refusal?.message),
    RefusalCode: refusal?.code ?? null,
    RefusalDetail: lineOrNull(refusal?.detail.inner),
  }
}

/** The host alone of an origin: a URL could hold more than its place. */
function hostOf(origin: string | undefined): string | null {
  return origin === undefined || !URL.canParse(origin) ? null : new URL(origin).host
}

/** The flat columns of an exchange. Absent values are left out, so that a row stays small. */
export function rowOf(
  kind: RecordKind,
  exchange: Exchange,
  ending: Ending,
  context: RowContext,
): Row {
  const principal = exchange.principal
  const parameters = query(exchange, context.hashKey)
  const path = exchange.target?.path
  const resourceId = exchange.operation?.resource.id ?? ''
  return {
    RecordKind: kind,
    ExchangeId: line(exchange.id, 64),
    PrincipalId: lineOrNull(principal?.id, 512),
    PrincipalKind: principal?.kind,
    PrincipalIssuer: lineOrNull(principal?.issuer, 64),
    PrincipalTenant: lineOrNull(principal?.tenant, 128),
    PrincipalClient: lineOrNull(principal?.client, 256),
    TokenId: TOKEN_ID.test(principal?.tokenId ?? '') ? principal?.tokenId : null,
    ...resourceColumns(exchange),
    Method: METHOD.test(exchange.method) ? exchange.method : '(other)',
    ApiVersion: parameters.version,
    QueryNames: parameters.names,
    QueryHashes: parameters.hashes,
    PathHash:
      exchange.operation !== null || path === undefined ? null : hashed(context.hashKey, path),
    ...decisionColumns(exchange),
    IdentityName: lineOrNull(exchange.identity?.name, 64),
    UpstreamPrincipalClientId: lineOrNull(exchange.identity?.clientId, 64),
    UpstreamHost: hostOf(exchange.upstream?.origin),
    ClientRequestId: GUID.test(exchange.clientRequestId ?? '') ? exchange.clientRequestId : null,
    CorrelationId: line(exchange.id, 64),
    UpstreamRequestIds: upstreamIds(exchange),
    Status: exchange.status,
    UpstreamStatus: exchange.upstream?.status,
    BytesIn: exchange.bytesIn,
    BytesOut: exchange.bytesOut,
    DurationMs: ending.durationMs === null ? null : Math.round(ending.durationMs * 1000) / 1000,
    Outcome: ending.outcome,
    SourceIp: line(exchange.source.ip, 64),
    SourcePort: exchange.source.port,
    Client: lineOrNull(exchange.client, 128),
    GatewayVersion: context.version,
    Truncated:
      isTooLong(resourceId) ||
      isTooLong(exchange.decision?.reason ?? exchange.refusal?.message ?? '') ||
      isTooLong(exchange.refusal?.detail.inner ?? '')
        ? true
        : null,
  }
}
