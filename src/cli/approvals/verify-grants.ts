/**
 * Whether the grants in a copy of a ledger hold: that nobody approved their own, and that what was decided was shown.
 * @module
 */
import { shownDigestOf } from '../../approvals/grants/documents.ts'
import { standingOfGrant, type Grant } from '../../approvals/grants/state.ts'

/** What is wrong with a grant, in words. */
export function faultsOfGrant(grant: Grant): readonly string[] {
  const { request, extensions, verdicts } = grant
  const { approvers, most, reviewers } = request.terms
  const entities = approvers.map(({ type, id }) => `${type}::${id}`)
  const shown = new Map([
    [0, shownDigestOf(request, null)],
    ...extensions.map((one) => [one.n, shownDigestOf(request, one)] as const),
  ])
  const { state } = standingOfGrant(grant, { now: request.iat, isDenied: () => false })
  const decided = verdicts.filter(({ verdict }) => verdict !== 'end')
  return [
    ...(state === 'damaged' ? ['an extension of it is missing'] : []),
    ...(request.seconds > most ? ['lasts for longer than its rule gives'] : []),
    ...(reviewers > 0 && entities.length === 0 ? ['has no approvers'] : []),
    ...decided.flatMap(({ verdict, by, n, groups, shown: digest }) => [
      ...(by === request.grantee.id ? [`${verdict} of ${by} is about what is their own`] : []),
      ...(groups.some((one) => entities.includes(one)) ? [] : [`${by} is none of its approvers`]),
      ...(shown.get(n) === digest ? [] : [`${verdict} of ${by} is about something else`]),
    ]),
    ...extensions
      .filter((one) => one.shown !== shown.get(0))
      .map(({ n }) => `extension ${n} is of something else`),
  ]
}
