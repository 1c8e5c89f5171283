/**
 * The state of a review: a function of its documents, in whatever order they were read, and of the time.
 *
 * It is stored nowhere, so replicas cannot disagree about it.
 * @module
 */
import type { ApprovalAsk } from './asks.ts'
import { hasPartIn } from './authors.ts'
import type { OutcomeDocument, RequestDocument, UseDocument, VerdictDocument } from './documents.ts'

/** All documents of one review. */
export interface Review {
  readonly request: RequestDocument
  readonly verdicts: readonly VerdictDocument[]
  readonly uses: readonly UseDocument[]
  readonly outcomes: readonly OutcomeDocument[]
}

/** Who owns a part of what a review is about, by the policies in force. */
export interface Owners {
  /** Entities of principals, as `Group::<id>` or `User::<id>`. */
  readonly reviewers: readonly string[]
  /** How many of them have to approve. */
  readonly required: number
  /** Whether one of each has to. */
  readonly each: boolean
}

export interface Circumstances {
  /** Seconds since the epoch. */
  readonly now: number
  /** All of them have to approve, each for their part; none: nobody owns it. */
  readonly owners: readonly Owners[]
  /** Whether somebody is on the deny list: their verdicts are void. */
  readonly isDenied: (principal: string) => boolean
}

/** `damaged`: a document of it is missing, so that nobody can tell how often it was used. */
export type State = 'open' | 'approved' | 'rejected' | 'withdrawn' | 'expired' | 'used' | 'damaged'

/** What one forbid still misses. */
export interface Missing {
  readonly policy: string
  readonly have: number
  readonly need: number
  /** Of `each`, those of which nobody has approved. */
  readonly groups: readonly string[]
}

/** Somebody let the change through before its reviewers: once, and to be reviewed afterwards. */
export interface Override {
  readonly by: string
  /** Seconds since the epoch: when, and by when it is to be reviewed. */
  readonly at: number
  readonly due: number
  /** What came of the review afterwards. */
  readonly afterwards: 'due' | 'overdue' | 'approved' | 'rejected'
}

export interface Standing {
  readonly state: State
  /** Until when an open one waits and an approved one can be used, in seconds since the epoch; null for all others. */
  readonly until: number | null
  readonly missing: readonly Missing[]
  /** Ids of those who approved, as far as they count. */
  readonly approvers: readonly string[]
  /** The number of the next use. */
  readonly nextUse: number
  /** Somebody used it, and how that ended is not known. */
  readonly uncertain: boolean
  readonly override: Override | null
}

/** How long an override can be used, and how long its review afterwards may take, in seconds. */
const OVERRIDE_SECONDS = 3_600
const AFTERWARDS_SECONDS = 72 * 3_600

export function standingOf(review: Review, circumstances: Circumstances): Standing {
  const { request } = review
  const { now, owners } = circumstances
  const overriding = overrideOf(review, circumstances)
  const counting = countingVerdicts(review, circumstances, overriding)
  const approvals = latestOfEach(counting).filter(({ verdict }) => verdict === 'approve')
  const asked = request.asks.map((ask) => standingOfAsk(ask, request, approvals, owners))
  const decided = asked.map(({ decidedAt }) => decidedAt)
  const isDecided = decided.every((at) => at !== null)
  // not only the latest of each person, nor by the owners of today: who has rejected could, and it stays so
  const isRejected = counting.some(({ verdict }) => verdict === 'reject')
  const uses = usesOf(review)
  const approvers = asked.flatMap((one) => one.approvers)
  const shared = {
    missing: asked.flatMap(({ missing }) => missing),
    approvers: [...new Set(overriding === null ? approvers : [...approvers, overriding.by])].sort(),
    nextUse: uses.next,
    uncertain: uses.uncertain,
    override:
      overriding === null ? null : standingOfOverride(overriding, { now, isDecided, isRejected }),
  }
  const closed = (state: State): Standing => ({ state, until: null, ...shared })

  if (uses.damaged) return closed('damaged')
  if (review.verdicts.some((one) => isWithdrawal(one, request))) return closed('withdrawn')
  if (overriding !== null && uses.taken > 0) return closed('used')
  if (isRejected) return closed('rejected')
  if (uses.taken >= Math.min(...request.asks.map(({ rule }) => rule.uses))) return closed('used')
  if (!isDecided) {
    const overrideEnds = overriding === null ? 0 : overriding.iat + OVERRIDE_SECONDS
    if (now < overrideEnds) return { state: 'approved', until: overrideEnds, ...shared }
    if (now >= request.exp) return closed('expired')
    return { state: 'open', until: request.exp, ...shared }
  }
  const until = Math.min(
    ...request.asks.map(({ rule }, index) => (decided[index] ?? 0) + rule.validMs / 1_000),
  )
  return now >= until ? closed('expired') : { state: 'approved', until, ...shared }
}

/** How long documents of one moment may differ in their times, and be written after one another, in seconds. */
const SETTLING_SECONDS = 3_600

/** Whether nothing can come of a review any more: it needs not be looked at to tell what waits. */
export function isSettled(
  { request, verdicts, uses, outcomes }: Review,
  { state, until, override }: Standing,
  now: number,
): boolean {
  const isToReview = override?.afterwards === 'due' || override?.afterwards === 'overdue'
  // a use that fails can be taken again
  const isUnderWay = uses.some(({ n }) => !outcomes.some((one) => one.n === n))
  if (until !== null || isToReview || (isUnderWay && now < request.exp)) return false
  const times = [...verdicts, ...uses, ...outcomes].map(({ iat }) => iat)
  const last = Math.max(state === 'expired' ? request.exp : request.iat, ...times)
  return now > last + SETTLING_SECONDS
}

/** The first override that holds: what was rejected before it stays rejected. */
function overrideOf(
  { request, verdicts }: Review,
  { isDenied }: Circumstances,
): VerdictDocument | null {
  const found = verdicts
    .filter(
      ({ verdict, id, subject, shownDigest, by, iat }) =>
        verdict === 'override' &&
        id === request.id &&
        subject === request.subject &&
        shownDigest === request.shownDigest &&
        iat >= request.iat &&
        iat < request.exp &&
        !isDenied(by),
    )
    .toSorted((one, other) => one.iat - other.iat || (rankOf(one) < rankOf(other) ? -1 : 1))
  return found[0] ?? null
}

function standingOfOverride(
  { by, iat }: VerdictDocument,
  {
    now,
    isDecided,
    isRejected,
  }: { readonly now: number; readonly isDecided: boolean; readonly isRejected: boolean },
): Override {
  const due = iat + AFTERWARDS_SECONDS
  const open = now < due ? 'due' : 'overdue'
  return {
    by,
    at: iat,
    due,
    afterwards: isRejected ? 'rejected' : isDecided ? 'approved' : open,
  }
}

/** Verdicts that say "approve" or "reject" about this very change, by people who may. */
function countingVerdicts(
  { request, verdicts }: Review,
  { isDenied }: Circumstances,
  override: VerdictDocument | null,
): readonly VerdictDocument[] {
  // what was let through is reviewed afterwards, however late
  const end = override === null ? request.exp : Number.POSITIVE_INFINITY
  return verdicts.filter(
    ({ id, subject, shownDigest, by, iat, verdict }) =>
      (verdict === 'approve' || verdict === 'reject') &&
      id === request.id &&
      subject === request.subject &&
      shownDigest === request.shownDigest &&
      iat >= request.iat &&
      iat < end &&
      !hasPartIn(request, by) &&
      by !== override?.by &&
      !isDenied(by),
  )
}

function isWithdrawal({ id, subject, verdict, by }: VerdictDocument, request: RequestDocument) {
  return (
    verdict === 'withdraw' &&
    id === request.id &&
    subject === request.subject &&
    by === request.author
  )
}

/** The latest of each person; of several in one second the rejection, and else one that does not depend on their order. */
function latestOfEach(verdicts: readonly VerdictDocument[]): readonly VerdictDocument[] {
  const inOrder = verdicts.toSorted(
    (one, other) => one.iat - other.iat || (rankOf(one) < rankOf(other) ? -1 : 1),
  )
  return [...new Map(inOrder.map((one) => [one.by, one])).values()]
}

function rankOf(verdict: VerdictDocument): string {
  return `${verdict.verdict === 'reject' ? 1 : 0} ${JSON.stringify(verdict)}`
}

interface OfAsk {
  /** When the last verdict came that it needed, in seconds since the epoch; null while one is missing. */
  readonly decidedAt: number | null
  readonly missing: readonly Missing[]
  readonly approvers: readonly string[]
}

function standingOfAsk(
  { rule, policy }: ApprovalAsk,
  { iat, reason }: RequestDocument,
  approvals: readonly VerdictDocument[],
  owners: readonly Owners[],
): OfAsk {
  if (rule.reviewers === 0) {
    const approvers = approvals.map(({ by }) => by)
    return reason === null
      ? { decidedAt: null, missing: [{ policy, have: 0, need: 0, groups: [] }], approvers }
      : { decidedAt: iat, missing: [], approvers }
  }
  const anybody: Part = { reviewers: null, required: 1, each: false }
  const nobody: Part = { reviewers: [], required: 1, each: false }
  const parts: readonly Part[] =
    rule.from === 'policy' ? [anybody] : owners.length === 0 ? [nobody] : owners
  const found = parts.map((part) => standingOfPart(part, rule.reviewers, approvals))
  return {
    decidedAt: found.reduce<number | null>(
      (latest, { decidedAt }) =>
        latest === null || decidedAt === null ? null : Math.max(latest, decidedAt),
      0,
    ),
    missing: found.flatMap(({ missing }) => (missing === null ? [] : [{ policy, ...missing }])),
    approvers: found.flatMap(({ approvers }) => approvers),
  }
}

/** Whose approvals count for a part; null: everybody's. */
interface Part extends Omit<Owners, 'reviewers'> {
  readonly reviewers: readonly string[] | null
}

function standingOfPart(
  { reviewers, required, each }: Part,
  atLeast: number,
  approvals: readonly VerdictDocument[],
) {
  const counting = approvals
    .filter(({ groups }) => reviewers === null || groups.some((one) => reviewers.includes(one)))
    .toSorted((one, other) => one.iat - other.iat || (one.by < other.by ? -1 : 1))
  const approvers = counting.map(({ by }) => by)
  const need = Math.max(atLeast, required)
  const lacking = (some: readonly VerdictDocument[]): readonly string[] =>
    each ? unmatched(reviewers ?? [], some) : []
  const at = counting.findIndex(
    (_, index) => index + 1 >= need && lacking(counting.slice(0, index + 1)).length === 0,
  )
  const deciding = counting[at]
  return deciding === undefined
    ? {
        decidedAt: null,
        missing: { have: counting.length, need, groups: lacking(counting) },
        approvers,
      }
    : { decidedAt: deciding.iat, missing: null, approvers }
}

/** Of `groups`, those that nobody approves for if each person does for one of them; as few as possible. */
function unmatched(
  groups: readonly string[],
  approvals: readonly VerdictDocument[],
): readonly string[] {
  const groupOf = new Map<VerdictDocument, string>()
  // a person who approves for another group may be free to do so for this one if somebody else does for that
  const isMatched = (group: string, tried: Set<VerdictDocument>): boolean =>
    approvals.some((one) => {
      if (tried.has(one) || !one.groups.includes(group)) return false
      tried.add(one)
      const other = groupOf.get(one)
      if (other !== undefined && !isMatched(other, tried)) return false
      groupOf.set(one, group)
      return true
    })
  return groups.filter((group) => !isMatched(group, new Set()))
}

interface Uses {
  readonly taken: number
  readonly next: number
  readonly uncertain: boolean
  readonly damaged: boolean
}

/** A use that failed does not count. One whose end nobody knows does: it may have been done. */
function usesOf({ request, uses, outcomes }: Review): Uses {
  const taken = new Set(uses.filter(({ id }) => id === request.id).map(({ n }) => n))
  const ended = new Map(outcomes.filter(({ id }) => id === request.id).map((one) => [one.n, one]))
  const next = Math.max(0, ...taken, ...ended.keys()) + 1
  const counting = [...taken].filter((n) => ended.get(n)?.outcome !== 'failed')
  return {
    taken: counting.length,
    next,
    uncertain: counting.some((n) => ended.get(n)?.outcome !== 'success'),
    // each use is made after the one before it
    damaged: taken.size !== next - 1,
  }
}
