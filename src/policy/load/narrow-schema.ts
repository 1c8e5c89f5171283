/**
 * The schema as far as some policies can tell it apart. Cedar checks a policy once for every kind of principal, action
 * and resource that can meet, which are five thousand; most of them differ only in names that the policy does not have.
 * @module
 */
import type {
  ActionType,
  CommonType,
  EntityType,
  SchemaJson,
} from '@cedar-policy/cedar-wasm/nodejs'

/** `\u{72}ead` is a way to write `read`. */
const WRITTEN_IN_CODE = /\\[ux]/u
/** The context in another way than by one of its facts: all of its type may matter. */
const CONTEXT_AS_A_WHOLE = /\bcontext\b(?!\s*(?:\.|\[|has\b))/u

/**
 * Makes, for texts of policies, a schema under which Cedar finds them valid if it finds them valid under the whole one.
 * Types and actions that the texts do not name, and that belong to the same of those that they name, are in it once.
 * Facts that the texts do not name are not in it.
 *
 * It answers yes or no only: what is wrong must be asked of the whole schema, which has all words.
 * @param whole of entities without attributes, of actions that belong to groups and groups that belong to nothing, and
 *   of one type of context
 * @param principals types that no other types stand in for
 */
export function createNarrowing(
  whole: SchemaJson<string>,
  principals: readonly string[],
): (texts: readonly string[]) => SchemaJson<string> {
  const schema = whole['']
  if (schema === undefined) return () => whole
  const types = createNarrowTypes(schema.entityTypes, new Set(principals))
  return (texts) => {
    if (texts.some((text) => WRITTEN_IN_CODE.test(text))) return whole
    const identifiers = texts.flatMap((text) => text.match(/\w+/gu) ?? [])
    const names = new Set(identifiers)
    const { narrowed, standInFor } = types(names)
    // what is between two quotes is every string, and also what is between two strings
    const strings = new Set(texts.flatMap((text) => text.split('"')))
    const actions = narrowActions(schema.actions, strings, standInFor)
    const commonTypes = texts.some((text) => CONTEXT_AS_A_WHOLE.test(text))
      ? (schema.commonTypes ?? {})
      : narrowFacts(schema.commonTypes ?? {}, names)
    return { '': { ...schema, commonTypes, entityTypes: narrowed, actions } }
  }
}

function narrowFacts(
  types: Readonly<Record<string, CommonType<string>>>,
  named: ReadonlySet<string>,
): Record<string, CommonType<string>> {
  const narrowed = Object.entries(types).map(([name, type]): [string, typeof type] => {
    if (type.type !== 'Record' || !('attributes' in type)) return [name, type]
    const attributes = Object.entries(type.attributes).filter(([fact]) => named.has(fact))
    return [name, { ...type, attributes: Object.fromEntries(attributes) }]
  })
  return Object.fromEntries(narrowed)
}

type EntityTypes = Readonly<Record<string, EntityType<string>>>
type StandInFor = (type: string) => string

function createNarrowTypes(
  types: EntityTypes,
  principals: ReadonlySet<string>,
): (named: ReadonlySet<string>) => {
  narrowed: Record<string, EntityType<string>>
  standInFor: StandInFor
} {
  const names = Object.keys(types)
  const above = new Map(names.map((type) => [type, ancestorsOf(type, types)]))
  const isIn = (type: string, other: string): boolean => above.get(type)?.has(other) === true
  return (named) => {
    const asked = names.filter((type) => named.has(type))
    const relations = (type: string): string =>
      asked.map((other) => (isIn(type, other) ? 'in' : isIn(other, type) ? 'over' : '')).join()
    const firsts = new Map<string, string>()
    const standIns = new Map<string, string>()
    for (const type of names) {
      const key = named.has(type) ? type : `${principals.has(type)} ${relations(type)}`
      if (!firsts.has(key)) firsts.set(key, type)
      standIns.set(type, firsts.get(key) ?? type)
    }
    const kept = [...firsts.values()]
    const narrowed = kept.map((type): [string, EntityType<string>] => [
      type,
      { memberOfTypes: kept.filter((other) => isIn(type, other)) },
    ])
    return {
      narrowed: Object.fromEntries(narrowed),
      standInFor: (type) => standIns.get(type) ?? type,
    }
  }
}

/** All types that an entity of a type can be in. */
function ancestorsOf(type: string, types: EntityTypes): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (at: string): void => {
    const entity = types[at]
    if (entity === undefined || !('memberOfTypes' in entity)) return
    for (const parent of entity.memberOfTypes ?? []) {
      if (found.has(parent)) continue
      found.add(parent)
      visit(parent)
    }
  }
  visit(type)
  return found
}

function narrowActions(
  actions: Readonly<Record<string, ActionType<string>>>,
  named: ReadonlySet<string>,
  standInFor: StandInFor,
): Record<string, ActionType<string>> {
  const narrowed: Record<string, ActionType<string>> = {}
  /** Of each kind of actions, the types that one of them is on: its first stands for all of them on all of those. */
  const kinds = new Map<string, string[]>()
  for (const [id, action] of Object.entries(actions)) {
    const { appliesTo } = action
    if (appliesTo === undefined) {
      if (named.has(id)) narrowed[id] = action
      continue
    }
    const memberOf = (action.memberOf ?? []).filter((group) => named.has(group.id))
    const principalTypes = [...new Set(appliesTo.principalTypes.map(standInFor))]
    const kind = named.has(id)
      ? `named ${id}`
      : `${memberOf.map((group) => group.id).join('\n')}\n\n${principalTypes.join()}`
    const resourceTypes = kinds.get(kind) ?? []
    if (!kinds.has(kind)) {
      kinds.set(kind, resourceTypes)
      const narrow = { ...appliesTo, principalTypes, resourceTypes }
      narrowed[id] = { ...action, memberOf, appliesTo: narrow }
    }
    for (const type of appliesTo.resourceTypes.map(standInFor))
      if (!resourceTypes.includes(type)) resourceTypes.push(type)
  }
  return narrowed
}
