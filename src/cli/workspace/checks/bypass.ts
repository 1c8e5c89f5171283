/**
 * Who may still write in the workspace without the gateway: every role assignment that holds there, inherited ones too.
 * @module
 */
import { findingsOf, type Finding } from '../../../doctor/finding.ts'
import type { Members } from '../../../lib/strict-json.ts'
import { roleOf } from '../../../policy/review/drift.ts'
import { ACTIONS, type ActionWord } from '../../../vocabulary/actions.ts'
import { PROVIDER } from '../../../vocabulary/resource-types.ts'
import { unread, type Azure } from '../azure.ts'
import { policyPrincipals } from './assigned-policies.ts'
import { namesOf, type Names } from './names.ts'
import { CONFIG } from './roles.ts'
import { inside, principalsIn, text, type Subject } from './subject.ts'

const { ok, warning, failed, unverified } = findingsOf('bypass')

/** With this one gives oneself all others. */
const GRANTS_ROLES = 'Microsoft.Authorization/roleAssignments/write'
const ROLE_DEFINITIONS = 'Microsoft.Authorization/roleDefinitions/read'
const ASSIGNMENTS = 'Microsoft.Authorization/roleAssignments/read'

/** All that changes something in a workspace, or hands out a secret of it. */
const WRITES: readonly string[] = [...new Set(ACTIONS.filter(isWrite).map(({ name }) => name))]

/** Everybody with the role Reader may do all that is called `read`, whatever it does. */
function isWrite({ name, group, secrets }: ActionWord): boolean {
  if (!name.startsWith(`${PROVIDER}/workspaces/`) || name.endsWith('/read')) return false
  return group !== 'read' || secrets
}

/** One role assignment with which somebody can write around the gateway. */
export interface Bypass {
  readonly principalId: string
  /** `User`, `Group`, `ServicePrincipal` and others, as Azure says it. */
  readonly kind: string
  /** Null if it is not known. */
  readonly name: string | null
  readonly role: string
  /** Where it is assigned. */
  readonly scope: string
  /** How many actions that write, or return secrets, the role has here. */
  readonly actions: number
  /** Whether it can give itself and others any role. */
  readonly grantsRoles: boolean
}

/** Role assignments at, above and below the workspace that let somebody write, whoever it is. @throws Unread */
export async function readWriters(
  azure: Azure,
  id: string,
  roles: Map<string, Promise<Role>> = new Map(),
): Promise<readonly Omit<Bypass, 'name'>[]> {
  const assigned = await azure.list({
    id: `${id}/providers/Microsoft.Authorization/roleAssignments`,
    apiVersion: '2022-04-01',
    permission: ASSIGNMENTS,
  })
  const found: Omit<Bypass, 'name'>[] = []
  for (const one of assigned) {
    const properties = inside(one, 'properties')
    const definition = text(properties, 'roleDefinitionId')
    const read = roles.get(definition) ?? readRole(azure, definition)
    roles.set(definition, read)
    const role = await read
    if (role.actions === 0 && !role.grantsRoles) continue
    found.push({
      principalId: text(properties, 'principalId').toLowerCase(),
      kind: text(properties, 'principalType') || 'principal',
      scope: text(properties, 'scope') || scopeOf(one),
      role: role.name,
      actions: role.actions,
      grantsRoles: role.grantsRoles,
    })
  }
  return found
}

/** What a role lets somebody do in a workspace. */
export interface Role {
  readonly name: string
  readonly actions: number
  readonly grantsRoles: boolean
}

async function readRole(azure: Azure, id: string): Promise<Role> {
  try {
    const test = await roleOf(azure.fetch, id)
    const definition = await azure.get({
      id,
      apiVersion: '2022-04-01',
      permission: ROLE_DEFINITIONS,
    })
    return {
      name: definition === null ? id : text(inside(definition, 'properties'), 'roleName') || id,
      actions: WRITES.filter((action) => test(action)).length,
      grantsRoles: test(GRANTS_ROLES),
    }
  } catch (error) {
    throw unread(error, { id, permission: ROLE_DEFINITIONS })
  }
}

const scopeOf = (assignment: Members): string =>
  text(assignment, 'id').split('/providers/Microsoft.Authorization/roleAssignments/')[0] ?? ''

/** The writers besides the identities of the gateway, of the workspace itself and of Azure Policy. */
export async function readBypass(subject: Subject): Promise<readonly Bypass[]> {
  const { azure, id, gateway } = subject
  const own = new Set([
    ...[...(gateway?.ids.values() ?? [])].map((one) => one.toLowerCase()),
    ...principalsIn(subject.workspace),
    // who may not read the assignments is told so by their own check
    ...(await policyPrincipals(azure, id).catch(() => [])),
  ])
  const writers = (await readWriters(azure, id)).filter(({ principalId }) => !own.has(principalId))
  const names: Names = await namesOf(
    writers.map(({ principalId }) => principalId),
    gateway,
  )
  return writers.map((one) => ({ ...one, name: names.get(one.principalId) ?? null }))
}

export async function checkBypass(subject: Subject, bypass: readonly Bypass[]): Promise<Finding[]> {
  const { id, accepted } = subject
  const computes = new Map<string, string>()
  // who may not read the computes is told so by their own check
  for (const { name, principals } of await subject.computes().catch(() => []))
    for (const principal of principals) computes.set(principal, name)
  const unknown = unknownIdentities(subject)
  const found = bypass.map((one): Finding => {
    const where = `${one.kind} ${one.name === null ? '' : `"${one.name}" `}${one.principalId}`
    const what = describe(one, computes.get(one.principalId))
    if (accepted.has(one.principalId)) return warning(where, `${what}; accepted`, WATCH)
    if (one.kind === 'ServicePrincipal' && unknown !== null)
      return unverified(where, `${what}; it may be the gateway’s: ${unknown.what}`, unknown.next)
    return failed(where, what, adviceOn(one))
  })
  return found.length > 0 ? found : [ok(id, 'nobody but the gateway’s identities may write')]
}

const WATCH = 'look for its calls in Azure’s activity log: the gateway has no record of them'

function describe(one: Bypass, compute: string | undefined): string {
  const all = one.kind.toLowerCase().endsWith('group') ? 'all its members have' : 'has'
  const whose = compute === undefined ? '' : `, the identity of compute "${compute}",`
  const may =
    one.actions > 0
      ? `may do ${one.actions} ${one.actions === 1 ? 'action' : 'actions'} without the gateway`
      : ''
  const grants = one.grantsRoles ? 'can give itself any role' : ''
  const both = [may, grants].filter((part) => part !== '').join(', and ')
  const scope = one.scope === '' || one.scope === '/' ? '/' : one.scope
  return `${whose === '' ? '' : `${whose.slice(2)} `}${all} the role ${one.role} on ${scope}: ${both}`
}

const adviceOn = ({ principalId, role, scope }: Bypass): string =>
  `az role assignment delete --assignee ${principalId} --role "${role}" --scope ${scope === '' ? '/' : scope}; or --accept ${principalId}, if it has to stay`

/** Why a service principal may be the gateway's own without being known for it; null if all of those are known. */
function unknownIdentities({ gateway }: Subject): { what: string; next: string } | null {
  if (gateway === null) return { what: 'its identities are not known', next: CONFIG }
  const unknown = Object.entries(gateway.config.identities)
    .filter(([name, { kind }]) => kind !== 'on-behalf-of' && !gateway.ids.has(name))
    .map(([name]) => name)
  const [first] = unknown
  if (first === undefined) return null
  return {
    what: `the object id of ${unknown.join(', ')} is not known`,
    next: `give --principal ${first}=OBJECT-ID: az identity show --query principalId`,
  }
}
