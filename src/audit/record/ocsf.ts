/**
 * Rows as events of OCSF 1.8.0: API Activity (class 6003), with the profiles `cloud` and `security_control`.
 *
 * A row has all that its event is made of, so the event is made where somebody asks for it, and is not in the spool.
 * @module
 */
import { isIP } from 'node:net'
import { memoOfLast } from '../../lib/memo.ts'
import { isObject } from '../../lib/strict-json.ts'
import type { Row } from './column.ts'

/** Version of the schema that every record says it keeps. */
export const OCSF_VERSION = '1.8.0'
const CLASS = 6003

/** OCSF's activities of class 6003: 0 Unknown, 1 Create, 2 Read, 3 Update, 4 Delete, 99 Other. */
const ACTIVITY = { unknown: 0, create: 1, read: 2, update: 3, delete: 4, other: 99 } as const
const ACTIVITY_NAMES: Readonly<Record<number, string>> = {
  0: 'Unknown',
  1: 'Create',
  2: 'Read',
  3: 'Update',
  4: 'Delete',
  99: 'Invoke',
}

/** Kinds of records about what was refused before Azure was touched. */
const REFUSALS: ReadonlySet<unknown> = new Set(['refused', 'received', 'summary'])
export const isRefusal = (kind: unknown): boolean => REFUSALS.has(kind)

/** ARM answers 201 to a write that created something; before the answer a write counts as an update. */
function activityOf(row: Row): number {
  switch (row['Effect']) {
    case 'read':
      return ACTIVITY.read
    case 'write':
      return row['UpstreamStatus'] === 201 ? ACTIVITY.create : ACTIVITY.update
    case 'delete':
      return ACTIVITY.delete
    case 'invoke':
      return ACTIVITY.other
    default:
      return ACTIVITY.unknown
  }
}

/** 1 Informational, 2 Low, 3 Medium, 4 High. */
function severityOf(row: Row): [number, string] {
  const status = row['Status']
  if (row['RefusalCode'] === 'internal_error') return [4, 'High']
  if (row['Outcome'] === 'unknown') return [3, 'Medium']
  if (isRefusal(row['RecordKind'])) return [2, 'Low']
  return typeof status === 'number' && status >= 500 ? [2, 'Low'] : [1, 'Informational']
}

function statusOf(row: Row): [number, string] {
  if (isRefusal(row['RecordKind'])) return [2, 'Failure']
  if (row['Outcome'] === 'success') return [1, 'Success']
  return row['Outcome'] === undefined || row['Outcome'] === 'unknown'
    ? [0, 'Unknown']
    : [2, 'Failure']
}

function actorOf(row: Row) {
  if (row['PrincipalId'] === undefined) {
    return {
      user: { name: row['RecordKind'] === 'gateway' ? 'gateway' : 'unauthenticated', type_id: 0 },
    }
  }
  return {
    user: {
      uid: row['PrincipalId'],
      type_id: row['PrincipalKind'] === 'user' ? 1 : 4,
      type: row['PrincipalKind'] === 'user' ? 'User' : 'Service',
      domain: row['PrincipalTenant'],
    },
    app_uid: row['PrincipalClient'],
    session: {
      uid: row['TokenId'],
      issuer: row['PrincipalIssuer'],
    },
  }
}

function controlOf(row: Row) {
  if (row['Decision'] === undefined) return {}
  const allowed = row['Decision'] === 'permit' && row['RecordKind'] !== 'refused'
  const policies = Array.isArray(row['PolicyIds']) ? row['PolicyIds'] : []
  return {
    action_id: allowed ? 1 : 2,
    action: allowed ? 'Allowed' : 'Denied',
    disposition_id: allowed ? 1 : 2,
    disposition: allowed ? 'Allowed' : 'Blocked',
    authorizations: policies.map((uid) => ({
      decision: row['Decision'],
      policy: { uid: String(uid), version: row['PolicyVersion'] },
    })),
  }
}

function apiOf(row: Row) {
  return {
    operation: row['Action'] ?? row['Event'] ?? 'unclassified',
    service: { name: 'Microsoft.MachineLearningServices' },
    version: row['ApiVersion'],
    request: row['ExchangeId'] === '' ? undefined : { uid: row['ExchangeId'] },
    response:
      row['RefusalCode'] === undefined
        ? undefined
        : { error: row['RefusalCode'], error_message: row['Reason'] },
  }
}

/** A summary's source can be a network, or all other sources. */
function sourceOf(row: Row) {
  const ip = row['SourceIp']
  if (typeof ip !== 'string') return { name: 'gateway' }
  return row['RecordKind'] === 'summary' && isIP(ip) === 0
    ? { name: ip }
    : { ip, port: row['SourcePort'] }
}

/** How many events a summary stands for, and from when to when. */
function timesOf(row: Row) {
  if (row['RecordKind'] !== 'summary') return {}
  return {
    count: row['Count'],
    start_time: Date.parse(String(row['FirstTime'])),
    end_time: Date.parse(String(row['LastTime'])),
  }
}

/** The columns that `classOf` is made of. */
export const OF_CLASS: readonly string[] = [
  'RecordKind',
  'Effect',
  'UpstreamStatus',
  'Status',
  'Outcome',
  'RefusalCode',
]

function classOf(row: Row) {
  const activity = activityOf(row)
  const [severityId, severity] = severityOf(row)
  const [statusId, status] = statusOf(row)
  return {
    class_uid: CLASS,
    class_name: 'API Activity',
    category_uid: 6,
    category_name: 'Application Activity',
    activity_id: activity,
    activity_name: ACTIVITY_NAMES[activity],
    type_uid: CLASS * 100 + activity,
    severity_id: severityId,
    severity,
    status_id: statusId,
    status,
    status_code: typeof row['Status'] === 'number' ? String(row['Status']) : undefined,
  }
}

const millisecondsOf = memoOfLast((time) => Date.parse(time))

const momentOf = (row: Row) => ({
  time: millisecondsOf(String(row['EventTime'])),
  duration: typeof row['DurationMs'] === 'number' ? Math.round(row['DurationMs']) : undefined,
})

function callOf(row: Row) {
  return {
    api: apiOf(row),
    cloud: { provider: 'Azure' },
    ...timesOf(row),
    src_endpoint: sourceOf(row),
    dst_endpoint:
      typeof row['UpstreamHost'] === 'string' ? { hostname: row['UpstreamHost'] } : undefined,
    http_request: typeof row['Method'] === 'string' ? { http_method: row['Method'] } : undefined,
    http_response:
      typeof row['UpstreamStatus'] === 'number' ? { code: row['UpstreamStatus'] } : undefined,
  }
}

function resourcesOf(row: Row) {
  const { TargetResourceId: uid, ResourceName: name, ResourceType: type } = row
  return { resources: typeof uid === 'string' ? [{ uid, name, type }] : undefined }
}

/** What an event's metadata say of its record, between its number and `correlation_uid`. */
export function aboutKind(row: Row) {
  return {
    version: OCSF_VERSION,
    profiles: ['cloud', 'security_control'],
    product: {
      name: 'Azure ML Harness',
      vendor_name: 'Azure ML Harness',
      version: row['GatewayVersion'],
    },
    log_name: 'audit',
    event_code: row['RecordKind'],
  }
}

/** What the members of an event are made of: the columns of one section of the row, those of its class, or several. */
interface EventMembers {
  readonly of: 'caller' | 'operation' | 'decision' | 'class' | 'several'
  readonly members: (row: Row) => Row
}

/** Its members behind `metadata`, in their order. */
export const EVENT_MEMBERS: readonly EventMembers[] = [
  { of: 'class', members: classOf },
  { of: 'several', members: momentOf },
  { of: 'caller', members: (row) => ({ actor: actorOf(row) }) },
  { of: 'several', members: callOf },
  { of: 'operation', members: resourcesOf },
  { of: 'decision', members: controlOf },
]

/** The event of a record's row. */
export const ocsfOf = (row: Row): Row => ({
  metadata: {
    uid: row['EventUid'],
    sequence: row['Seq'],
    ...aboutKind(row),
    correlation_uid: row['CorrelationId'],
  },
  ...Object.fromEntries(EVENT_MEMBERS.flatMap(({ members }) => Object.entries(members(row)))),
})

/**
 * What the JSON of a record's row ends with in the place of its last brace, so that it has its event in the column `Ocsf`.
 * Rows of the spool's version 1 have it already, and end with that brace.
 */
export function endWithOcsf(text: string): string {
  const row: unknown = JSON.parse(text)
  if (!isObject(row)) throw new TypeError('a row is no JSON object')
  return Object.hasOwn(row, 'Ocsf') ? '}' : `,"Ocsf":${JSON.stringify(ocsfOf(row))}}`
}

/** The JSON of a record's row with its event in the column `Ocsf`. */
export const withOcsf = (text: string): string => text.slice(0, -1) + endWithOcsf(text)
