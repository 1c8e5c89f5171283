/**
 * Which columns of a record its reader is shown, and records as JSON lines and CSV.
 * @module
 */
import { COLUMNS } from '../audit/record/columns.ts'
import type { Columns } from '../audit/search/records.ts'

/**
 * What callers see of their own records, whatever else they may: what they sent, and what they were told. Not which
 * policies there are, what the gateway knows of Azure, nor how much is recorded of others.
 */
const OWN: ReadonlySet<string> = new Set([
  'EventTime',
  'RecordKind',
  'Event',
  'ExchangeId',
  'PrincipalId',
  'PrincipalKind',
  'PrincipalIssuer',
  'PrincipalTenant',
  'PrincipalClient',
  'Action',
  'Effect',
  'Family',
  'ResourceType',
  'Secrets',
  'TargetResourceId',
  'ResourceName',
  'Workspace',
  'JobName',
  'RunId',
  'EndpointName',
  'Method',
  'ApiVersion',
  'Decision',
  'Reason',
  'RefusalCode',
  'ClientRequestId',
  'CorrelationId',
  'Status',
  'Changes',
  'ReviewId',
  'BytesIn',
  'BytesOut',
  'DurationMs',
  'Outcome',
  'Count',
  'FirstTime',
  'LastTime',
  'RefusalCodes',
  'SourceIp',
  'SourcePort',
  'Client',
  'Truncated',
])

/** Of CSV, in this order: what a table of people needs. JSON has every column. */
const CSV_COLUMNS = [
  'EventTime',
  'RecordKind',
  'Event',
  'PrincipalId',
  'PrincipalKind',
  'Action',
  'TargetResourceId',
  'Decision',
  'RefusalCode',
  'Reason',
  'Outcome',
  'Status',
  'DurationMs',
  'Secrets',
  'IdentityName',
  'PolicyIds',
  'ReviewId',
  'Count',
  'SourceIp',
  'Client',
  'ExchangeId',
  'EventUid',
]

const ORDER = Object.keys(COLUMNS).filter((name) => name !== 'Ocsf' && name !== 'TimeGenerated')

/** A record as an object, its columns in the order of the table. @param whole everything, or what is shown of own records */
export function shown(columns: Columns, whole: boolean): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    ORDER.flatMap((name) => {
      const value = columns.get(name)
      return value === undefined || value === null || (!whole && !OWN.has(name))
        ? []
        : [[name, value]]
    }),
  )
}

type Shown = Readonly<Record<string, unknown>>

export const jsonLines = (rows: readonly Shown[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join('')

/** RFC 4180, with a line of names; nothing in it is a formula to a spreadsheet. */
export function csv(rows: readonly Shown[]): string {
  const lines = rows.map((row) => CSV_COLUMNS.map((name) => cell(row[name])).join(','))
  return [CSV_COLUMNS.join(','), ...lines, ''].join('\r\n')
}

/** How a formula begins in some spreadsheet, after what they leave out; the signs that take the width of two, too. */
const FORMULA = /^[\s\p{C}'"]*[=+\-@|%\uff1d\uff0b\uff0d\uff20]/u

function cell(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const safe = FORMULA.test(text) || /[\t\r\n]/u.test(text) ? `'${text}` : text
  return `"${safe.replaceAll('"', '""')}"`
}
