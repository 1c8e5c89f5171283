/**
 * The state of a grant: a function of its documents, in whatever order they were read, and of the time.
 *
 * Whether its rule, its template and its grantee are still what they were is not in its documents: whoever uses a grant
 * asks the policies in force for that, too.
 * @module
 */
import {
  shownDigestOf,
  type GrantExtension,
  type GrantRequest,
  type GrantVerdict,
} from './documents.ts'

/** All documents of one grant. */
export interface Grant {
  readonly request: GrantRequest
  readonly extensions: readonly GrantExtension[]
  readonly verdicts: readonly GrantVerdict[]
}

export interface GrantCircumstances {
  /** Seconds since the epoch. */
  readonly now: number
  /** Whether somebody is on the deny list: what they approved is void. */
  readonly isDenied: (principal: string) => boolean
}

/** `damaged`: a document of it is missing, so that nobody can tell when it ends. */
export type GrantState = 'open' | 'active' | 'denied' | 'ended' | 'expired' | 'damaged'

export interface GrantStanding {
  readonly state: GrantState
  /** When it began, in seconds since the epoch; null if it never did. */
  readonly since: number | null
  /** Until when an open one waits, and an active one holds, in seconds since the epoch; null for all others. */
  readonly until: number | null
  /** The extension that waits for its approvers; null if none does. */
  readonly pending: GrantExtension | null
  /** Ids of those who approved what is open: the request, or the extension that waits. */
  readonly approvers: readonly string[]
}

/** How far the clock of the replica that signed a document may be ahead. */
export const MAX_SKEW_SECONDS = 300

export function standingOfGrant(grant: Grant, circumstances: GrantCircumstances): GrantStanding {
  const { request } = grant
  const { now } = circumstances
  const extensions = grant.extensions
    .filter(({ id, shown }) => id === request.id && shown === shownDigestOf(request, null))
    .toSorted((one, other) => one.n - other.n)
  const first = roundOf(grant, null, request.exp, circumstances)
  const closed = (state: GrantState, since: number | null = null): GrantStanding => ({
    state,
    since,
    until: null,
    pending: null,
    approvers: first.approvers,
  })
  // each extension is made after the one before it
  if (extensions.some(({ n }, index) => n !== index + 1)) return closed('damaged')
  if (endsOf(grant)) return closed('ended', first.decidedAt)
  if (first.isDenied) return closed('denied')
  const since = first.decidedAt
  if (since === null) {
    const isOver = now >= request.exp
    return isOver ? closed('expired') : { ...closed('open'), until: request.exp }
  }
  const last = since + request.terms.most
  let until = Math.min(since + request.seconds, last)
  let pending: GrantExtension | null = null
  let { approvers } = first
  for (const extension of extensions) {
    const round = roundOf(grant, extension, until, circumstances)
    pending = round.isDenied || round.decidedAt !== null ? null : extension
    approvers = pending === null ? approvers : round.approvers
    if (!round.isDenied && round.decidedAt !== null)
      until = Math.min(until + extension.seconds, last)
  }
  if (now >= until) return closed('expired', since)
  return { state: 'active', since, until, pending, approvers }
}

interface Round {
  /** When the approval that decided was given, in seconds since the epoch; null if none has. */
  readonly decidedAt: number | null
  readonly isDenied: boolean
  readonly approvers: readonly string[]
}

/** What people said of the request or of one extension, until `end`. */
function roundOf(
  { request, verdicts }: Grant,
  extension: GrantExtension | null,
  end: number,
  { now, isDenied }: GrantCircumstances,
): Round {
  const asked = extension ?? request
  const shown = shownDigestOf(request, extension)
  const mayDecide = ({ by, groups, iat }: Said): boolean =>
    by !== request.grantee.id &&
    !isDenied(by) &&
    iat >= asked.iat - MAX_SKEW_SECONDS &&
    iat < end &&
    request.terms.approvers.some(({ type, id }) => groups.includes(`${type}::${id}`))
  const about = verdicts.filter(
    (one) =>
      one.id === request.id &&
      one.n === (extension?.n ?? 0) &&
      one.shown === shown &&
      mayDecide(one),
  )
  // whoever approves and asks for somebody else has approved by asking
  const approvals: readonly Said[] = [
    ...(mayDecide(asked) ? [asked] : []),
    ...about.filter(({ verdict }) => verdict === 'approve'),
  ]
    .filter(({ iat }) => iat <= now + MAX_SKEW_SECONDS)
    .toSorted((one, other) => one.iat - other.iat || (one.by < other.by ? -1 : 1))
  const { reviewers } = request.terms
  const approvers = [...new Set(approvals.map(({ by }) => by))]
  const decided =
    reviewers === 0 ? selfService(request, asked) : firstOf(approvals, approvers[reviewers - 1])
  const inTime = decided !== null && asked.iat < end && asked.iat <= now + MAX_SKEW_SECONDS
  // another replica's clock may be behind
  const deciding = inTime ? Math.max(decided, asked.iat) : null
  const denied = Math.min(
    ...about.filter(({ verdict }) => verdict === 'deny').map(({ iat }) => iat),
  )
  // what was denied first is not approved any more, and what was approved first is not denied any more
  const isRefused = denied !== Infinity && (deciding === null || denied <= deciding)
  return { decidedAt: isRefused ? null : deciding, isDenied: isRefused, approvers }
}

type Said = Pick<GrantRequest, 'by' | 'groups' | 'iat'>

/** Without approvers, a reason is enough: of the grantee alone, for nobody else decides. */
function selfService({ grantee }: GrantRequest, asked: Said): number | null {
  return asked.by === grantee.id ? asked.iat : null
}

function firstOf(approvals: readonly Said[], by: string | undefined): number | null {
  return approvals.find((one) => one.by === by)?.iat ?? null
}

/** Whether somebody has ended it, whatever else was shown to them. */
function endsOf({ request, verdicts }: Grant): boolean {
  return verdicts.some(({ verdict, id }) => verdict === 'end' && id === request.id)
}
