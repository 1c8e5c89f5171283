/**
 * Roles and assignments as the policies of a gateway need them, at the lab's Resource Manager.
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { Lab } from '../../../lab/lab.ts'
import { IDENTITIES, SUBSCRIPTION } from '../../../lab/personas.ts'
import { request } from '../../../lab/server/http.ts'
import { policyOf } from '../../../src/cli/policy/options.ts'
import { azureRoles } from '../../../src/policy/review/export/azure-role.ts'
import { grantsOf, type Grants } from '../../../src/policy/review/export/grants.ts'
import { ioOf } from '../../cli/support/run.ts'

const AUTH = 'providers/Microsoft.Authorization'
const DEFINITIONS = `/subscriptions/${SUBSCRIPTION}/${AUTH}/roleDefinitions`

/** A role definition as ARM takes it. */
export interface RoleBody {
  readonly name: string
  readonly properties: {
    readonly roleName: string
    readonly permissions: readonly { readonly actions: readonly string[] }[]
  }
}

/** Object id of an identity of the lab. */
export const objectIdOf = (name: string): string =>
  IDENTITIES.find((one) => one.name === name)?.oid ?? ''

/** What the policies of a configuration need. */
export async function neededBy(config: string): Promise<Grants> {
  const { set } = await policyOf({ config }, ioOf({}))
  return grantsOf(set)
}

/** PUTs as an identity of the lab that may write. @throws Error unless it was made */
export async function putAtArm(lab: Lab, path: string, body: object): Promise<void> {
  const writer = IDENTITIES.find(({ may }) => may === 'write')
  if (writer === undefined) throw new Error('the lab has no identity that may write')
  const token = await lab.identities.mint(writer, 'https://management.azure.com')
  const answer = await request(`${lab.urls.upstream}${path}?api-version=2022-04-01`, {
    ca: lab.certificates.ca,
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${answer.text()}`)
}

export const putRole = (lab: Lab, { name, properties }: RoleBody): Promise<void> =>
  putAtArm(lab, `${DEFINITIONS}/${name}`, { properties })

/** Replaces all assignments of the lab by those that the policies need; resolves with the roles. */
export async function deployRoles(lab: Lab, config: string): Promise<readonly RoleBody[]> {
  const grants = await neededBy(config)
  const roles = azureRoles(grants) as readonly RoleBody[]
  for (const role of roles) await putRole(lab, role)
  lab.roles.assign([])
  for (const { role, identity, scope } of grants.assignments) {
    const guid = grants.roles.find(({ id }) => id === role)?.guid
    await putAtArm(lab, `${scope}/${AUTH}/roleAssignments/${randomUUID()}`, {
      properties: {
        roleDefinitionId: `${DEFINITIONS}/${guid}`,
        principalId: objectIdOf(identity),
        principalType: 'ServicePrincipal',
      },
    })
  }
  return roles
}
