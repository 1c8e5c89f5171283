/**
 * Notes on `requests.yaml`: grants that nobody could approve.
 * @module
 */
import { createDecideByRequests, grantOperation } from '../by-requests.ts'
import { isOneOf } from '../engine/entities.ts'
import type { Uid } from '../load/conditions.ts'
import { REQUESTS_FILE, type RequestRule } from '../load/requests.ts'
import type { PolicySet } from '../load/rules.ts'
import type { Note } from './notes.ts'
import { memberOf } from './who-can.ts'

/** One note a rule at most, in the order of the file. @param identities names of the managed identities */
export function requestNotes(set: PolicySet, identities: readonly string[]): readonly Note[] {
  const rules = set.requests.rules.filter(({ way, reviewers }) => way === 'grant' && reviewers > 0)
  if (rules.length === 0) return []
  const decide = createDecideByRequests(set, identities, { cacheSize: 0 })
  const anywhere = { type: 'Subscription', id: '/subscriptions/any' }
  return rules.flatMap((rule) => {
    const operation = grantOperation('approve', rule.within ?? anywhere)
    const forbids = rule.approvers.map((approver) => {
      const { permit, decision } = decide(memberOf(approver), operation, {})
      // a sign-in that is asked for can be had
      const isForbidden =
        permit === null &&
        decision.policies.every((id) => set.rules.get(id)?.policy.stepUp === null)
      return isForbidden ? decision.policies : []
    })
    const text = textOf(rule, forbids)
    const { line } = rule
    return text === null
      ? []
      : [{ policy: `request of ${rule.template}`, file: REQUESTS_FILE, line, text }]
  })
}

/** @param forbids for each approver, the policies that forbid to approve */
function textOf(rule: RequestRule, forbids: readonly (readonly string[])[]): string | null {
  const { approvers, reviewers, who } = rule
  if (forbids.every((ids) => ids.length > 0))
    return `can be approved by nobody: ${[...new Set(forbids.flat())].join(', ')} forbids it to all approvers`
  const able = approvers.filter((_, index) => forbids[index]?.length === 0)
  // how many people a group has is not known here
  if (!able.every(isPerson)) return null
  if (able.length < reviewers)
    return `can be approved by nobody: it needs ${reviewers} people, and ${able.length} can approve it`
  const alone = (who ?? []).filter(
    (one) => isPerson(one) && able.filter((other) => !isOneOf(other, [one])).length < reviewers,
  )
  return alone.length === 0
    ? null
    : `cannot be approved for ${alone.map(({ id }) => id).join(', ')}: nobody approves their own, and too few others can`
}

function isPerson({ type }: Uid): boolean {
  return type === 'User'
}
