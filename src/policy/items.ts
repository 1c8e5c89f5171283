/**
 * Whether what a caller may read depends on which item it is, or on what the item says.
 *
 * Most lists are all or nothing: then their answers stream through unread.
 * @module
 */
import type { Operation } from '../azureml/operation.ts'
import type { Principal } from '../identity/principal.ts'
import type { Uid } from './conditions.ts'
import { principalUids } from './entities.ts'
import type { PolicySet, Rule } from './rules.ts'

const CONTAINERS = ['Workspace', 'Registry', 'ResourceGroup']

/**
 * Whether the answer to a read has to be judged item by item.
 * @param collection the read lists the members of a collection
 */
export type Distinguishes = (
  principal: Principal,
  operation: Operation,
  collection: boolean,
) => boolean

/** @param documentFacts facts that are only known of what Azure has answered */
export function createDistinguishes(
  set: PolicySet,
  documentFacts: readonly string[],
): Distinguishes {
  const rules = [...set.rules.values()].filter(({ shadow }) => !shadow)
  const factual = rules.filter(
    ({ policy: { facts } }) => facts === null || documentFacts.some((fact) => facts.has(fact)),
  )
  const naming = new Map<string, Rule[]>()
  for (const rule of rules) {
    for (const type of new Set(uidsOf(rule).map((uid) => uid.type))) {
      naming.set(type, [...(naming.get(type) ?? []), rule])
    }
  }

  return (principal, operation, collection) => {
    const named = collection ? typesOf(operation).flatMap((type) => naming.get(type) ?? []) : []
    if (factual.length === 0 && named.length === 0) return false
    const callers = principalUids(principal)
    const asked = set.words.actionOf(operation).uids
    return [...factual, ...named].some(
      ({ principal: who, policy: { actions } }) =>
        (who === null || callers.some((uid) => uid.type === who.type && uid.id === who.id)) &&
        (actions === null || asked.some(({ id }) => actions.includes(id))),
    )
  }
}

function uidsOf({ resource, policy }: Rule): readonly Uid[] {
  return [...(resource === null ? [] : [resource]), ...(policy.named ?? [])]
}

/** Types by which the members of a collection can differ: their own, and what they are in but the list is not. */
function typesOf({ resource }: Operation): readonly string[] {
  const above = resource.ancestors.map(({ type }) => type)
  const between = CONTAINERS.includes(resource.type)
    ? CONTAINERS.filter((type) => !above.includes(type))
    : []
  return [resource.type, ...between]
}
