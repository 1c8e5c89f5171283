/**
 * What Azure grants the managed identities, compared with what the policies need.
 * @module
 */
import { roleTest } from '../load/builtin-roles.ts'
import type { Grants } from './export/grants.ts'
import { fieldsOf, membersOf, type Members } from '../../lib/strict-json.ts'
import { PROVIDER } from '../../vocabulary/resource-types.ts'

/** GETs a path of ARM, or an absolute `nextLink` of it, and answers with its JSON. */
export type ArmFetch = (pathOrUrl: string) => Promise<unknown>

/** A role that an identity has somewhere. */
interface Assigned {
  readonly role: string
  readonly scope: string
  /** Of Azure's attribute-based access control; null if it holds without any. */
  readonly condition: string | null
}

/** One identity on one scope. */
export interface Drift {
  readonly identity: string
  readonly scope: string
  /** Needed and not granted: calls that policy permits and Azure will refuse. */
  readonly missing: readonly string[]
  /**
   * Granted and not needed: calls that Azure would allow should policy fail. Actions of Azure ML by name; what a role
   * grants of other providers or of data, as the role has it.
   */
  readonly excess: readonly string[]
  /** Assignments that come from above the scope, by their own scope. */
  readonly inherited: readonly string[]
  /** What counts there. One with a condition, which is not evaluated, may grant less than its role: it does not count against `missing`. */
  readonly assigned: readonly Assigned[]
}

/** Whether Azure grants anything else than the policies need, or under conditions that nobody evaluates here. */
export function isDrift({ missing, excess, assigned }: Drift): boolean {
  return missing.length > 0 || excess.length > 0 || assigned.some((one) => one.condition !== null)
}

const API_VERSION = 'api-version=2022-04-01'

/** @throws Error if it is anything but a list of texts; nothing at all is an empty one */
function strings(value: unknown, what: string): string[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
    throw new Error(`ARM did not answer with a list of texts as "${what}"`)
  return value
}

/** @throws Error if it is no text */
function text(members: Members, name: string): string {
  const value = members.get(name)
  if (typeof value !== 'string') throw new Error(`ARM answered without "${name}"`)
  return value
}

/** All pages of a list. @throws Error if ARM answers with anything but a list */
export async function pages(fetch: ArmFetch, first: string): Promise<Members[]> {
  const found: Members[] = []
  let next: unknown = first
  while (typeof next === 'string') {
    const page = fieldsOf(await fetch(next))
    const value: unknown = page.get('value')
    if (!Array.isArray(value)) throw new Error('ARM did not answer with a list')
    found.push(...value.map(fieldsOf))
    next = page.get('nextLink') ?? null
  }
  if (next !== null) throw new Error('ARM names a next page that is no address')
  return found
}

/** What a role definition grants. */
interface Definition {
  readonly name: string
  /** Of control, not of data. */
  readonly grants: (action: string) => boolean
  /** As it is written, without what its `notActions` take back as a whole. */
  readonly patterns: readonly Pattern[]
}
interface Pattern {
  readonly text: string
  /** Of what it covers, what its `notActions` leave. */
  readonly grants: (action: string) => boolean
  readonly isData: boolean
}

/** What one entry of `permissions` grants. */
function patternsIn(permission: Members): readonly Pattern[] {
  return [
    { kind: 'actions', not: 'notActions', isData: false },
    { kind: 'dataActions', not: 'notDataActions', isData: true },
  ].flatMap(({ kind, not, isData }) => {
    const notActions = strings(permission.get(not), not)
    return strings(permission.get(kind), kind).map((one) => ({
      text: one,
      grants: roleTest({ name: '', id: '', actions: [one], notActions }),
      isData,
    }))
  })
}

async function definitionOf(fetch: ArmFetch, id: string): Promise<Definition> {
  const properties = fieldsOf(fieldsOf(await fetch(`${id}?${API_VERSION}`)).get('properties'))
  const permissions = properties.get('permissions')
  const entries = Array.isArray(permissions) ? permissions.map(membersOf) : [null]
  const patterns = entries.flatMap((permission) => {
    if (permission === null) throw new Error(`ARM does not say what the role ${id} grants`)
    return patternsIn(permission)
  })
  const roleName = properties.get('roleName')
  return {
    name: typeof roleName === 'string' ? roleName : id,
    grants: (action) => patterns.some((one) => !one.isData && one.grants(action)),
    patterns: patterns.filter((one) => one.grants(one.text)),
  }
}

/** A test of what a role definition grants, by its ARM id. @throws Error if ARM cannot be asked */
export async function roleOf(fetch: ArmFetch, id: string): Promise<(action: string) => boolean> {
  const { grants } = await definitionOf(fetch, id)
  return grants
}

interface Held extends Assigned {
  readonly definition: Definition
}

/** Reads assignments, each definition once. */
function createReader(fetch: ArmFetch) {
  const definitions = new Map<string, Promise<Definition>>()
  /** What ARM lists for the principal at a scope: there, above and below, by groups as well. */
  return async (at: string, principal: string): Promise<Held[]> => {
    const filter = encodeURIComponent(`assignedTo('${principal}')`)
    const path = `${at}/providers/Microsoft.Authorization/roleAssignments?${API_VERSION}&$filter=${filter}`
    const held: Held[] = []
    for (const one of await pages(fetch, path)) {
      const properties = fieldsOf(one.get('properties'))
      const id = text(properties, 'roleDefinitionId')
      const known = definitions.get(id) ?? definitionOf(fetch, id)
      definitions.set(id, known)
      const definition = await known
      const condition: unknown = properties.get('condition') ?? null
      held.push({
        role: definition.name,
        scope: text(properties, 'scope'),
        condition:
          condition === null || typeof condition === 'string'
            ? condition
            : JSON.stringify(condition),
        definition,
      })
    }
    return held
  }
}

/** What an identity has been assigned, and on which scopes it is compared. */
interface Examined {
  readonly identity: string
  readonly scopes: readonly string[]
  readonly held: readonly Held[]
}

export interface DriftOptions {
  /**
   * Whether all assignments in the subscriptions are looked at, wherever they are: roles on scopes that no policy needs
   * are found then, but whoever asks has to be allowed to read assignments on the whole subscription.
   */
  readonly everywhere?: boolean
  /** Examined everywhere, although policies need nothing of some of them any more; those of which they do if absent. */
  readonly identities?: readonly string[]
  /** Told of each list that was read, and of how many there are. */
  readonly onRead?: (of: number) => void
}

/**
 * Compares. Assignments of roles above a scope count there too, as they do in Azure. Those of groups that an identity
 * is a member of are found, because ARM's `assignedTo` filter follows groups.
 * @param principalIds object id of each managed identity, by its name
 * @param actions every action to compare over
 * @throws Error if ARM cannot be asked or answers with what cannot be understood: "no drift" would be wrong
 */
export async function findDrift(
  grants: Grants,
  principalIds: ReadonlyMap<string, string>,
  actions: readonly string[],
  fetch: ArmFetch,
  { everywhere = false, identities = grants.identities, onRead = () => {} }: DriftOptions = {},
): Promise<Drift[]> {
  const read = createReader(fetch)
  const wanted = new Map<string, { identity: string; at: string }>()
  const places = everywhere
    ? identities.flatMap((identity) => grants.subscriptions.map((at) => ({ identity, at })))
    : grants.assignments.map(({ identity, scope: at }) => ({ identity, at }))
  for (const one of places) wanted.set(`${one.identity} ${one.at}`, one)
  const found: Drift[] = []
  for (const { identity, at } of wanted.values()) {
    const principal = principalIds.get(identity)
    if (principal === undefined) throw new Error(`no object id for the identity "${identity}"`)
    const held = await read(at, principal)
    const scopes = everywhere ? scopesIn(grants, identity, at, held) : [at]
    found.push(...compare({ identity, scopes, held }, grants, actions))
    onRead(wanted.size)
  }
  return everywhere ? withoutRepeated(found) : found
}

/** Where policies need something of the identity in a subscription, and wherever else it has something. */
function scopesIn(
  { assignments }: Grants,
  identity: string,
  subscription: string,
  held: readonly Held[],
): readonly string[] {
  const needed = assignments.flatMap((one) =>
    one.identity === identity && isAtOrAbove(subscription, one.scope) ? [one.scope] : [],
  )
  const scopes = new Map<string, string>()
  for (const scope of [...needed, ...held.map((one) => one.scope)])
    if (!scopes.has(scope.toLowerCase())) scopes.set(scope.toLowerCase(), scope)
  return [...scopes.values()]
}

/** What is assigned above subscriptions is listed in each of them. */
function withoutRepeated(found: readonly Drift[]): Drift[] {
  return [
    ...new Map(found.map((one) => [`${one.identity} ${one.scope.toLowerCase()}`, one])).values(),
  ]
}

function compare(
  { identity, scopes, held }: Examined,
  grants: Grants,
  actions: readonly string[],
): readonly Drift[] {
  return scopes.map((scope) => {
    // ARM lists what is assigned below the scope, too
    const here = held.filter((one) => isAtOrAbove(one.scope, scope))
    const needed = neededAt(grants, identity, scope)
    const certain = here.filter(({ condition }) => condition === null)
    const granted = (action: string): boolean =>
      certain.some(({ definition }) => definition.grants(action))
    return {
      identity,
      scope,
      missing: actions.filter((action) => needed(action) && !granted(action)),
      excess: excessOf(here, needed, actions),
      inherited: here.flatMap((one) =>
        one.scope.toLowerCase() === scope.toLowerCase() ? [] : [one.scope],
      ),
      assigned: here.map(({ role, scope: at, condition }) => ({ role, scope: at, condition })),
    }
  })
}

function excessOf(
  held: readonly Held[],
  needed: (action: string) => boolean,
  actions: readonly string[],
): readonly string[] {
  const found = new Set<string>()
  for (const { patterns } of held.map(({ definition }) => definition)) {
    for (const { text: pattern, grants, isData } of patterns) {
      // a pattern within one that is needed grants nothing more than that
      if (!isData && needed(pattern)) continue
      const known = isData ? [] : actions.filter((action) => grants(action) && !needed(action))
      for (const action of known) found.add(action)
      const isOfAzureMl = pattern.toLowerCase().startsWith(`${PROVIDER.toLowerCase()}/`)
      if (known.length === 0 || !isOfAzureMl) found.add(pattern)
    }
  }
  return [...found]
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
    .map((role) => roleTest({ ...role, name: '', id: '' }))
  return (action) => tests.some((test) => test(action))
}
