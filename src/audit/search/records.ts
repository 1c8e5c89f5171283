/**
 * The port through which records are searched: what can be asked, and what an answer says of itself.
 *
 * The conditions are a closed set. Where records come from is the source's business: this replica's spool, or a store
 * that all replicas ship to.
 * @module
 */

/** Whether a call was permitted or refused. */
export type Outcome = 'permitted' | 'refused'

/** Which records are asked for; all that is given must hold. Texts compare without case, ids of principals with it. */
export interface Conditions {
  /** Of `EventTime`, milliseconds since the epoch: from `since` on, and before `until`. */
  readonly since: number
  readonly until: number
  readonly principal: string | null
  /** Decision id of one call. */
  readonly decision: string | null
  readonly action: string | null
  /** ARM id in lower case; what is inside of it is meant, too. */
  readonly resource: string | null
  readonly outcome: Outcome | null
  readonly code: string | null
  readonly secrets: boolean | null
  readonly review: string | null
  /** IP address. */
  readonly source: string | null
  /** Names of events of the gateway's own, one of which it is; null for records of calls, too. */
  readonly events: readonly string[] | null
}

/** The columns of a record. */
export type Columns = ReadonlyMap<string, unknown>

/** What the caller may see. */
export interface Visibility {
  /** Whose own records these are: they are always visible. */
  readonly own: string
  /** Whether records about this place may be seen. */
  readonly mayRead: (place: Place) => boolean
  /**
   * Ids of all that can make `mayRead` true, so that a source need not look elsewhere; null for anything.
   * An id stands for what is inside of it.
   */
  readonly within: readonly string[] | null
}

/** What a record is about: the ARM id of a workspace, registry, resource group or subscription; null for none of these. */
export type Place = string | null

/** A page of records, the newest first. */
export interface Found {
  readonly rows: readonly Columns[]
  /** Where the next page begins, for this source alone; null if there is none. */
  readonly next: string | null
}

/** Calls by hour. */
export interface Hour {
  /** Its begin, milliseconds since the epoch. */
  readonly hour: number
  permitted: number
  refused: number
}

/** What every answer says of itself. */
export interface Provenance {
  /** Milliseconds since the epoch: what was recorded later may be missing. */
  readonly asOf: number
  /** When the source's first record is from; null if that is not known. */
  readonly from: number | null
  /** Whether all that was asked for, as of then, was looked at. */
  readonly complete: boolean
  /** What is missing or not as it was written, in words. */
  readonly faults: readonly string[]
}

export interface PageAsked {
  /** What an answer of this source said as `next`; null for the newest. */
  readonly from: string | null
  /** Most rows of the page. */
  readonly limit: number
}

export interface RecordSource {
  readonly kind: 'spool' | 'azure-monitor'
  /** @throws Refusal `bad_query` for a `from` that it did not give, `overloaded` or `not_ready` if it cannot answer now */
  readonly search: (
    asked: Conditions,
    visible: Visibility,
    page: PageAsked,
  ) => Promise<Found & Provenance>
  /** Hours without a call are left out. */
  readonly count: (
    asked: Conditions,
    visible: Visibility,
  ) => Promise<{ readonly hours: readonly Hour[] } & Provenance>
}

export const HOUR_MS = 3_600_000

const PROVIDER_DEPTH = 9
const PLACE =
  /^\/subscriptions\/[^/]+(?:\/resourcegroups\/[^/]+(?:\/providers\/microsoft\.machinelearningservices\/(?:workspaces|registries)\/[^/]+)?)?/u

/** What a record is about, by its `TargetResourceId`. */
export function placeOf(columns: Columns): Place {
  const id = columns.get('TargetResourceId')
  if (typeof id !== 'string') return null
  const [place = null] = PLACE.exec(id.toLowerCase().split('/', PROVIDER_DEPTH).join('/')) ?? []
  return place
}

/** Whether the caller may see a record. */
export function isVisible(columns: Columns, { own, mayRead }: Visibility): boolean {
  return columns.get('PrincipalId') === own || mayRead(placeOf(columns))
}

/** How a record counts: each call once, by the record of its decision; a summary as many as it says. */
export function callsIn(
  columns: Columns,
): { readonly outcome: Outcome; readonly calls: number } | null {
  switch (columns.get('RecordKind')) {
    case 'authorized':
      return { outcome: 'permitted', calls: 1 }
    case 'refused':
    case 'received':
      return { outcome: 'refused', calls: 1 }
    case 'summary':
      return { outcome: 'refused', calls: Number(columns.get('Count') ?? 1) }
    default:
      return null
  }
}

/** Whether a record is one of those asked for. */
export function meets(columns: Columns, asked: Conditions): boolean {
  const time = Date.parse(String(columns.get('EventTime')))
  if (!(time >= asked.since && time < asked.until)) return false
  const is = (column: string, wanted: string | null): boolean =>
    wanted === null || textIn(columns.get(column)).toLowerCase() === wanted.toLowerCase()
  return (
    (asked.principal === null || columns.get('PrincipalId') === asked.principal) &&
    is('ExchangeId', asked.decision) &&
    is('Action', asked.action) &&
    isInside(columns.get('TargetResourceId'), asked.resource) &&
    (asked.outcome === null || outcomeOf(columns) === asked.outcome) &&
    is('RefusalCode', asked.code) &&
    (asked.secrets === null || (columns.get('Secrets') === true) === asked.secrets) &&
    is('ReviewId', asked.review) &&
    is('SourceIp', asked.source) &&
    isEvent(columns, asked.events)
  )
}

const isEvent = (columns: Columns, events: Conditions['events']): boolean =>
  events === null ||
  (columns.get('RecordKind') === 'gateway' && events.includes(textIn(columns.get('Event'))))

const textIn = (value: unknown): string => (typeof value === 'string' ? value : '')

function isInside(id: unknown, wanted: string | null): boolean {
  if (wanted === null) return true
  return typeof id === 'string' && `${id.toLowerCase()}/`.startsWith(`${wanted}/`)
}

/** Of a call; null for an event of the gateway's own. The end of a call that was permitted belongs to it. */
function outcomeOf(columns: Columns): Outcome | null {
  const kind = columns.get('RecordKind')
  if (kind === 'gateway') return null
  return kind === 'authorized' || kind === 'completed' ? 'permitted' : 'refused'
}
