/**
 * A grant as callers are shown it.
 * @module
 */
import { OWN_PROVIDER } from '../../vocabulary/actions.ts'
import { lengthText } from '../../policy/load/period.ts'
import { instant } from '../view.ts'
import type { Noticed } from '../notices/message.ts'
import type { GrantRequest } from '../../approvals/grants/documents.ts'
import type { SeenGrant } from './seen.ts'

/** `void`: the policies in force do not stand behind it any more. */
export function stateOf({ standing: { state }, isVoid }: SeenGrant): string {
  return isVoid !== null && (state === 'open' || state === 'active') ? 'void' : state
}

const orNull = (seconds: number | null): string | null =>
  seconds === null ? null : instant(seconds)

/** One line of a list. */
export function summaryOfGrant(seen: SeenGrant) {
  const { grant, standing } = seen
  const { id, iat, by, grantee, template, resource, seconds, reason, ticket } = grant.request
  const state = stateOf(seen)
  return {
    id,
    state,
    asked: instant(iat),
    since: orNull(standing.since),
    until: state === 'void' ? null : orNull(standing.until),
    for: lengthOf(seconds),
    grantee,
    by,
    template,
    resource,
    reason,
    ticket,
    extension: standing.pending === null ? null : lengthOf(standing.pending.seconds),
    mayApprove: seen.mayApprove,
  }
}

/** Whole minutes. */
function lengthOf(seconds: number): string {
  return lengthText(seconds * 1_000)
}

/** Everything of one grant. */
export function viewOfGrant(seen: SeenGrant) {
  const { grant, standing, isVoid, shownDigest } = seen
  const { request, extensions, verdicts } = grant
  const { reviewers, approvers, most } = request.terms
  return {
    ...summaryOfGrant(seen),
    void: isVoid,
    most: lengthOf(most),
    reviewers,
    // people are not named to others
    approvers: approvers.flatMap(({ type, id }) => (type === 'User' ? [] : [`${type}::"${id}"`])),
    approvedBy: standing.approvers,
    extensions: extensions
      .toSorted((one, other) => one.n - other.n)
      .map(({ n, by, iat, seconds, reason, decision }) => {
        return { n, by, at: instant(iat), for: lengthOf(seconds), reason, decision }
      }),
    verdicts: verdicts
      .toSorted((one, other) => one.iat - other.iat || (one.decision < other.decision ? -1 : 1))
      .map(({ verdict, n, by, iat, comment, decision }) => {
        return { verdict, extension: n, by, at: instant(iat), comment, decision }
      }),
    policyVersion: request.policyVersion,
    decision: request.decision,
    shownDigest,
  }
}

/** What channels are told of it. */
export function noticeOf({ id, grantee, exp, template, resource }: GrantRequest): Noticed {
  return {
    id,
    word: 'grant',
    path: `/_harness/api/grants/${id}`,
    about: `${template} on ${resource.id}`,
    author: grantee.id,
    action: `${OWN_PROVIDER}/grants/request`,
    resource: resource.id,
    exp,
  }
}
