/**
 * The rows of a review of access: one for each binding, and one for each policy that permits by itself. What reviewers
 * are given stands on the left; what they write, on the right.
 * @module
 */
import { createHash } from 'node:crypto'
import type { Binding } from '../../policy/load/bindings.ts'
import type { Uid } from '../../policy/load/conditions.ts'
import { nameOf } from '../../policy/load/references.ts'
import type { PolicySet, Rule } from '../../policy/load/rules.ts'
import { readCsv, type CsvRow, type Table } from '../csv.ts'
import { Problem } from '../problem.ts'

/** What `start` writes. */
export const GIVEN = [
  'review',
  'due',
  'policy_version',
  'kind',
  'through',
  'principal',
  'principal_name',
  'template',
  'scope',
  'scope_name',
  'from',
  'until',
  'shadow',
  'reason',
  'ticket',
  'requested_by',
  'reviewers',
  'calls',
  'last_use',
  'people',
  'used_by',
  'if_removed',
  'not_replayed',
  'binding_sha256',
] as const
export type Given = (typeof GIVEN)[number]

/** SHA-256 over all that `start` wrote in the row. */
const ROW_DIGEST = 'row_sha256'

/** What reviewers write. */
export const WRITTEN = [
  'decision',
  'new_until',
  'decision_reason',
  'reviewed_by',
  'reviewed_at',
] as const
export type Written = (typeof WRITTEN)[number]

export const REVIEW_COLUMNS = [...GIVEN, ROW_DIGEST, ...WRITTEN] as const

export const DECISIONS = ['keep', 'remove', 'shorten-until'] as const
export type Decision = (typeof DECISIONS)[number]

/** A row as it is read back. */
export interface ReviewRow {
  readonly file: string
  readonly line: number
  readonly given: Readonly<Record<Given, string>>
  readonly written: Readonly<Record<Written, string>>
  /** Whether what `start` wrote is as it was. */
  readonly isWhole: boolean
}

export const uidText = ({ type, id }: Uid): string => `${type}::"${id}"`

export const timeText = (time: number | null): string =>
  time === null ? '' : new Date(time).toISOString()

export const nameIn = (set: PolicySet, uid: Uid): string =>
  nameOf(set.written.bindings.names, uid) ?? ''

/** Of all that a binding gives: itself, and the text of its template. */
export function bindingDigest(set: PolicySet, binding: Binding): string {
  const { id, template, principal, resource, shadow, from, until } = binding
  const { reason, ticket, requestedBy } = binding
  const text = set.templates.get(template)?.text ?? ''
  return sha256([
    id,
    template,
    text,
    uidText(principal),
    uidText(resource),
    shadow,
    from,
    until,
    reason,
    ticket,
    requestedBy,
  ])
}

/** Of a policy that is no template. */
export const policyDigest = ({ id, policy }: Rule): string => sha256([id, policy.text])

export const sha256 = (parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex')

const rowDigest = (given: Readonly<Record<Given, string>>): string =>
  sha256(GIVEN.map((name) => given[name]))

/** The table of a review, with nothing decided. */
export function reviewTable(
  rows: readonly Readonly<Record<Given, string>>[],
): Pick<Table, 'columns' | 'rows'> {
  return {
    columns: REVIEW_COLUMNS,
    rows: rows.map((given) => [
      ...GIVEN.map((name) => given[name]),
      rowDigest(given),
      ...WRITTEN.map(() => ''),
    ]),
  }
}

/** @throws Problem for what is no table of a review */
export function readReview(file: string, text: string): readonly ReviewRow[] {
  return readCsv(file, text).map((row) => rowOf(file, row))
}

function rowOf(file: string, { line, values }: CsvRow): ReviewRow {
  const valueOf = (name: string): string => {
    const value = values.get(name)
    if (value !== undefined) return value
    throw new Problem(
      `"${file}" has no column "${name}"`,
      'it takes the table that access review start made, with all of its columns',
    )
  }
  const given = recordOf(GIVEN, valueOf)
  const written = recordOf(WRITTEN, (name) => valueOf(name).trim())
  return { file, line, given, written, isWhole: rowDigest(given) === valueOf(ROW_DIGEST) }
}

function recordOf<Name extends string>(
  names: readonly Name[],
  valueOf: (name: Name) => string,
): Readonly<Record<Name, string>> {
  const all = Object.fromEntries(names.map((name) => [name, valueOf(name)]))
  if (!hasAll(all, names)) throw new Error('each name has a value')
  return all
}

const hasAll = <Name extends string>(
  all: object,
  names: readonly Name[],
): all is Record<Name, string> => names.every((name) => Object.hasOwn(all, name))
