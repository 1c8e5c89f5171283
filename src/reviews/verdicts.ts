/**
 * Verdicts: who may say what of a review, and the document that says it.
 * @module
 */
import type { OwnCall, OwnRequest } from '../access/own-calls.ts'
import type { VerdictDocument } from '../approvals/documents.ts'
import { hasPartIn } from '../approvals/authors.ts'
import { standingOf, type Review } from '../approvals/state.ts'
import { Refusal } from '../errors.ts'
import type { Principal } from '../identity/principal.ts'
import type { Decision } from '../policy/decide.ts'
import { found, notFound, operationOf, type ReviewCallOptions, type Seen } from './seen.ts'
import { noticeOfReview } from './notices/message.ts'
import { readVerdict, type Asked } from './verdict-body.ts'
import { viewOf } from './view.ts'

/** By which the clocks of two replicas may differ. */
const MAX_SKEW_SECONDS = 300

export async function judge(
  options: ReviewCallOptions,
  id: string,
  principal: Principal,
  { decision: exchange, read, keep }: OwnRequest,
): Promise<OwnCall> {
  const asked = readVerdict(await read())
  const visible = await found(options, id, principal)
  keep({ review: id, verdict: asked.verdict })
  const { review } = visible
  const decided = mayDecide(options, visible, asked, principal)
  return {
    operation: operationOf(
      asked.verdict === 'comment' || asked.verdict === 'withdraw' ? 'read' : asked.verdict,
      review,
    ),
    decision: decided,
    changes: true,
    async answer() {
      const document = verdictOf(options, visible, asked, principal, exchange)
      if (!(await options.store.write(document)))
        throw new Refusal('review_changed', 'you have given a verdict on this review just now', {
          remedy: 'look at the review, and try again',
        })
      if (asked.verdict === 'override') await options.alarm(document, review.request)
      const after = await options.store.read(id)
      if (after === null) throw notFound()
      const standing = standingOf(after, options.release.circumstancesOf(after))
      const { state } = standing
      if (state !== visible.standing.state)
        if (asked.verdict === 'override') options.tell('overridden', noticeOfReview(after.request))
        else if (state === 'approved' || state === 'rejected' || state === 'withdrawn')
          options.tell(state, noticeOfReview(after.request))
      return viewOf(after, standing, visible.owners, visible.mayReview)
    },
  }
}

/** @throws {Refusal} if the caller may not say this of this review now */
function mayDecide(
  options: ReviewCallOptions,
  { review, standing, groups, decision }: Seen,
  { verdict, shownDigest, ticket }: Asked,
  principal: Principal,
): Decision {
  const { request } = review
  if (options.now() / 1_000 < request.iat - MAX_SKEW_SECONDS)
    throw new Refusal(
      'approvals_unavailable',
      'the clocks of the replicas of this gateway differ',
      {
        retryAfter: 60,
        remedy:
          'tell the operators of this gateway: a review would be decided before it was asked for',
      },
    )
  if (verdict === 'comment') return decision
  const afterwards = standing.override?.afterwards
  const isToReview =
    (verdict === 'approve' || verdict === 'reject') &&
    (afterwards === 'due' || afterwards === 'overdue')
  const isOpen =
    standing.state === 'open' || (standing.state === 'approved' && verdict !== 'override')
  if (!isOpen && !isToReview)
    throw new Refusal('review_changed', `this review is ${standing.state}`, {
      remedy: 'nothing can be decided about it any more',
    })
  if (verdict === 'withdraw') {
    if (request.author !== principal.id)
      throw new Refusal('policy_refused', 'only its author withdraws a request')
    return decision
  }
  if (shownDigest !== request.shownDigest)
    throw new Refusal(
      'review_changed',
      'the verdict is about something else than this review shows',
      {
        remedy: 'look at the review again, and repeat the verdict with its "shownDigest"',
      },
    )
  if (principal.kind !== 'user')
    throw new Refusal('policy_refused', 'reviews are decided by people')
  if (verdict === 'override') return mayOverride(options, review, ticket, principal)
  if (hasPartIn(request, principal.id) || standing.override?.by === principal.id)
    throw new Refusal('policy_refused', 'who has a part in a change does not review it', {
      remedy: 'ask another reviewer',
    })
  const judged = options.decide(
    principal,
    operationOf(verdict, review),
    options.callFacts(principal),
  )
  if (judged.permit === null) throw judged.refusal
  const byPolicy = request.asks.some(({ rule }) => rule.from === 'policy')
  if (groups.length === 0 && !byPolicy)
    throw new Refusal('policy_refused', 'you are none of the owners whose review this is', {
      remedy: 'owners.yaml says who they are',
    })
  return judged.decision
}

/** Whoever policy permits to, its author too: it is reviewed afterwards, by others. */
function mayOverride(
  options: ReviewCallOptions,
  review: Review,
  ticket: string | null,
  principal: Principal,
): Decision {
  const { ticketPattern } = options
  if (ticketPattern !== null && !ticketPattern.test(ticket ?? ''))
    throw new Refusal('bad_body', 'the ticket is not of the form that tickets have here', {
      remedy: '"approvals.ticket" of the configuration says what form that is',
    })
  const judged = options.decide(
    principal,
    operationOf('override', review),
    options.callFacts(principal),
  )
  if (judged.permit === null) throw judged.refusal
  return judged.decision
}

function verdictOf(
  { now, policyVersion }: ReviewCallOptions,
  { review, groups }: Seen,
  { verdict, comment, ticket }: Asked,
  principal: Principal,
  decision: string,
): VerdictDocument {
  const { id, subject, shownDigest, iat } = review.request
  return {
    v: 1,
    kind: 'verdict',
    id,
    subject,
    shownDigest,
    verdict,
    by: principal.id,
    groups: [...groups],
    signInAt: principal.authenticatedAt,
    methods: [...principal.methods],
    // it is of the request, whichever clock is a little behind
    iat: Math.max(Math.floor(now() / 1_000), iat),
    policyVersion: policyVersion(),
    decision,
    comment,
    ticket,
  }
}
