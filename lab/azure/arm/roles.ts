/**
 * Role assignments and definitions as ARM lists them: which identity may do what on which scope.
 *
 * https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
 * @module
 */
import { randomUUID } from 'node:crypto'
import { armError } from './answers.ts'
import { ROLES_AROUND } from './around.ts'
import type { ArmPath } from './paths.ts'
import { json, type Answer, type Call } from '../../server/call.ts'
import { IDENTITIES, RESOURCE_GROUP, SUBSCRIPTION } from '../../personas.ts'

/** One assignment. */
export interface RoleAssignment {
  readonly principalId: string
  /** Name of the role. */
  readonly role: string
  /** A subscription, resource group or resource. */
  readonly scope: string
  /** A service principal if absent. */
  readonly kind?: 'User' | 'Group' | 'ServicePrincipal'
  /** Of attribute-based access control; none if absent. */
  readonly condition?: string
}

export interface Roles {
  /** Null if the path is about something else. */
  answer(call: Call, path: ArmPath): Promise<Answer | null>
  /** Everything that is assigned from now on. */
  assign(assignments: readonly RoleAssignment[]): void
  assignments(): readonly RoleAssignment[]
}

interface Definition {
  readonly guid: string
  readonly actions: readonly string[]
  readonly notActions: readonly string[]
  readonly dataActions?: readonly string[]
}
/** By the name of the role. */
type Definitions = ReadonlyMap<string, Definition>

/** Azure's own, with their ids, and one of the lab's. */
const DEFINITIONS: Definitions = new Map([
  [
    // a custom role: Azure's Reader lacks the actions that only read
    'Harness Reader',
    {
      guid: '66666666-6666-4666-8666-666666666601',
      actions: [
        '*/read',
        'Microsoft.MachineLearningServices/workspaces/checkComputeNameAvailability/action',
        'Microsoft.MachineLearningServices/workspaces/listConnectionModels/action',
        'Microsoft.MachineLearningServices/workspaces/computes/listNodes/action',
        'Microsoft.MachineLearningServices/workspaces/inferencePools/groups/getStatus/action',
        'Microsoft.MachineLearningServices/workspaces/onlineendpoints/deployments/getlogs/action',
      ],
      notActions: [],
    },
  ],
  ['Reader', { guid: 'acdd72a7-3385-48ef-bd42-f606fba81ae7', actions: ['*/read'], notActions: [] }],
  [
    'Contributor',
    {
      guid: 'b24988ac-6180-42a0-ab88-20f7382dd24c',
      actions: ['*'],
      notActions: [
        'Microsoft.Authorization/*/Delete',
        'Microsoft.Authorization/*/Write',
        'Microsoft.Authorization/elevateAccess/Action',
        'Microsoft.Blueprint/blueprintAssignments/write',
        'Microsoft.Blueprint/blueprintAssignments/delete',
        'Microsoft.Compute/galleries/share/action',
      ],
    },
  ],
  [
    'User Access Administrator',
    {
      guid: '18d7d88d-d35e-4fb5-a5c3-7773c20a72d9',
      actions: ['*/read', 'Microsoft.Authorization/*', 'Microsoft.Support/*'],
      notActions: [],
    },
  ],
  ...[...ROLES_AROUND].map(([name, guid]): [string, Definition] => [
    name,
    { guid, actions: [], notActions: [] },
  ]),
])

const IN_SUBSCRIPTION = `/subscriptions/${SUBSCRIPTION}`
const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${RESOURCE_GROUP}`

/** What the identities of the lab may do, in Azure's words. */
export function defaultAssignments(): RoleAssignment[] {
  return IDENTITIES.flatMap(({ oid, may }): RoleAssignment[] => {
    if (may === 'write') return [{ principalId: oid, role: 'Contributor', scope: GROUP }]
    // operations are followed at their subscription
    const reader = { principalId: oid, role: 'Harness Reader', scope: IN_SUBSCRIPTION }
    return may === 'read' ? [reader] : []
  })
}

function isWithin(scope: string, above: string): boolean {
  return `${scope}/`.toLowerCase().startsWith(`${above}/`.toLowerCase())
}

function define(guid: string, definitions: Definitions): Answer {
  for (const [roleName, one] of definitions) {
    const { guid: known, actions, notActions, dataActions = [] } = one
    if (known !== guid.toLowerCase()) continue
    return json(200, {
      id: `/providers/Microsoft.Authorization/roleDefinitions/${known}`,
      name: known,
      type: 'Microsoft.Authorization/roleDefinitions',
      properties: {
        roleName,
        type: DEFINITIONS.has(roleName) ? 'BuiltInRole' : 'CustomRole',
        permissions: [{ actions, notActions, dataActions, notDataActions: [] }],
        assignableScopes: ['/'],
      },
    })
  }
  return armError(404, 'RoleDefinitionDoesNotExist', `The role definition '${guid}' is unknown.`)
}

/** An assignment as ARM lists it. */
function shown(one: RoleAssignment & { readonly name: string }, definitions: Definitions): object {
  const { principalId, role, scope, condition, name, kind = 'ServicePrincipal' } = one
  return {
    id: `${scope}/providers/Microsoft.Authorization/roleAssignments/${name}`,
    name,
    type: 'Microsoft.Authorization/roleAssignments',
    properties: {
      roleDefinitionId: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/${definitions.get(role)?.guid ?? ''}`,
      principalId,
      principalType: kind,
      scope,
      ...(condition === undefined ? {} : { condition, conditionVersion: '2.0' }),
    },
  }
}

/** A body as a template or a script sends it. */
interface Sent {
  readonly properties?: {
    readonly roleName?: string
    readonly permissions?: readonly Partial<Definition>[]
    readonly roleDefinitionId?: string
    readonly principalId?: string
    readonly condition?: string
  }
}

export function createRoles(): Roles {
  let assigned = defaultAssignments().map((one) => ({ ...one, name: randomUUID() as string }))
  const definitions = new Map(DEFINITIONS)

  function putDefinition(guid: string, { properties = {} }: Sent): Answer {
    const { roleName = '', permissions: [permission] = [] } = properties
    if (roleName === '' || permission === undefined)
      return armError(400, 'InvalidRequestContent', 'The role has no name or no permissions.')
    for (const [name, one] of definitions) if (one.guid === guid) definitions.delete(name)
    const { actions = [], notActions = [], dataActions = [] } = permission
    definitions.set(roleName, { guid, actions, notActions, dataActions })
    const { body = '' } = define(guid, definitions)
    return { ...json(201, {}), body }
  }

  function putAssignment(scope: string, name: string, { properties = {} }: Sent): Answer {
    const guid = properties.roleDefinitionId?.split('/').at(-1)?.toLowerCase()
    const [role] = [...definitions].find(([, one]) => one.guid === guid) ?? []
    const { principalId = '', condition } = properties
    if (role === undefined || principalId === '')
      return armError(400, 'InvalidRequestContent', 'There is no such role, or no principal.')
    const one = { principalId: principalId.toLowerCase(), role, scope, name }
    const there = assigned.find((other) =>
      (['principalId', 'role', 'scope'] as const).every(
        (key) => other[key].toLowerCase() === one[key].toLowerCase(),
      ),
    )
    if (there !== undefined && there.name !== name)
      return armError(409, 'RoleAssignmentExists', 'The role assignment already exists.')
    assigned = assigned.filter((other) => other.name !== name)
    assigned.push({ ...one, ...(condition === undefined ? {} : { condition }) })
    return json(201, { name, properties })
  }

  async function change(call: Call, path: ArmPath, [type, name]: readonly [string, string]) {
    const scope = path.id.slice(0, path.id.toLowerCase().lastIndexOf('/providers/'))
    const kind = type.toLowerCase()
    if (kind !== 'roledefinitions' && kind !== 'roleassignments') return null
    if (call.method === 'DELETE' && kind === 'roleassignments') {
      assigned = assigned.filter((one) => one.name !== name)
      return json(200, {})
    }
    if (call.method !== 'PUT') return null
    const sent = JSON.parse((await call.body()).content?.toString('utf8') ?? '{}') as Sent
    return kind === 'roledefinitions'
      ? putDefinition(name.toLowerCase(), sent)
      : putAssignment(scope, name, sent)
  }

  function list(call: Call, scope: string): Answer {
    const filter = call.params.get('$filter') ?? ''
    const principal = /(?:assignedTo\('|principalId eq ')([0-9a-f-]+)'/i.exec(filter)?.[1]
    const above = /atScope\(\)/i.test(filter)
    const found = assigned.filter(
      (one) =>
        (isWithin(scope, one.scope) || (!above && isWithin(one.scope, scope))) &&
        (principal === undefined || one.principalId === principal.toLowerCase()),
    )
    return json(200, {
      value: found.map((one) => shown(one, definitions)),
    })
  }

  return {
    async answer(call, path) {
      if (path.namespace?.toLowerCase() !== 'microsoft.authorization') return null
      const [named] = path.pairs
      if (call.method !== 'GET' && named !== undefined && path.pairs.length === 1)
        return change(call, path, named)
      if (call.method !== 'GET') return null
      if (path.rest?.toLowerCase() === 'roleassignments' && path.pairs.length === 0)
        return list(call, path.id.slice(0, path.id.toLowerCase().lastIndexOf('/providers/')))
      const [type, name] = named ?? ['', '']
      return type.toLowerCase() === 'roledefinitions' && path.pairs.length === 1
        ? define(name, definitions)
        : null
    },
    assign(next) {
      assigned = next.map((one) => ({ ...one, name: randomUUID() }))
    },
    assignments: () => assigned,
  }
}
