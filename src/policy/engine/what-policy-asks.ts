/**
 * What has to be read before policy can judge: the body of a request, the document that a call is about, or neither.
 *
 * Most policies ask for neither: then bodies and answers stream through unread, and nothing is looked up.
 * @module
 */
import type { Operation } from '../../vocabulary/operation.ts'
import type { Principal } from '../../identity/principal.ts'
import { asksForBody } from '../effects.ts'
import type { Uid } from '../load/conditions.ts'
import { canHave } from '../facts.ts'
import { createUidMap, principalUids, resourceUids } from './entities.ts'
import type { PolicySet, Rule } from '../load/rules.ts'
import type { Policy } from '../load/source.ts'

const CONTAINERS = ['Workspace', 'Registry', 'ResourceGroup']

/** What policy asks of the documents that a call is about. */
export interface DocumentNeeds {
  /** Facts of documents that policies ask for, perhaps none; null for all of them. */
  readonly facts: ReadonlySet<string> | null
  /** Whether policies name single documents, so that their ids have to be known. */
  readonly named: boolean
  /** Ids of the policies that ask for facts or name documents. */
  readonly policies: readonly string[]
}

/**
 * What policy asks of the documents that an operation is about; null if its answer is the same for all of them.
 * @param collection the operation is about the members of a collection
 */
export type NeedsDocument = (
  principal: Principal,
  operation: Operation,
  collection: boolean,
) => DocumentNeeds | null

/** @param documentFacts facts that only a document of Azure's tells */
export function createNeedsDocument(
  set: PolicySet,
  documentFacts: readonly string[],
): NeedsDocument {
  const rules = [...set.rules.values()].filter(({ shadow }) => !shadow)
  const factual = rules.filter(
    ({ policy: { facts } }) => facts === null || documentFacts.some((fact) => facts.has(fact)),
  )
  const factualFor = createRulesFor(factual)
  const byType = new Map<string, Rule[]>()
  for (const rule of rules) {
    for (const type of new Set(uidsOf(rule).map((uid) => uid.type))) {
      const naming = byType.get(type) ?? []
      byType.set(type, naming)
      naming.push(rule)
    }
  }

  return (principal, operation, collection) => {
    const unknown = unknownAround(operation)
    const types = collection ? [...typesOf(operation), ...unknown] : unknown
    const named = types.flatMap((type) => byType.get(type) ?? [])
    if (factual.length === 0 && named.length === 0) return null
    const callers = principalUids(principal)
    const asked = set.words.actionOf(operation).uids
    const within = placesOf(operation, collection || unknown.length > 0)
    const applies = ({ principal: who, resource, policy: { actions, kind } }: Rule): boolean =>
      (who === null || callers.some((uid) => uid.type === who.type && uid.id === who.id)) &&
      (actions === null || asked.some(({ id }) => actions.includes(id))) &&
      (kind === null || kind === operation.resource.type) &&
      (resource === null || within(resource))
    const possible = documentFacts.filter((fact) => canHave(operation.resource.type, fact))
    const applying = factualFor(callers).filter((rule) => applies(rule) && asksFor(rule, possible))
    const naming = named.filter(applies)
    if (applying.length === 0 && naming.length === 0) return null
    return {
      facts: factsOf(applying, possible),
      named: naming.length > 0,
      policies: [...new Set([...applying, ...naming].map(({ id }) => id))],
    }
  }
}

/** Whether a policy that can apply to a call asks for a fact of its body, or has an effect on it. */
export type NeedsBody = (principal: Principal, operation: Operation) => boolean

/**
 * @param documentFacts facts that only a body can tell
 * @param isChanged whether effects change the bodies of a type of resource
 */
export function createNeedsBody(
  set: PolicySet,
  documentFacts: readonly string[],
  isChanged: (type: string) => boolean,
): NeedsBody {
  const reads = (policy: Policy): boolean =>
    policy.facts === null ||
    asksForBody(policy, 'read') ||
    ['bodyDigest', ...documentFacts].some((fact) => policy.facts?.has(fact) === true)
  // worked out once for a set of policies: it would be asked of each rule at each call
  const rules = [...set.rules.values()].filter(
    ({ policy }) => reads(policy) || asksForBody(policy, 'changed'),
  )
  const reading = new Set(rules.filter(({ policy }) => reads(policy)))
  const rulesFor = createRulesFor(rules)

  return (principal, operation) => {
    if (!operation.inspectable) return false
    const { uids } = set.words.actionOf(operation)
    const places = resourceUids(operation)
    const changed = isChanged(operation.resource.type)
    const applies = (rule: Rule): boolean => {
      const { actions } = rule.policy
      const { resource } = rule
      return (
        (changed || reading.has(rule)) &&
        (actions === null || uids.some(({ id }) => actions.includes(id))) &&
        (resource === null ||
          places.some(({ type, id }) => type === resource.type && id === resource.id))
      )
    }
    return rulesFor(principalUids(principal)).some(applies)
  }
}

/** Rules by the principal of their scope, so that the cost of a call does not grow with the bindings of others. */
function createRulesFor(rules: readonly Rule[]): (callers: readonly Uid[]) => readonly Rule[] {
  const ofAll = rules.filter(({ principal }) => principal === null)
  const byPrincipal = createUidMap<Rule[]>()
  for (const rule of rules) {
    if (rule.principal === null) continue
    const own = byPrincipal.get(rule.principal) ?? []
    byPrincipal.set(rule.principal, own)
    own.push(rule)
  }
  return (callers) => [...ofAll, ...callers.flatMap((caller) => byPrincipal.get(caller) ?? [])]
}

function asksFor({ policy: { facts } }: Rule, possible: readonly string[]): boolean {
  return facts === null || possible.some((fact) => facts.has(fact))
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

/** MLflow's things that are in an experiment, which their paths do not name. */
const IN_EXPERIMENTS: ReadonlySet<string> = new Set(['Trace', 'LoggedModel'])

/** Types of what the thing is in and the call does not name. */
function unknownAround({ resource }: Operation): readonly string[] {
  if (!IN_EXPERIMENTS.has(resource.type)) return []
  return resource.ancestors.some(({ type }) => type === 'Experiment') ? [] : ['Experiment']
}

/** Types by which the members of a collection can differ: their own, and what they are in but the list is not. */
function typesOf({ resource }: Operation): readonly string[] {
  const above = resource.ancestors.map(({ type }) => type)
  const between = CONTAINERS.includes(resource.type)
    ? CONTAINERS.filter((type) => !above.includes(type))
    : []
  return [resource.type, ...between]
}
