/**
 * Conditions as KQL, the query language of Azure Monitor: a closed set of clauses, in which texts stand as literals only.
 * @module
 */
import type { Conditions, Visibility } from './records.ts'
import { COLUMNS } from '../record/columns.ts'

/** A function over the table, which has every record once: deploy/azure-monitor makes it. */
const RECORDS = 'AmlHarnessAuditUnique'

/** Columns of an answer, in the order of the table. */
const SHOWN = Object.keys(COLUMNS).filter((name) => name !== 'Ocsf' && name !== 'TimeGenerated')

/** The last row of a page. */
export interface After {
  /** ISO 8601. */
  readonly time: string
  readonly chain: string
  readonly seq: number
}

/** The newest rows behind `after`, at most `rows` of them. */
export function searchText(
  asked: Conditions,
  visible: Visibility,
  after: After | null,
  rows: number,
): string {
  return pipe([
    ...clausesOf(asked, visible),
    ...(after === null ? [] : [`where ${behind(after)}`]),
    'order by EventTime desc, ChainId desc, Seq desc',
    `take ${whole(rows)}`,
    `project ${SHOWN.join(', ')}`,
  ])
}

/** Calls by hour, outcome and place; `Own` are the caller's. */
export function countText(asked: Conditions, visible: Visibility, rows: number): string {
  return pipe([
    ...clausesOf(asked, visible),
    'where RecordKind in ("authorized", "refused", "received", "summary")',
    'extend Place = strcat_array(array_slice(split(tolower(TargetResourceId), "/"), 0, 8), "/")',
    `summarize Calls = sum(iff(RecordKind == "summary", coalesce(Count, long(1)), long(1))) by Hour = bin(EventTime, 1h), Refused = RecordKind != "authorized", Own = PrincipalId == ${literal(visible.own)}, Place`,
    `take ${whole(rows)}`,
  ])
}

/** The time of the newest record. @param since milliseconds since the epoch */
export function newestText(since: number): string {
  return pipe([`where EventTime >= ${instant(since)}`, 'summarize Newest = max(EventTime)'])
}

const pipe = (clauses: readonly string[]): string => [RECORDS, ...clauses].join('\n| ')

function clausesOf(asked: Conditions, { own, within }: Visibility): readonly string[] {
  const clauses = [`EventTime >= ${instant(asked.since)} and EventTime < ${instant(asked.until)}`]
  const is = (column: string, value: string | null, operator: '==' | '=~' = '=='): void => {
    if (value !== null) clauses.push(`${column} ${operator} ${literal(value)}`)
  }
  is('PrincipalId', asked.principal)
  is('ExchangeId', asked.decision)
  is('Action', asked.action, '=~')
  if (asked.resource !== null) clauses.push(inside(asked.resource))
  if (asked.outcome === 'permitted') clauses.push('RecordKind in ("authorized", "completed")')
  if (asked.outcome === 'refused') clauses.push('RecordKind in ("refused", "received", "summary")')
  is('RefusalCode', asked.code)
  if (asked.secrets !== null) clauses.push(`coalesce(Secrets, false) == ${String(asked.secrets)}`)
  is('ReviewId', asked.review)
  is('SourceIp', asked.source, '=~')
  if (asked.events !== null)
    clauses.push('RecordKind == "gateway"', `Event in (${asked.events.map(literal).join(', ')})`)
  if (within !== null)
    clauses.push([`PrincipalId == ${literal(own)}`, ...within.map(inside)].join(' or '))
  return clauses.map((clause) => `where ${clause}`)
}

const inside = (id: string): string =>
  `TargetResourceId =~ ${literal(id)} or TargetResourceId startswith ${literal(`${id}/`)}`

function behind({ time, chain, seq }: After): string {
  const at = instant(Date.parse(time))
  const text = literal(chain)
  return `EventTime < ${at} or (EventTime == ${at} and (strcmp(ChainId, ${text}) < 0 or (ChainId == ${text} and Seq < ${whole(seq)})))`
}

const PLAIN = /^[\w./:@-]*$/u

/**
 * A text as a literal. What is not made of letters, digits and `_./:@-` goes as base64, so that no text, whoever wrote it,
 * can end a literal.
 */
export function literal(text: string): string {
  return PLAIN.test(text)
    ? `"${text}"`
    : `base64_decode_tostring("${Buffer.from(text).toString('base64')}")`
}

function instant(time: number): string {
  return `datetime(${new Date(time).toISOString()})`
}

function whole(number: number): string {
  if (!Number.isSafeInteger(number) || number < 0) throw new TypeError('not a whole number')
  return String(number)
}
