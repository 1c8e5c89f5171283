/**
 * One exchange as the flat columns of `AmlHarnessAudit_CL`.
 *
 * Nothing secret can get in: no header, no body, no query value, no path but that of a classified resource, none of the
 * caller's words out of a refusal. Values that an investigation may search for are there as a keyed hash (HMAC-SHA-256):
 * whoever has the value and the key can find it, whoever has only the records cannot guess it.
 * @module
 */
import { CALL } from './call-columns.ts'
import type { Ending, Row, RowContext } from './column.ts'
import { factsColumn, grantColumns, memberColumns } from './decision-inputs.ts'
import { hashed } from './keyed-hash.ts'
import { QUERY_NAMES } from './query-names.ts'
import { isTooLong, line, lineIfAny } from './safe-text.ts'
import { overruled, type Exchange } from '../../exchange.ts'
import type { Refusal } from '../../errors.ts'
import type { RecordKind } from '../recorder.ts'

const API_VERSION = /^\d{4}-\d{2}-\d{2}(-preview)?$|^v?\d{1,2}\.\d{1,2}$/
const TOKEN_ID = /^[\w.~-]{1,128}$/
const MAX_PARAMETERS = 32

function queryColumns({ target }: Exchange, { hashKey: key }: RowContext) {
  const params = target?.params
  if (params === undefined || params.size === 0) return {}
  const names: string[] = []
  const hashes: Record<string, string> = {}
  let version: string | undefined
  for (const [name, value] of params) {
    if (names.length === MAX_PARAMETERS) break
    // a name can be the caller's own text too: one that no API has is recorded as `(other)`
    const known = QUERY_NAMES.has(name) ? name : '(other)'
    names.push(known)
    if (known === 'api-version' && API_VERSION.test(value)) version = value
    else if (known !== '(other)') {
      const mac = hashed(key, value)
      if (mac !== undefined) hashes[`q:${known}`] = mac
    }
  }
  return {
    ApiVersion: version,
    QueryNames: names,
    QueryHashes: Object.keys(hashes).length === 0 ? undefined : hashes,
  }
}

/** The name after `/<collection>/` in a resource id, which is how AML's own tables call the thing. */
function nameAfter(id: string, lower: string, collection: string): string | undefined {
  const at = lower.indexOf(`/${collection}/`)
  if (at < 0) return undefined
  const start = at + collection.length + 2
  const end = id.indexOf('/', start)
  return line(end < 0 ? id.slice(start) : id.slice(start, end), 256)
}

function resourceColumns({ operation }: Exchange) {
  if (operation === null) return {}
  const id = line(operation.resource.id)
  const lower = id.toLowerCase()
  return {
    Action: line(operation.action, 256),
    Effect: operation.effect,
    Family: operation.family,
    ResourceType: line(operation.resource.type, 128),
    Secrets: operation.secrets || undefined,
    TargetResourceId: id,
    ResourceName: line(id.slice(id.lastIndexOf('/') + 1), 256),
    Workspace: lineIfAny(operation.scope, 1024),
    JobName: nameAfter(id, lower, 'jobs'),
    // a job's name is its run id in run history and MLflow
    RunId: nameAfter(id, lower, 'runs') ?? nameAfter(id, lower, 'jobs'),
    EndpointName: nameAfter(id, lower, 'onlineendpoints') ?? nameAfter(id, lower, 'batchendpoints'),
  }
}

/** Quoted words that are the gateway's: names of headers, claims, parameters and services that it knows. */
const OWN_WORDS = new Set(
  [
    'host content-length content-type content-encoding transfer-encoding expect authorization upgrade',
    'x-ms-authorization-auxiliary x-http-method-override x-http-method x-method-override',
    'chunked application/json dpop mferp api-version',
    'GET HEAD PUT POST PATCH DELETE OPTIONS TRACE',
    'iss aud exp nbf iat sub oid tid uid cid scp ver azp appid idtyp roles groups cnf',
  ].flatMap((words) => words.split(' ')),
)

/** A path or a JSON pointer: its steps can be the caller's own. */
const PLACE = /(^|[\s(])\/\S*/g

/**
 * Everything from the first to the last quote goes unless it is words of the gateway's and nothing else: a foreign word
 * can itself hold quotes.
 */
function withoutForeign(message: string): string {
  const first = message.indexOf('"')
  const last = message.lastIndexOf('"')
  if (first === last) return message
  const words = message.slice(first + 1, last).split(/" n?or "/)
  return words.every((word) => OWN_WORDS.has(word))
    ? message
    : `${message.slice(0, first)}"(...)"${message.slice(last + 1)}`
}

/**
 * A refusal's message as it is recorded: the gateway's own words, not the caller's. The answer names the offending
 * thing, but a record has other readers, and what a caller put by mistake where a name belongs can be a key or a token;
 * `PathHash` and `QueryHashes` find the place. Refusals of status 5xx are recorded in full: their names come from the
 * configuration.
 */
export function reasonOf(refusal: Refusal): string {
  return refusal.status >= 500
    ? refusal.message
    : withoutForeign(refusal.message).replace(PLACE, '$1/(...)')
}

/** Where an error's message begins to quote: `JSON.parse` quotes its input, a failed call its URL. */
const QUOTED = /["'`?{[<(].*$/s

/** What was wrong. An error that nobody foresaw may quote what the caller sent, and is recorded up to there. */
function detailOf(refusal: Exchange['refusal']): string | undefined {
  const inner = refusal?.detail.inner
  return refusal?.code === 'internal_error' ? inner?.replace(QUOTED, '(...)') : inner
}

/** Policies that a record names; one caller can be bound a thousand times over. */
const MAX_POLICIES = 16

/** The first ids, and how many there are if that is more. */
function idsIfAny(ids: readonly string[] = []): [string[] | undefined, number | undefined] {
  if (ids.length === 0) return [undefined, undefined]
  const first = ids.slice(0, MAX_POLICIES).map((id) => line(id, 256))
  return [first, ids.length > MAX_POLICIES ? ids.length : undefined]
}

function decisionColumns(exchange: Exchange) {
  const { refusal } = exchange
  const later = overruled(exchange)
  const decision = later === null ? exchange.decision : null
  const [policies, policyCount] = idsIfAny(decision?.policies ?? refusal?.detail.policies)
  const [shadow, shadowCount] = idsIfAny(exchange.decision?.shadow)
  return {
    Decision: decision?.verdict ?? (refusal === null ? undefined : 'refuse'),
    PolicyIds: policies,
    PolicyCount: policyCount,
    PolicyVersion: lineIfAny(exchange.decision?.version, 128),
    ShadowPolicyIds: shadow,
    ShadowPolicyCount: shadowCount,
    Reason: lineIfAny(decision?.reason ?? (refusal === null ? null : reasonOf(refusal))),
    RefusalCode: refusal?.code,
    RefusalDetail: lineIfAny(detailOf(refusal)),
  }
}

function callerColumns({ principal }: Exchange) {
  return {
    PrincipalId: lineIfAny(principal?.id, 512),
    PrincipalKind: principal?.kind,
    PrincipalIssuer: lineIfAny(principal?.issuer, 64),
    PrincipalTenant: lineIfAny(principal?.tenant, 128),
    PrincipalClient: lineIfAny(principal?.client, 256),
    TokenId: TOKEN_ID.test(principal?.tokenId ?? '') ? principal?.tokenId : undefined,
  }
}

function identityColumns({ identity }: Exchange) {
  return {
    IdentityName: lineIfAny(identity?.name, 64),
    UpstreamPrincipalClientId: lineIfAny(identity?.clientId, 64),
    UpstreamPrincipalOid: lineIfAny(identity?.objectId, 64),
  }
}

/** Whether a text of the record was too long for it. */
const truncatedColumn = ({ operation, decision, refusal }: Exchange): Row => ({
  Truncated:
    isTooLong(operation?.resource.id ?? '') ||
    isTooLong(decision?.reason ?? refusal?.message ?? '') ||
    isTooLong(refusal?.detail.inner ?? '')
      ? true
      : undefined,
})

/**
 * Columns that are made of the same one or two things, and of nothing else. Those things never change once they are made,
 * and serve many calls: as long as they are the same, so is the text of these columns.
 */
export interface Section<Of = Exchange> {
  readonly name:
    'caller' | 'operation' | 'decision' | 'identity' | 'grants' | 'truncated' | 'query' | 'inputs'
  /** Null: these columns are made for each record. */
  readonly of: (exchange: Of) => object | null
  readonly and?: (exchange: Of) => object | string | null
  readonly columns: (exchange: Exchange, context: RowContext) => Row
}

/** All that the columns of what the call is and what was decided are made of. */
export type Judgement = Pick<
  Exchange,
  'operation' | 'decision' | 'identity' | 'refusal' | 'content'
>

/** Columns of who calls, first in every record behind `RecordKind` and `ExchangeId`. */
export const CALLER: Section = {
  name: 'caller',
  of: ({ principal }) => principal,
  columns: callerColumns,
}

/** Columns of what the call is and what was decided, in every record. */
export const ALWAYS: readonly Section<Judgement>[] = [
  { name: 'operation', of: ({ operation }) => operation, columns: resourceColumns },
  {
    name: 'decision',
    // a refusal may overrule the decision, and is of this call
    of: ({ decision, refusal }) => (refusal === null ? decision : null),
    columns: decisionColumns,
  },
  { name: 'identity', of: ({ identity }) => identity, columns: identityColumns },
  {
    name: 'grants',
    // a call may be about a grant, which its body names
    of: ({ decision, content }) => (content === null ? decision : null),
    columns: grantColumns,
  },
  {
    name: 'truncated',
    of: ({ decision, refusal }) => (refusal === null ? decision : null),
    and: ({ operation }) => operation,
    columns: truncatedColumn,
  },
]

/** Columns behind those that are said once, with the decision, and not again with the outcome. */
export const QUERY: Section = { name: 'query', of: ({ target }) => target, columns: queryColumns }

/** The last of them: what the decision was made of. */
export const INPUTS: Section = {
  name: 'inputs',
  of: ({ decision }) => decision,
  // one decision may be that of many callers, who differ in nothing else that these columns have
  and: ({ principal }) => (principal?.workspace === null ? principal.issuer : principal),
  columns: (exchange) => ({
    ...memberColumns(exchange),
    Facts: factsColumn(exchange.decision),
  }),
}

/**
 * The flat columns of an exchange. What is absent is undefined, and so left out of the JSON. row-text.ts makes the same
 * as text, with less work.
 */
export function rowOf(
  kind: RecordKind,
  exchange: Exchange,
  ending: Ending,
  context: RowContext,
): Row {
  const row: Record<string, unknown> = { RecordKind: kind, ExchangeId: line(exchange.id, 64) }
  const once = kind === 'completed' ? [] : [QUERY, INPUTS]
  for (const { columns } of [CALLER, ...ALWAYS, ...once]) {
    Object.assign(row, columns(exchange, context))
  }
  return Object.assign(row, CALL.row(exchange, context, kind, ending))
}
