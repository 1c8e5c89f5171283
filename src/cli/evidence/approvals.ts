/**
 * Reviews and grants of a period, from a copy of the ledger, beside what the records say of them.
 * @module
 */
import { hasPartIn } from '../../approvals/authors.ts'
import { standingOfGrant, type Grant } from '../../approvals/grants/state.ts'
import { standingOf, type Review, type Standing } from '../../approvals/state.ts'
import type { Examined } from '../approvals/verify.ts'
import type { Table, Value } from '../csv.ts'
import type { Exception } from './exceptions.ts'
import type { Period } from './chains.ts'
import type { Gathered } from './records.ts'

interface Found {
  readonly tables: readonly Table[]
  readonly exceptions: readonly Exception[]
  /** Ids of the reviews and grants whose documents belong to the period. */
  readonly ids: ReadonlySet<string>
}

const iso = (seconds: number | null): string =>
  seconds === null ? '' : new Date(seconds * 1_000).toISOString()
const NOBODY_DENIED = (): boolean => false

export function approvalsOf(ledger: Examined, found: Gathered, period: Period): Found {
  const isIn = (seconds: number): boolean =>
    seconds * 1_000 >= period.from && seconds * 1_000 < period.to
  const end = Math.floor(period.to / 1_000)
  const reviews = ledger.reviews
    .filter(({ request, verdicts, uses }) =>
      [request, ...verdicts, ...uses].some(({ iat }) => isIn(iat)),
    )
    .map((review) => ({
      review,
      standing: standingOf(review, { now: end, owners: [], isDenied: NOBODY_DENIED }),
      usesIn: review.uses.filter(({ iat }) => isIn(iat)).length,
    }))
  const grants = [...ledger.grants.values()].filter(({ request, extensions, verdicts }) =>
    [request, ...extensions, ...verdicts].some(({ iat }) => isIn(iat)),
  )
  const known = new Set(ledger.reviews.map(({ request }) => request.id))
  const missing = [...found.reviews.keys()].filter((id) => !known.has(id))
  return {
    exceptions: [
      ...ledger.faults.map(({ name, what }) => incomplete(what, `ledger: ${name}`)),
      ...missing.map((id) =>
        incomplete('a call was let through by a review that is not in the ledger', `review ${id}`),
      ),
      ...reviews.flatMap((one) => exceptionsOf(one, found)),
    ],
    ids: new Set([
      ...reviews.map(({ review }) => review.request.id),
      ...grants.map(({ request }) => request.id),
    ]),
    tables: [...reviewTables(reviews), ...grantTables(grants, end)],
  }
}

/** A review of which something was said or used in the period. */
interface Reviewed {
  readonly review: Review
  /** At the end of the period. */
  readonly standing: Standing
  readonly usesIn: number
}

function incomplete(what: string, where: string): Exception {
  return { kind: 'incomplete', control: 'AMH-07', what, where }
}

function exceptionsOf(
  { review, standing, usesIn }: Reviewed,
  found: Gathered,
): readonly Exception[] {
  const { request, verdicts } = review
  const where = `review ${request.id}`
  const exceptions: Exception[] = []
  if (usesIn > 0 && !found.reviews.has(request.id))
    exceptions.push(incomplete('it was used in the period, and no record says so', where))
  const afterwards = standing.override?.afterwards
  if (afterwards === 'due' || afterwards === 'overdue')
    exceptions.push({
      kind: 'exception',
      control: 'AMH-08',
      what: `the review afterwards is ${afterwards}`,
      where,
    })
  for (const { verdict, by } of verdicts)
    if (verdict === 'approve' && hasPartIn(request, by))
      exceptions.push({
        kind: 'exception',
        control: 'AMH-14',
        what: `${by} approved what is their own; it did not count`,
        where,
      })
  return exceptions
}

function reviewTables(reviews: readonly Reviewed[]): readonly Table[] {
  return [
    {
      path: '05-approvals/reviews.csv',
      columns: REVIEW_COLUMNS,
      rows: reviews.map(reviewRow),
      what: 'Every review of which something was said or used in the period, in its state at the end of it.',
    },
    {
      path: '05-approvals/verdicts.csv',
      columns: VERDICT_COLUMNS,
      rows: reviews.flatMap(({ review: { request, verdicts } }) =>
        verdicts.map((one) => [
          request.id,
          iso(one.iat),
          one.verdict,
          one.by,
          one.groups.join(' '),
          iso(one.signInAt),
          one.methods.join(' '),
          one.shownDigest,
          one.decision,
          one.comment,
          one.ticket,
        ]),
      ),
      what: 'What people said of these reviews, with the request in which they said it.',
    },
    {
      path: '05-approvals/sod.csv',
      columns: ['review', 'time', 'by', 'part', 'counted'],
      rows: reviews.flatMap(({ review: { request, verdicts } }) =>
        verdicts
          .filter(({ verdict, by }) => verdict === 'approve' && hasPartIn(request, by))
          .map(({ iat, by }) => [
            request.id,
            iso(iat),
            by,
            by === request.author ? 'author' : 'of an earlier change in it',
            false,
          ]),
      ),
      what: 'Approvals by people who have a part in what was to be reviewed: they did not count. Attempts that the gateway refused are refusals, and leave no verdict.',
    },
    {
      path: '05-approvals/uses.csv',
      columns: ['review', 'use', 'time', 'by', 'decision', 'outcome', 'status'],
      rows: reviews.flatMap(({ review: { request, uses, outcomes } }) =>
        uses.map(({ n, iat, by, decision }) => {
          const end = outcomes.find((one) => one.n === n)
          return [request.id, n, iso(iat), by, decision, end?.outcome, end?.upstreamStatus]
        }),
      ),
      what: 'Each use of an approval, and how it ended.',
    },
    {
      path: '05-approvals/overrides.csv',
      columns: ['review', 'by', 'time', 'due', 'afterwards'],
      rows: reviews.flatMap(({ review, standing: { override } }) =>
        override === null
          ? []
          : [
              [
                review.request.id,
                override.by,
                iso(override.at),
                iso(override.due),
                override.afterwards,
              ],
            ],
      ),
      what: 'Changes that were let through before their review, and what came of the review afterwards.',
    },
  ]
}

const REVIEW_COLUMNS = [
  'review',
  'asked',
  'author',
  'may_not_review',
  'action',
  'resource',
  'body_sha256',
  'base_sha256',
  'shown_sha256',
  'policy_version',
  'state',
  'approvers',
  'uses',
  'reason',
  'ticket',
]

function reviewRow({
  review: { request, verdicts },
  standing,
  usesIn,
}: Reviewed): readonly Value[] {
  // the owners of that time are not known here: whoever was none could not approve
  const approvers = verdicts.filter(
    ({ verdict, by }) => verdict === 'approve' && !hasPartIn(request, by),
  )
  return [
    request.id,
    iso(request.iat),
    request.author,
    request.authors.join(' '),
    request.call.action,
    request.call.resource.id,
    request.bodyDigest,
    request.baseDigest,
    request.shownDigest,
    request.policyVersion,
    standing.state,
    [...new Set(approvers.map(({ by }) => by))].join(' '),
    usesIn,
    request.reason,
    request.ticket,
  ]
}

const VERDICT_COLUMNS = [
  'review',
  'time',
  'verdict',
  'by',
  'groups',
  'sign_in',
  'methods',
  'shown_sha256',
  'decision',
  'comment',
  'ticket',
]

function grantTables(grants: readonly Grant[], end: number): readonly Table[] {
  return [
    {
      path: '02-access-changes/grants.csv',
      columns: GRANT_COLUMNS,
      rows: grants.map((grant) => {
        const { request } = grant
        const standing = standingOfGrant(grant, { now: end, isDenied: NOBODY_DENIED })
        return [
          request.id,
          iso(request.iat),
          request.by,
          request.grantee.id,
          request.template,
          request.resource.id,
          request.seconds,
          request.reason,
          request.ticket,
          standing.state,
          iso(standing.since),
          iso(standing.until),
          standing.approvers.join(' '),
        ]
      }),
      what: 'Access for a time, asked for or decided in the period, in its state at the end of it.',
    },
    {
      path: '02-access-changes/grant-verdicts.csv',
      columns: ['grant', 'time', 'verdict', 'extension', 'by', 'decision', 'comment'],
      rows: grants.flatMap(({ request, verdicts }) =>
        verdicts.map((one) => [
          request.id,
          iso(one.iat),
          one.verdict,
          one.n,
          one.by,
          one.decision,
          one.comment,
        ]),
      ),
      what: 'What people decided about these grants.',
    },
  ]
}

const GRANT_COLUMNS = [
  'grant',
  'asked',
  'by',
  'grantee',
  'template',
  'resource',
  'seconds',
  'reason',
  'ticket',
  'state',
  'since',
  'until',
  'approvers',
]
