/**
 * Whether the gateway's identities may do at Azure what the policies permit in this workspace.
 * @module
 */
import { findingsOf, type Finding } from '../../../doctor/finding.ts'
import { judgeDrift } from '../../../doctor/roles.ts'
import { findDrift } from '../../../policy/review/drift.ts'
import { grantsOf, type Grants } from '../../../policy/review/export/grants.ts'
import type { PolicySet } from '../../../policy/load/rules.ts'
import { unread } from '../azure.ts'
import { isAtOrAbove, type GatewaySide, type Subject } from './subject.ts'

const { failed, unverified } = findingsOf('roles')

/** What Azure has to grant for the calls of one workspace, and no others. */
export function grantsAt(policies: PolicySet, id: string): Grants {
  const all = grantsOf(policies)
  const assignments = all.assignments.filter(({ scope }) => isAtOrAbove(scope, id))
  const roles = new Set(assignments.map(({ role }) => role))
  const identities = new Set(assignments.map(({ identity }) => identity))
  return {
    identities: all.identities.filter((one) => identities.has(one)),
    roles: all.roles.filter((one) => roles.has(one.id)),
    assignments,
    subscriptions: all.subscriptions.filter((one) => isAtOrAbove(one, id)),
  }
}

export async function checkWorkspaceRoles({ id, azure, gateway }: Subject): Promise<Finding[]> {
  if (gateway === null) return [unverified(id, 'the gateway’s identities are not known', CONFIG)]
  const grants = grantsAt(gateway.policies, id)
  if (grants.assignments.length === 0)
    return [failed(id, 'no policy needs any identity here: every call is refused', BIND)]
  const found: Finding[] = []
  for (const identity of grants.identities)
    found.push(...(await checkIdentity(identity, id, grants, gateway, azure)))
  return found
}

export const CONFIG = 'give --config, the configuration of the gateway'
const BIND = 'bind a template: azureml-harness workspace onboard writes bindings'

async function checkIdentity(
  identity: string,
  id: string,
  grants: Grants,
  { policies, ids }: GatewaySide,
  azure: Subject['azure'],
): Promise<Finding[]> {
  const objectId = ids.get(identity)
  if (objectId === undefined)
    return [
      unverified(
        `identities.${identity}`,
        'its object id is not known',
        `give --principal ${identity}=OBJECT-ID: az identity show --query principalId`,
      ),
    ]
  const actions = [...new Set(policies.words.actions.map(({ name }) => name))]
  const own = grants.assignments.filter((one) => one.identity === identity)
  const here = { ...grants, assignments: own }
  const drift = await findDrift(here, new Map([[identity, objectId]]), actions, azure.fetch).catch(
    (error: unknown) => {
      throw unread(error, { id, permission: 'Microsoft.Authorization/roleAssignments/read' })
    },
  )
  return drift.map((one) => judgeDrift(one, `${identity} on ${one.scope}`))
}
