/**
 * `GET records` and `GET records/summary`: what was done through the gateway, to those who may know.
 *
 * Everybody sees records of their own. Of others' those about a place where policy permits `AzureMLHarness/records/read`:
 * the source is asked for no others, and what it answers is screened again, record by record.
 * @module
 */
import { TextAnswer, type OwnCall, type OwnRequest } from '../access/own-calls.ts'
import { line } from '../audit/record/safe-text.ts'
import {
  HOUR_MS,
  isVisible,
  placeOf,
  type Columns,
  type Conditions,
  type Provenance,
  type RecordSource,
  type Visibility,
} from '../audit/search/records.ts'
import type { Target } from '../azureml/target.ts'
import { Refusal } from '../errors.ts'
import type { Principal } from '../identity/principal.ts'
import type { Decision } from '../policy/decide.ts'
import { conditionsIn, FILTERS, limitIn, refuseUnknown } from './asked.ts'
import {
  createMay,
  judged,
  operationOf,
  ownDecision,
  placesWith,
  type JudgeOptions,
} from './judged.ts'
import type { PageTokens } from './page-token.ts'
import { csv, jsonLines, shown } from './shown.ts'

export interface RecordCallOptions extends JudgeOptions {
  readonly publicUrl: string
  readonly records: RecordSource
  readonly pages: PageTokens
  /** The ARM id of a workspace that a caller names; null for a name that is none of the caller's. */
  readonly placeOf: (principal: Principal, on: string) => string | null
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

const USUAL_ROWS = 50
const MOST_ROWS = 500
/** Longest `PrincipalId` of a record. */
const ID_LENGTH = 512
const FORMATS = ['json', 'csv', 'jsonl'] as const
type Format = (typeof FORMATS)[number]

const MEDIA: Readonly<Record<Exclude<Format, 'json'>, string>> = {
  csv: 'text/csv; charset=utf-8; header=present',
  jsonl: 'application/jsonl; charset=utf-8',
}

/** What one call may see, and how it is judged. */
interface Allowed {
  readonly asked: Conditions
  readonly visible: Visibility
  readonly decision: Decision
}

export function recordsCall(
  options: RecordCallOptions,
  { params }: Target,
  principal: Principal,
  { accept, keep }: OwnRequest,
): OwnCall {
  refuseUnknown(params, [...FILTERS, 'limit', 'page', 'format'])
  const format = formatOf(params.get('format'), accept)
  const limit = limitIn(params, USUAL_ROWS, MOST_ROWS)
  const asked = askedBy(options, params, principal)
  const query = queryOf(params)
  const given = params.get('page')
  const place =
    given === undefined ? null : options.pages.read(given, { principal: principal.id, query })
  const times = place ?? { since: asked.since, until: asked.until }
  const allowed = allowedFor(
    options,
    { ...asked, since: times.since, until: times.until },
    principal,
  )
  keep(askedInRecord(params))
  return {
    operation: operationOf('records/read', placeOfAsked(asked)),
    decision: allowed.decision,
    async answer() {
      const page = { from: place?.from ?? null, limit }
      const found = await options.records.search(allowed.asked, allowed.visible, page)
      const { own, mayRead } = allowed.visible
      const rows = found.rows
        .filter((columns) => isVisible(columns, allowed.visible))
        .map((columns) => shown(columns, isWhole(columns, { own, mayRead })))
      const next =
        found.next === null
          ? null
          : options.pages.issue(
              { from: found.next, since: times.since, until: times.until },
              { principal: principal.id, query },
            )
      const nextLink = next === null ? null : linkOf(options.publicUrl, params, next)
      const said = saidOf(options.records, allowed.asked, found)
      if (format === 'json') return { ...said, next, nextLink, value: rows }
      return new TextAnswer(MEDIA[format], format === 'csv' ? csv(rows) : jsonLines(rows), {
        'content-disposition': `attachment; filename="records.${format}"`,
        'x-content-type-options': 'nosniff',
        'x-harness-source': said.source,
        'x-harness-as-of': said.asOf,
        'x-harness-complete': String(said.complete),
        ...(nextLink === null ? {} : { link: `<${nextLink}>; rel="next"` }),
      })
    },
  }
}

export function summaryCall(
  options: RecordCallOptions,
  { params }: Target,
  principal: Principal,
  { keep }: OwnRequest,
): OwnCall {
  refuseUnknown(params, FILTERS)
  const asked = askedBy(options, params, principal)
  const allowed = allowedFor(options, asked, principal)
  keep(askedInRecord(params))
  return {
    operation: operationOf('records/read', placeOfAsked(asked)),
    decision: allowed.decision,
    async answer() {
      const found = await options.records.count(allowed.asked, allowed.visible)
      const hours = found.hours.map(({ hour, permitted, refused }) => ({
        hour: new Date(hour).toISOString(),
        until: new Date(hour + HOUR_MS).toISOString(),
        permitted,
        refused,
      }))
      const sum = (of: 'permitted' | 'refused'): number =>
        hours.reduce((total, one) => total + one[of], 0)
      return {
        ...saidOf(options.records, allowed.asked, found),
        permitted: sum('permitted'),
        refused: sum('refused'),
        value: hours,
      }
    },
  }
}

function askedBy(
  options: RecordCallOptions,
  params: Target['params'],
  principal: Principal,
): Conditions {
  return conditionsIn(params, {
    now: options.now(),
    me: line(principal.id, ID_LENGTH),
    placeOf: (on) => options.placeOf(principal, on),
  })
}

/** @throws Refusal of policy's for records of somebody else where the caller may see nobody's */
function allowedFor(options: RecordCallOptions, asked: Conditions, principal: Principal): Allowed {
  const own = line(principal.id, ID_LENGTH)
  const set = options.current()
  const place = placeOfAsked(asked)
  const within =
    placesWith(set, principal, 'records/read')?.filter(
      (id) => place === null || isInside(id, place) || isInside(place, id),
    ) ?? null
  const visible = { own, within, mayRead: createMay(options, principal, 'records/read') }
  const ownOnly = ownDecision(set.version, 'callers see the records of what they did themselves')
  if (asked.principal === own) return { asked, visible, decision: ownOnly }
  const { decision, refusal } = judged(options, principal, 'records/read', place)
  if (refusal === null) return { asked, visible, decision }
  // a fresh or stronger sign-in would show more: silence would look like nothing there
  const asks = [
    refusal,
    ...(within ?? []).map((id) => judged(options, principal, 'records/read', id).refusal),
  ]
  const stepUp = asks.find((one) => one?.code === 'insufficient_claims')
  if (stepUp !== undefined && stepUp !== null) throw stepUp
  if (within === null || within.length > 0)
    return { asked, visible, decision: { ...ownOnly, reason: PLACES } }
  // what cannot be seen is not looked for: whether it is there makes no difference
  if (asked.principal !== null) throw refusal
  return { asked: { ...asked, principal: own }, visible, decision: ownOnly }
}

const isInside = (id: string, place: string): boolean => `${id}/`.startsWith(`${place}/`)

const PLACES = 'callers see the records of places where policy lets them, and their own'

const placeOfAsked = ({ resource }: Conditions) =>
  placeOf(new Map([['TargetResourceId', resource]]))

/** Whether a reader sees all of a record. */
const isWhole = (columns: Columns, { mayRead }: Pick<Visibility, 'own' | 'mayRead'>): boolean =>
  mayRead(placeOf(columns))

/** What every answer says of the records that it is made of. */
export function saidOf(
  { kind }: RecordSource,
  { since, until }: Conditions,
  { asOf, from, complete, faults }: Provenance,
) {
  const begin = from === null ? null : new Date(from).toISOString()
  return {
    source: kind,
    // a replica has nothing from before its first record, and nothing of other replicas
    from: begin,
    asOf: new Date(asOf).toISOString(),
    complete,
    faults,
    since: new Date(since).toISOString(),
    until: new Date(until).toISOString(),
  }
}

function formatOf(asked: string | undefined, accept: string | undefined): Format {
  if (asked !== undefined) {
    const found = FORMATS.find((one) => one === asked)
    if (found === undefined)
      throw new Refusal('bad_query', `"format" is one of ${FORMATS.join(', ')}`)
    return found
  }
  const types = (accept ?? '').split(',').map((one) => one.split(';')[0]?.trim().toLowerCase())
  if (types.includes('application/json')) return 'json'
  if (types.includes('text/csv')) return 'csv'
  const lines = ['application/jsonl', 'application/x-ndjson', 'application/x-jsonlines']
  return lines.some((one) => types.includes(one)) ? 'jsonl' : 'json'
}

/** The filters of a query in one form, whatever their order: what a page belongs to. */
function queryOf(params: Target['params']): string {
  return JSON.stringify(FILTERS.map((name) => params.get(name) ?? null))
}

/** What the record of this call keeps: which filters it had, not what they said. */
function askedInRecord(params: Target['params']): Readonly<Record<string, unknown>> {
  return { filters: FILTERS.filter((name) => params.has(name)) }
}

function linkOf(publicUrl: string, params: Target['params'], page: string): string {
  const query = new URLSearchParams()
  for (const [name, value] of params) if (name !== 'page') query.append(name, value)
  query.append('page', page)
  return `${publicUrl}/_harness/api/records?${query.toString()}`
}
