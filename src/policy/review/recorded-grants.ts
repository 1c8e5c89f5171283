/**
 * Grants that a recorded decision was permitted by: they are in the ledger and not in the policies, but the record names
 * their templates, and what they were on is where the call was made.
 * @module
 */
import type { Principal } from '../../identity/principal.ts'
import { GRANT_TYPE } from '../engine/entities.ts'
import type { Binding } from '../load/bindings.ts'
import { withGrants, type PolicySet } from '../load/rules.ts'
import { placeToBind } from './propose.ts'
import type { Asked } from './recorded.ts'

/** The id of a rule that permits by a grant. */
const BY_GRANT = /^([a-z][a-z0-9-]*)@grant:([a-z2-7]{16}-[1-9]\d{0,4})$/u

export interface WithGrants {
  readonly set: PolicySet
  readonly principal: Principal
}

/** The policies and the caller with the grants that the record names; null if it names none. */
export function withRecordedGrants(
  set: PolicySet,
  { policies, principal, operation }: Pick<Asked, 'policies' | 'principal' | 'operation'>,
): WithGrants | null {
  const resource = placeToBind(operation)
  if (resource === undefined) return null
  const granted = policies.flatMap((rule): Binding[] => {
    const [, template, id] = BY_GRANT.exec(rule) ?? []
    if (template === undefined || id === undefined) return []
    return [
      {
        id: `grant:${id}`,
        template,
        principal: { type: GRANT_TYPE, id },
        resource,
        shadow: false,
        from: null,
        until: null,
        reason: null,
        ticket: null,
        requestedBy: null,
        file: 'the ledger',
        line: 0,
      },
    ]
  })
  if (granted.length === 0) return null
  const more = withGrants(set, granted)
  // the same grant is on another place in another record
  const keyed = { ...more, key: `${more.key} on ${resource.type} ${resource.id}` }
  return {
    set: keyed,
    principal: { ...principal, grants: granted.map((one) => one.principal.id) },
  }
}
