/**
 * Whether what a caller may do depends on which thing it is, or on what that thing says of itself.
 *
 * Most policies are all or nothing: then answers stream through unread, and nothing is looked up.
 * @module
 */
import type { Operation } from '../../vocabulary/operation.ts'
import type { Principal } from '../../identity/principal.ts'
import type { Uid } from '../load/conditions.ts'
import { principalUids, resourceUids } from './entities.ts'
import type { PolicySet, Rule } from '../load/rules.ts'
import { createUidMap } from './uid-map.ts'

const CONTAINERS = ['Workspace', 'Registry', 'ResourceGroup']

/** What things are told apart by. */
export interface Apart {
  /** Facts of documents that policies ask for, perhaps none; null for all of them. */
  readonly facts: ReadonlySet<string> | null
  /** Whether policies name some of them. */
  readonly named: boolean
  /** Ids of the policies that do. */
  readonly policies: readonly string[]
}

/**
 * How policy tells apart what an operation is about; null if it does not.
 * @param collection the operation is about the members of a collection
 */
export type TellsApart = (
  principal: Principal,
  operation: Operation,
  collection: boolean,
) => Apart | null

/** @param documentFacts facts that only a document of Azure's tells */
export function createTellsApart(set: PolicySet, documentFacts: readonly string[]): TellsApart {
  const rules = [...set.rules.values()].filter(({ shadow }) => !shadow)
  const factual = rules.filter(
    ({ policy: { facts } }) => facts === null || documentFacts.some((fact) => facts.has(fact)),
  )
  // by principal, so that the cost does not grow with the bindings of others
  const ofAll = factual.filter(({ principal }) => principal === null)
  const byPrincipal = createUidMap<Rule[]>()
  for (const rule of factual) {
    if (rule.principal === null) continue
    const own = byPrincipal.get(rule.principal) ?? []
    byPrincipal.set(rule.principal, own)
    own.push(rule)
  }
  const byType = new Map<string, Rule[]>()
  for (const rule of rules) {
    for (const type of new Set(uidsOf(rule).map((uid) => uid.type))) {
      const naming = byType.get(type) ?? []
      byType.set(type, naming)
      naming.push(rule)
    }
  }

  return (principal, operation, collection) => {
    const named = collection ? typesOf(operation).flatMap((type) => byType.get(type) ?? []) : []
    if (factual.length === 0 && named.length === 0) return null
    const callers = principalUids(principal)
    const asked = set.words.actionOf(operation).uids
    const within = placesOf(operation, collection)
    const applies = ({ principal: who, resource, policy: { actions, kind } }: Rule): boolean =>
      (who === null || callers.some((uid) => uid.type === who.type && uid.id === who.id)) &&
      (actions === null || asked.some(({ id }) => actions.includes(id))) &&
      (kind === null || kind === operation.resource.type) &&
      (resource === null || within(resource))
    const own = callers.flatMap((caller) => byPrincipal.get(caller) ?? [])
    const applying = [...ofAll, ...own].filter(applies)
    const naming = named.filter(applies)
    if (applying.length === 0 && naming.length === 0) return null
    return {
      facts: factsOf(applying, documentFacts),
      named: naming.length > 0,
      policies: [...new Set([...applying, ...naming].map(({ id }) => id))],
    }
  }
}

function factsOf(
  rules: readonly Rule[],
  documentFacts: readonly string[],
): ReadonlySet<string> | null {
  const all = new Set<string>()
  for (const { policy } of rules) {
    if (policy.facts === null) return null
    for (const fact of policy.facts) if (documentFacts.includes(fact)) all.add(fact)
  }
  return all
}

function uidsOf({ resource, policy }: Rule): readonly Uid[] {
  return [...(resource === null ? [] : [resource]), ...(policy.named ?? [])]
}

/** Whether an entity is what the operation is about, something around it or, of a collection, something in it. */
function placesOf(operation: Operation, collection: boolean): (uid: Uid) => boolean {
  const around = resourceUids(operation)
  // a run is in its workspace, whichever of its experiments it was listed for
  const container = `${operation.scope ?? operation.resource.ancestors[0]?.id ?? ''}/`
  return (uid) =>
    around.some(({ type, id }) => type === uid.type && id === uid.id) ||
    (collection && uid.id.startsWith(container))
}

/** Types by which the members of a collection can differ: their own, and what they are in but the list is not. */
function typesOf({ resource }: Operation): readonly string[] {
  const above = resource.ancestors.map(({ type }) => type)
  const between = CONTAINERS.includes(resource.type)
    ? CONTAINERS.filter((type) => !above.includes(type))
    : []
  return [resource.type, ...between]
}
