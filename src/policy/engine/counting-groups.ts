/**
 * Groups of a person that can matter to a decision: those that some policy, binding, owner or offer names.
 * @module
 */
import type { Principal } from '../../identity/principal.ts'
import { createIsNamed } from './judge.ts'
import { createUidMap } from './entities.ts'
import type { PolicySet } from '../load/rules.ts'

/** Ids of the groups of a principal that count, now or when a binding begins. */
export function countingGroups(set: PolicySet, principal: Principal): readonly string[] {
  const isNamed = createIsNamed({ ...set, rules: set.written.rules })
  const others = createUidMap<true>()
  for (const { reviewers } of set.owners) for (const uid of reviewers) others.set(uid, true)
  for (const { who, approvers } of set.requests.rules)
    for (const uid of [...(who ?? []), ...approvers]) others.set(uid, true)
  return principal.groups.filter((id) => {
    const uid = { type: 'Group', id }
    return isNamed(uid) || others.get(uid) === true
  })
}
