/**
 * A review as callers are shown it.
 * @module
 */
import type { OwnersLine } from '../policy/load/owners.ts'
import type { NoticeDocument } from '../approvals/documents.ts'
import type { Review, Standing } from '../approvals/state.ts'

/** Seconds since the epoch as people read them. */
export function instant(seconds: number): string {
  return new Date(seconds * 1_000).toISOString()
}

/** One line of a list. */
export function summaryOf({ request }: Review, { state, until }: Standing) {
  const { id, author, iat, call, reason, ticket } = request
  return {
    id,
    state,
    asked: instant(iat),
    until: until === null ? null : instant(until),
    author,
    method: call.method,
    action: call.action,
    resource: call.resource.id,
    reason,
    ticket,
  }
}

/** Everything of one review. @param mayReview whether the caller is one whose verdict would count */
export function viewOf(
  review: Review,
  standing: Standing,
  owners: readonly OwnersLine[],
  mayReview: boolean,
) {
  const { request, verdicts, uses, outcomes } = review
  return {
    ...summaryOf(review, standing),
    authors: request.authors,
    client: request.client,
    target: request.call.target,
    names: request.call.names,
    asks: request.asks.map(({ policy, reason, rule }) => ({
      policy,
      reason,
      reviewers: rule.reviewers,
      from: rule.from,
      uses: rule.uses,
    })),
    owners: ownersIn(owners),
    missing: standing.missing,
    approvers: standing.approvers,
    override:
      standing.override === null
        ? null
        : {
            by: standing.override.by,
            at: instant(standing.override.at),
            due: instant(standing.override.due),
            afterwards: standing.override.afterwards,
          },
    shown: request.shown,
    shownDigest: request.shownDigest,
    policyVersion: request.policyVersion,
    decision: request.decision,
    verdicts: verdicts
      .toSorted((one, other) => one.iat - other.iat)
      .map(({ verdict, by, iat, comment, ticket, decision }) => ({
        verdict,
        by,
        at: instant(iat),
        comment,
        ticket,
        decision,
      })),
    uses: uses
      .toSorted((one, other) => one.n - other.n)
      .map(({ n, by, iat, decision }) => ({
        n,
        by,
        at: instant(iat),
        decision,
        outcome: outcomes.find((one) => one.n === n)?.outcome ?? null,
      })),
    mayReview,
  }
}

/** Who owns it; by parts, if it has several. Null if nobody does. */
function ownersIn(owners: readonly OwnersLine[]) {
  if (owners.length === 0) return null
  const parts = owners.map(({ reviewers, required, each }) => ({
    reviewers: reviewers.map(({ type, id }) => `${type}::"${id}"`),
    required,
    each,
  }))
  const [only] = parts
  return parts.length === 1
    ? only
    : {
        reviewers: [...new Set(parts.flatMap(({ reviewers }) => reviewers))],
        required: Math.max(...parts.map(({ required }) => required)),
        each: parts.some(({ each }) => each),
        parts,
      }
}

/** What channels were told. */
export function noticesIn(notices: readonly NoticeDocument[]) {
  return notices
    .toSorted((one, other) => one.iat - other.iat)
    .map(({ channel, event, outcome, iat }) => ({ channel, event, outcome, at: instant(iat) }))
}
