/**
 * Reviews of access in a bundle: what was decided, by whom, whether in time, and the commit that carried it out.
 * @module
 */
import { readFile } from 'node:fs/promises'
import type { Binding } from '../../policy/load/bindings.ts'
import { isInForce } from '../../policy/load/period.ts'
import type { Table, Value } from '../csv.ts'
import type { Commit } from '../policy/history.ts'
import { reviewedAt, writtenFaults } from '../review/decisions.ts'
import { periodOf } from '../review/period.ts'
import { GIVEN, readReview, type ReviewRow } from '../review/rows.ts'
import type { Period } from './chains.ts'
import type { Exception } from './exceptions.ts'
import type { BindingChange, History } from './history.ts'

const CONTROL = 'AMH-12'

export interface AccessReview {
  readonly tables: readonly Table[]
  readonly exceptions: readonly Exception[]
}

/** @throws Problem for a file that is no table of a review */
export async function readReviews(files: readonly string[]): Promise<readonly ReviewRow[]> {
  const all = await Promise.all(
    files.map(async (file) => readReview(file, await readFile(file, 'utf8'))),
  )
  return all.flat()
}

interface Given {
  readonly rows: readonly ReviewRow[]
  /** Of the policies as they are given. */
  readonly bindings: readonly Binding[]
  readonly history: History | null
  readonly period: Period
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** A removal or an earlier end, and what became of it. */
interface Closure {
  readonly row: ReviewRow
  /** Null if no commit carried it out, or no repository was given. */
  readonly commit: Commit | null
}

export function accessReviewOf(given: Given): AccessReview {
  const { rows, history, now } = given
  const decided = rows.filter(({ written }) => written.decision !== '')
  const closures = decided
    .filter(({ written }) => written.decision !== 'keep')
    .map((row) => ({ row, commit: history === null ? null : closingCommit(row, history.changes) }))
  return {
    exceptions: [
      ...rows.flatMap((row) => rowExceptions(row, given.period, now)),
      ...contradictions(decided),
      ...unreviewed(given),
      ...closures.flatMap((one) => closureExceptions(one, history !== null)),
    ],
    tables: [
      {
        path: '03-access-review/rows.csv',
        columns: [...GIVEN, 'unchanged'],
        rows: rows.map(({ given: cells, isWhole }) => [
          ...GIVEN.map((name) => cells[name]),
          isWhole,
        ]),
        what: 'What reviewers were given to decide about, and whether it is as it was given out.',
      },
      {
        path: '03-access-review/decisions.csv',
        columns: DECISION_COLUMNS,
        rows: rows.map(decisionRow),
        what: 'What reviewers decided, when and why.',
      },
      {
        path: '03-access-review/closure.csv',
        columns: ['through', 'decision', 'new_until', 'commit', 'commit_time', 'author'],
        rows: closures.map(({ row, commit }) => [
          row.given.through,
          row.written.decision,
          row.written.new_until,
          commit?.commit,
          commit === null ? '' : new Date(commit.time).toISOString(),
          commit?.author,
        ]),
        what: 'Each removal and each earlier end, with the commit that carried it out.',
      },
    ],
  }
}

const DECISION_COLUMNS = [
  'kind',
  'through',
  'decision',
  'new_until',
  'reason',
  'reviewed_by',
  'reviewed_at',
  'due',
  'late',
]

function decisionRow({ given, written, ...row }: ReviewRow): readonly Value[] {
  return [
    given.kind,
    given.through,
    written.decision,
    written.new_until,
    written.decision_reason,
    written.reviewed_by,
    written.reviewed_at,
    given.due,
    isLate({ given, written, ...row }),
  ]
}

function isLate({ given, written }: ReviewRow): boolean {
  const at = reviewedAt(written.reviewed_at)
  return at !== null && at > Date.parse(given.due)
}

const whereOf = ({ given }: ReviewRow): string => `${given.kind} ${given.through}`

const exception = (what: string, where: string, kind: Exception['kind'] = 'exception') => ({
  kind,
  control: CONTROL,
  what,
  where,
})

function rowExceptions(row: ReviewRow, period: Period, now: number): readonly Exception[] {
  const where = whereOf(row)
  if (!row.isWhole)
    return [exception('its row is not what was given out for review', where, 'incomplete')]
  const of = isOf(row, period, now)
    ? []
    : [exception(`its review is of another period, ${row.given.review}`, where)]
  if (row.written.decision === '') return [...of, exception('nobody decided about it', where)]
  return [
    ...of,
    ...writtenFaults(row, now).map((what) => exception(what, where)),
    ...(isLate(row)
      ? [exception(`it was decided at ${row.written.reviewed_at}, due ${row.given.due}`, where)]
      : []),
  ]
}

function isOf({ given: { review } }: ReviewRow, { from, to }: Period, now: number): boolean {
  const [begin, end] = review.split('/')
  const named =
    end === undefined ? periodOf({ quarter: review }, now) : periodOf({ from: begin, to: end }, now)
  return named.from === from && named.to === to
}

/** What two reviewers decided otherwise. */
function contradictions(rows: readonly ReviewRow[]): readonly Exception[] {
  return [...Map.groupBy(rows, whereOf)].flatMap(([where, all]) => {
    const decisions = new Set(all.map(({ written }) => `${written.decision} ${written.new_until}`))
    return decisions.size > 1 ? [exception('reviewers decided otherwise about it', where)] : []
  })
}

/** Bindings that were in force in the period and are in no review. */
function unreviewed({ rows, bindings, history, period }: Given): readonly Exception[] {
  const reviewed = new Set(
    rows.flatMap(({ given }) => (given.kind === 'binding' ? [given.through] : [])),
  )
  const changes = history?.changes ?? []
  const addedAt = new Map(
    changes
      .filter(({ what }) => what === 'added')
      .map(({ binding, commit }) => [binding.id, Date.parse(commit.time)]),
  )
  const begun = reviewedPolicies(rows, history)
  // what was taken out since was there to be reviewed
  const removed = changes
    .filter(({ what, commit }) => what === 'removed' && Date.parse(commit.time) > begun)
    .map(({ binding }) => binding)
  const all = new Map([...removed, ...bindings].map((binding) => [binding.id, binding]))
  return [...all.values()]
    .filter(
      (binding) =>
        (isInForce(binding, period.to - 1) || isInForce(binding, period.from)) &&
        !reviewed.has(binding.id) &&
        (addedAt.get(binding.id) ?? -Infinity) < period.to,
    )
    .map(({ id }) => exception('it is in no review of the period', `binding ${id}`, 'incomplete'))
}

/** The time of the commit whose policies were reviewed; never if that is not known. */
function reviewedPolicies(rows: readonly ReviewRow[], history: History | null): number {
  const times = rows.flatMap(({ given }) => {
    const commit = history?.commits.get(given.policy_version)
    return commit === undefined ? [] : [Date.parse(commit.time)]
  })
  return Math.min(...times)
}

/** The first commit since the decision that did what it says. */
function closingCommit(
  { given, written }: ReviewRow,
  changes: readonly BindingChange[],
): Commit | null {
  const since = reviewedAt(written.reviewed_at) ?? -Infinity
  const wanted = Date.parse(written.new_until)
  const found = changes.find(
    ({ commit, what, binding }) =>
      binding.id === given.through &&
      Date.parse(commit.time) >= since &&
      (what === 'removed' ||
        (written.decision === 'shorten-until' &&
          binding.until !== null &&
          binding.until <= wanted)),
  )
  return found?.commit ?? null
}

function closureExceptions({ row, commit }: Closure, isKnown: boolean): readonly Exception[] {
  const where = whereOf(row)
  const { decision } = row.written
  if (!isKnown)
    return [
      exception(
        `no repository was given, so that it is not known whether ${decision} was carried out`,
        where,
        'incomplete',
      ),
    ]
  if (commit === null) return [exception(`${decision} was decided, and no commit did it`, where)]
  return Date.parse(commit.time) > Date.parse(row.given.due)
    ? [exception(`${decision} was carried out at ${commit.time}, due ${row.given.due}`, where)]
    : []
}
