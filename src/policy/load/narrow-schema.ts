/**
 * The schema as far as some policies can tell it apart. Cedar checks a policy once for every kind of principal, action
 * and resource that can meet, which are five thousand; most of them differ only in names that the policy does not have.
 * @module
 */
import type { ActionType, EntityType, SchemaJson } from '@cedar-policy/cedar-wasm/nodejs'

/** `\u{72}ead` is a way to write `read`. */
const WRITTEN_IN_CODE = /\\[ux]/u

/**
 * A schema under which Cedar finds these texts valid if it finds them valid under the whole one. Types and actions that
 * the texts do not name, and that belong to the same of those that they name, are in it once.
 *
 * It answers yes or no only: what is wrong must be asked of the whole schema, which has all words.
 * @param whole of entities without attributes, of actions that belong to groups and groups that belong to nothing, and
 *   of one type of context
 * @param principals types that stay, whether named or not
 */
export function narrowSchema(
  whole: SchemaJson<string>,
  principals: readonly string[],
  texts: readonly string[],
): SchemaJson<string> {
  const schema = whole['']
  if (schema === undefined || texts.some((text) => WRITTEN_IN_CODE.test(text))) return whole
  const identifiers = texts.flatMap((text) => text.match(/\w+/gu) ?? [])
  const types = narrowTypes(schema.entityTypes, new Set([...principals, ...identifiers]))
  // what is between two quotes is every string, and also what is between two strings
  const strings = new Set(texts.flatMap((text) => text.split('"')))
  const actions = narrowActions(schema.actions, strings, types.standInFor)
  return { '': { ...schema, entityTypes: types.narrowed, actions } }
}

type EntityTypes = Readonly<Record<string, EntityType<string>>>
type StandInFor = (type: string) => string

function narrowTypes(
  types: EntityTypes,
  named: ReadonlySet<string>,
): { narrowed: Record<string, EntityType<string>>; standInFor: StandInFor } {
  const names = Object.keys(types)
  const above = new Map(names.map((type) => [type, ancestorsOf(type, types)]))
  const isIn = (type: string, other: string): boolean => above.get(type)?.has(other) === true
  const asked = names.filter((type) => named.has(type))
  const firsts = new Map<string, string>()
  const standIns = new Map<string, string>()
  for (const type of names) {
    const relations = asked.map((other) => [isIn(type, other), isIn(other, type)])
    const key = named.has(type) ? type : JSON.stringify(relations)
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
  const narrowed = new Map<string, { id: string; action: ActionType<string> }>()
  for (const [id, action] of Object.entries(actions)) {
    const { appliesTo } = action
    const memberOf = (action.memberOf ?? []).filter((group) => named.has(group.id))
    if (appliesTo === undefined) {
      if (named.has(id)) narrowed.set(`named ${id}`, { id, action })
      continue
    }
    const key = named.has(id)
      ? `named ${id}`
      : JSON.stringify([memberOf.map((group) => group.id), appliesTo.principalTypes])
    const first = narrowed.get(key)
    const before = first?.action.appliesTo?.resourceTypes ?? []
    // on every type that one of those is on, for which it stands
    const resourceTypes = [...new Set([...before, ...appliesTo.resourceTypes.map(standInFor)])]
    narrowed.set(key, {
      id: first?.id ?? id,
      action: { ...action, memberOf, appliesTo: { ...appliesTo, resourceTypes } },
    })
  }
  return Object.fromEntries([...narrowed.values()].map(({ id, action }) => [id, action]))
}
