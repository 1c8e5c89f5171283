/**
 * What Azure grants the managed identities, compared with what the policies need.
 * @module
 */
import { roleTest } from '../load/builtin-roles.ts'
import type { Grants } from './export/grants.ts'
import { fieldsOf, type Members } from '../../lib/strict-json.ts'

/** GETs a path of ARM, or an absolute `nextLink` of it, and answers with its JSON. */
export type ArmFetch = (pathOrUrl: string) => Promise<unknown>

/** One identity on one scope. */
export interface Drift {
  readonly identity: string
  readonly scope: string
  /** Needed and not granted: calls that policy permits and Azure will refuse. */
  readonly missing: readonly string[]
  /** Granted and not needed: calls that Azure would allow should policy fail. */
  readonly excess: readonly string[]
  /** Assignments that come from above the scope, by their own scope. */
  readonly inherited: readonly string[]
}

const API_VERSION = 'api-version=2022-04-01'

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** All pages of a list. @throws Error if ARM answers with anything but a list */
export async function pages(fetch: ArmFetch, first: string): Promise<Members[]> {
  const found: Members[] = []
  let next: unknown = first
  while (typeof next === 'string') {
    const page = fieldsOf(await fetch(next))
    if (!Array.isArray(page.get('value'))) throw new Error('ARM did not answer with a list')
    found.push(...list(page.get('value')).map(fieldsOf))
    next = page.get('nextLink')
  }
  return found
}

/** A test of what a role definition grants, by its ARM id. @throws Error if ARM cannot be asked */
export async function roleOf(fetch: ArmFetch, id: string): Promise<(action: string) => boolean> {
  const properties = fieldsOf(fieldsOf(await fetch(`${id}?${API_VERSION}`)).get('properties'))
  const tests = list(properties.get('permissions')).map((permission) => {
    const members = fieldsOf(permission)
    const actions = strings(members.get('actions'))
    return roleTest({ name: '', id: '', actions, notActions: strings(members.get('notActions')) })
  })
  return (action) => tests.some((test) => test(action))
}

/**
 * Compares. Assignments of roles above a scope count there too, as they do in Azure. Those of groups that an identity
 * is a member of are found, because ARM's `assignedTo` filter follows groups.
 * @param principalIds object id of each managed identity, by its name
 * @param actions every action to compare over
 * @param onPlace told of each identity on a scope that is compared, and of how many there are
 * @throws Error if ARM cannot be asked: an answer of "no drift" would be wrong
 */
export async function findDrift(
  grants: Grants,
  principalIds: ReadonlyMap<string, string>,
  actions: readonly string[],
  fetch: ArmFetch,
  onPlace: (of: number) => void = () => {},
): Promise<Drift[]> {
  const roles = new Map<string, Promise<(action: string) => boolean>>()
  const places = new Map<string, { identity: string; scope: string }>()
  for (const { identity, scope } of grants.assignments)
    places.set(`${identity} ${scope}`, { identity, scope })
  const found: Drift[] = []
  for (const { identity, scope } of places.values()) {
    const principal = principalIds.get(identity)
    if (principal === undefined) throw new Error(`no object id for the identity "${identity}"`)
    const filter = encodeURIComponent(`assignedTo('${principal}')`)
    const assigned = await pages(
      fetch,
      `${scope}/providers/Microsoft.Authorization/roleAssignments?${API_VERSION}&$filter=${filter}`,
    )
    const tests: ((action: string) => boolean)[] = []
    const inherited: string[] = []
    for (const one of assigned) {
      const properties = fieldsOf(one.get('properties'))
      const at = String(properties.get('scope'))
      // ARM lists what is assigned below the scope, too
      if (!isAtOrAbove(at, scope)) continue
      if (at.toLowerCase() !== scope.toLowerCase()) inherited.push(at)
      const id = String(properties.get('roleDefinitionId'))
      const role = roles.get(id) ?? roleOf(fetch, id)
      roles.set(id, role)
      tests.push(await role)
    }
    const needed = neededAt(grants, identity, scope)
    const granted = (action: string): boolean => tests.some((test) => test(action))
    const missing = actions.filter((action) => needed(action) && !granted(action))
    const excess = actions.filter((action) => granted(action) && !needed(action))
    found.push({ identity, scope, missing, excess, inherited })
    onPlace(places.size)
  }
  return found
}

function isAtOrAbove(at: string, scope: string): boolean {
  return at === '/' || `${scope}/`.toLowerCase().startsWith(`${at}/`.toLowerCase())
}

/** What the policies need of an identity on a scope: of its own roles there and of those above. */
function neededAt(grants: Grants, identity: string, scope: string): (action: string) => boolean {
  const here = new Set(
    grants.assignments.flatMap((one) =>
      one.identity === identity && isAtOrAbove(one.scope, scope) ? [one.role] : [],
    ),
  )
  const tests = grants.roles
    .filter(({ id }) => here.has(id))
    .map((role) => roleTest({ name: '', id: '', actions: role.actions, notActions: [] }))
  return (action) => tests.some((test) => test(action))
}
