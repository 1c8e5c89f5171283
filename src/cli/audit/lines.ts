/**
 * One request as a line: for people, or as tab-separated values.
 * @module
 */
import { fieldsOf } from '../../lib/strict-json.ts'
import { tsvLine } from '../output.ts'
import type { Joined } from './requests.ts'

/** Titles with their widths; the last column takes what is left. */
const TABLE: readonly (readonly [title: string, width: number])[] = [
  ['time', 24],
  ['result', 14],
  ['status', 6],
  ['ms', 8],
  ['who', 44],
  ['action', 44],
  ['on', 0],
]

export const HEADING = padded(TABLE.map(([title]) => title))

const PROVIDER = 'Microsoft.MachineLearningServices/'

/** Shortened so that people and things can be told apart: without tenant, provider, and what is above the workspace. */
export function tableLine({ columns, records }: Joined): string {
  const cell = (name: string): string => textOf(columns.get(name))
  return padded([
    cell('EventTime'),
    resultOf({ columns, records }),
    cell('Status'),
    durationOf(columns.get('DurationMs')),
    cell('PrincipalId').replace(/^([^/]+)\/[0-9a-f-]{36}\//, '$1/'),
    (cell('Action') || cell('Event')).replace(PROVIDER, ''),
    cell('TargetResourceId').replace(/^.*\/workspaces\//iu, '') ||
      cell('RefusalCode') ||
      codesOf(columns),
  ])
}

/** Time, decision id, result, refusal code, status, milliseconds, principal, action, resource, policies. */
export function tsvOf({ columns, records }: Joined): string {
  const cell = (name: string): string => textOf(columns.get(name))
  const policies = columns.get('PolicyIds')
  return tsvLine([
    cell('EventTime'),
    cell('ExchangeId'),
    resultOf({ columns, records }),
    cell('RefusalCode'),
    cell('Status'),
    durationOf(columns.get('DurationMs')),
    cell('PrincipalId'),
    cell('Action') || cell('Event'),
    cell('TargetResourceId'),
    Array.isArray(policies) ? policies.join(',') : '',
  ])
}

/** What became of it: `refused` and how often, the outcome at Azure, `open` if its end is not recorded, or what kind of record it is. */
function resultOf({ columns, records }: Joined): string {
  const kind = textOf(columns.get('RecordKind'))
  const outcome = textOf(columns.get('Outcome'))
  const count = columns.get('Count')
  if (typeof count === 'number') return `refused ×${count}`
  if (kind === 'refused' || textOf(columns.get('Decision')) === 'refuse') return 'refused'
  if (kind === 'authorized' && records.length === 1) return 'open'
  if (kind === 'completed' && outcome !== '') return outcome
  return kind
}

/** Of a summary: how many refusals of each code, and from where. */
function codesOf(columns: Joined['columns']): string {
  if (columns.get('RecordKind') !== 'summary') return ''
  const codes = [...fieldsOf(columns.get('RefusalCodes'))]
  const listed = codes.map(([code, count]) => `${code} ×${String(count)}`).join(', ')
  return `${listed} from ${textOf(columns.get('SourceIp'))}`
}

const durationOf = (value: unknown): string =>
  typeof value === 'number' ? String(Math.round(value)) : ''

const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : ''

function padded(cells: readonly string[]): string {
  return cells
    .map((text, at) => text.padEnd(TABLE[at]?.[1] ?? 0))
    .join(' ')
    .trimEnd()
}
