/**
 * What a binding refers to: principals and resources by their ids, or by the names that `groups` and `workspaces` of
 * `bindings.yaml` give to them.
 * @module
 */
import { isMap, isScalar, type YAMLMap } from 'yaml'
import { suggest } from './faults.ts'
import type { Uid } from './conditions.ts'
import { textIn, type Add } from './yaml-mapping.ts'
import { GUID } from '../../lib/guid.ts'
import { GATEWAY } from '../../vocabulary/resource-types.ts'

/** Types of principals that can be bound. */
export const PRINCIPALS = ['User', 'Service', 'Compute', 'Group', 'Role', 'Workspace']
const UID = /^([A-Z][A-Za-z]*)::"([^"\\\s]+)"$/u
/** An issuer's name, then whatever that issuer's own ids are made of. */
const PRINCIPAL_ID = /^([a-z][a-z0-9-]{0,62})\/[^/].*$/u
/** No slash, so a name is never taken for an id. */
const NAME = /^[a-z][a-z0-9-]{0,62}$/u

const SUBSCRIPTION = `/subscriptions/${GUID}`
const GROUP = `${SUBSCRIPTION}/resourcegroups/[^/]{1,90}`
const PROVIDER = `${GROUP}/providers/microsoft\\.machinelearningservices`
const RESOURCE_IDS: ReadonlyMap<string, RegExp> = new Map([
  ['Subscription', new RegExp(`^${SUBSCRIPTION}$`, 'u')],
  ['ResourceGroup', new RegExp(`^${GROUP}$`, 'u')],
  ['Workspace', new RegExp(`^${PROVIDER}/workspaces/[^/]{1,255}$`, 'u')],
  ['Registry', new RegExp(`^${PROVIDER}/registries/[^/]{1,255}$`, 'u')],
  [GATEWAY.type, new RegExp(`^${GATEWAY.id}$`, 'u')],
])

/** Which type each list of names is for. */
const LISTS = { groups: 'Group', workspaces: 'Workspace' } as const

/** The keys of the lists of names. */
export const NAME_LISTS = Object.keys(LISTS)

/** Ids by `<type> <name>`. */
export type NamedIds = ReadonlyMap<string, string>

/** A reference and where it is written. */
export interface Placed {
  readonly uid: Uid
  readonly node: unknown
}

/** Reads `groups` and `workspaces`: ids by name. A name that is given twice is refused by YAML itself. */
export function readNames(top: YAMLMap, issuers: readonly string[], add: Add): NamedIds {
  const names = new Map<string, string>()
  for (const [list, type] of Object.entries(LISTS)) {
    const map: unknown = top.get(list, true)
    if (map === undefined) continue
    if (!isMap(map)) {
      add(map, `"${list}" is a mapping of names to ids`)
      continue
    }
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : ''
      const id = isScalar(value) && typeof value.value === 'string' ? value.value : ''
      if (!NAME.test(name))
        add(key, `"${name}" is not a name: lower-case letters, digits and hyphens`)
      const uid = { type, id }
      if (type === 'Group') checkPrincipal({ uid, node: value }, issuers, add)
      else checkResource({ uid, node: value }, add)
      names.set(`${type} ${name}`, id)
    }
  }
  return names
}

/** `Type::"id"` or `Type::"name"` as it stands in a binding; null if it is neither, and then there is a fault. */
export function readReference(
  { value, node }: { readonly value: string; readonly node: unknown },
  names: NamedIds,
  add: Add,
): Placed | null {
  if (value === '') return null
  const [, type, id] = UID.exec(value) ?? []
  if (type === undefined || id === undefined) {
    add(node, `"${value}" is not a reference`, 'write Type::"id"')
    return null
  }
  if (!NAME.test(id) || !namesOf(names, type).length) return { uid: { type, id }, node }
  const named = names.get(`${type} ${id}`)
  if (named === undefined) {
    add(node, `no ${type} is called "${id}"`, suggest(id, namesOf(names, type)))
    return null
  }
  return { uid: { type, id: named }, node }
}

/** The same for an entry of a list. */
export function referenceAt(node: unknown, names: NamedIds, add: Add): Placed | null {
  const value = textIn(node)
  if (value === '') add(node, 'is no reference', 'write Type::"id"')
  return readReference({ value, node }, names, add)
}

/** What `bindings.yaml` calls a group or workspace; null if it has no name for it. */
export function nameOf(names: NamedIds, { type, id }: Uid): string | null {
  const start = `${type} `
  for (const [name, named] of names)
    if (named === id && name.startsWith(start)) return name.slice(start.length)
  return null
}

function namesOf(names: NamedIds, type: string): readonly string[] {
  const start = `${type} `
  return [...names.keys()].flatMap((name) =>
    name.startsWith(start) ? [name.slice(start.length)] : [],
  )
}

export function checkPrincipal({ uid, node }: Placed, issuers: readonly string[], add: Add): void {
  if (!PRINCIPALS.includes(uid.type)) {
    add(node, `"${uid.type}" cannot be bound as a principal`, suggest(uid.type, PRINCIPALS))
    return
  }
  if (uid.type === 'Workspace') {
    checkResource({ uid, node }, add)
    return
  }
  const [, issuer] = PRINCIPAL_ID.exec(uid.id) ?? []
  if (issuer === undefined) {
    add(
      node,
      `"${uid.id}" is not a principal's id`,
      'write "<issuer>/<tenant>/<object id>" or "<issuer>/<id>"',
    )
  } else if (issuers.length > 0 && !issuers.includes(issuer)) {
    add(node, `unknown issuer "${issuer}"`, suggest(issuer, issuers))
  }
}

export function checkResource({ uid, node }: Placed, add: Add): void {
  const form = RESOURCE_IDS.get(uid.type)
  if (form === undefined) {
    add(node, `"${uid.type}" cannot be bound as a resource`, suggest(uid.type, RESOURCE_IDS.keys()))
  } else if (uid.id !== uid.id.toLowerCase()) {
    add(
      node,
      `"${uid.id}" has upper-case letters: no request would match it`,
      `write "${uid.id.toLowerCase()}"`,
    )
  } else if (!form.test(uid.id)) {
    add(
      node,
      uid.type === GATEWAY.type
        ? `"${uid.id}" is no gateway`
        : `"${uid.id}" is not the ARM id of a ${uid.type}`,
      uid.type === GATEWAY.type ? `write ${GATEWAY.type}::"${GATEWAY.id}"` : undefined,
    )
  }
}
