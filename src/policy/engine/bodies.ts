/**
 * Whether a policy that can apply to a call asks for a fact of its body, or has an effect on it.
 *
 * Everything else streams through unread.
 * @module
 */
import type { Operation } from '../../vocabulary/operation.ts'
import type { Principal } from '../../identity/principal.ts'
import type { Uid } from '../load/conditions.ts'
import { principalUids, resourceUids } from './entities.ts'
import type { PolicySet, Rule } from '../load/rules.ts'
import type { Policy } from '../load/source.ts'

export type NeedsBody = (principal: Principal, operation: Operation) => boolean

/**
 * @param documentFacts facts that only a body can tell
 * @param isChanged whether `@pin` and `@stamp` are about a type of resource
 */
export function createNeedsBody(
  set: PolicySet,
  documentFacts: readonly string[],
  isChanged: (type: string) => boolean,
): NeedsBody {
  const asks = ({ facts, recordBody }: Policy): boolean =>
    facts === null ||
    recordBody ||
    facts.has('bodyDigest') ||
    documentFacts.some((fact) => facts.has(fact))
  const rules = [...set.rules.values()].filter(
    ({ policy }) => asks(policy) || policy.pin || policy.stamp,
  )
  // by principal, so that the cost does not grow with the bindings of others
  const byPrincipal = Map.groupBy(rules, ({ principal }) =>
    principal === null ? '' : keyOf(principal),
  )
  const ofAll = byPrincipal.get('') ?? []

  return (principal, operation) => {
    if (!operation.inspectable) return false
    const { uids } = set.words.actionOf(operation)
    const places = resourceUids(operation)
    const changed = isChanged(operation.resource.type)
    const applies = ({ policy, resource }: Rule): boolean =>
      (changed || asks(policy)) &&
      (policy.actions === null || uids.some(({ id }) => policy.actions?.includes(id) === true)) &&
      (resource === null || places.some((place) => keyOf(place) === keyOf(resource)))
    return (
      ofAll.some(applies) ||
      principalUids(principal).some((uid) => byPrincipal.get(keyOf(uid))?.some(applies) === true)
    )
  }
}

/** Types have no quotes and no spaces: no two entities have one key. */
function keyOf({ type, id }: Uid): string {
  return `${type} ${id}`
}
