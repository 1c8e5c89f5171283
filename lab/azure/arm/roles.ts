/**
 * Role assignments and definitions as ARM lists them: which identity may do what on which scope.
 *
 * https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
 * @module
 */
import { randomUUID } from 'node:crypto'
import { armError } from './answers.ts'
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
}

export interface Roles {
  /** Null if the path is about something else. */
  answer(call: Call, path: ArmPath): Answer | null
  /** Everything that is assigned from now on. */
  assign(assignments: readonly RoleAssignment[]): void
  assignments(): readonly RoleAssignment[]
}

interface Definition {
  readonly guid: string
  readonly actions: readonly string[]
  readonly notActions: readonly string[]
}

/** Azure's own, with their ids, and one of the lab's. */
const DEFINITIONS: ReadonlyMap<string, Definition> = new Map([
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

function define(guid: string): Answer {
  for (const [roleName, { guid: known, actions, notActions }] of DEFINITIONS) {
    if (known !== guid.toLowerCase()) continue
    return json(200, {
      id: `/providers/Microsoft.Authorization/roleDefinitions/${known}`,
      name: known,
      type: 'Microsoft.Authorization/roleDefinitions',
      properties: {
        roleName,
        type: 'BuiltInRole',
        permissions: [{ actions, notActions, dataActions: [], notDataActions: [] }],
        assignableScopes: ['/'],
      },
    })
  }
  return armError(404, 'RoleDefinitionDoesNotExist', `The role definition '${guid}' is unknown.`)
}

export function createRoles(): Roles {
  let assigned = defaultAssignments().map((one) => ({ ...one, name: randomUUID() }))

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
      value: found.map((one) => ({
        id: `${one.scope}/providers/Microsoft.Authorization/roleAssignments/${one.name}`,
        name: one.name,
        type: 'Microsoft.Authorization/roleAssignments',
        properties: {
          roleDefinitionId: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/${DEFINITIONS.get(one.role)?.guid ?? ''}`,
          principalId: one.principalId,
          principalType: one.kind ?? 'ServicePrincipal',
          scope: one.scope,
        },
      })),
    })
  }

  return {
    answer(call, path) {
      if (call.method !== 'GET' || path.namespace?.toLowerCase() !== 'microsoft.authorization')
        return null
      if (path.rest?.toLowerCase() === 'roleassignments' && path.pairs.length === 0)
        return list(call, path.id.slice(0, path.id.toLowerCase().lastIndexOf('/providers/')))
      const [type, name] = path.pairs[0] ?? ['', '']
      return type.toLowerCase() === 'roledefinitions' && path.pairs.length === 1
        ? define(name)
        : null
    },
    assign(next) {
      assigned = next.map((one) => ({ ...one, name: randomUUID() }))
    },
    assignments: () => assigned,
  }
}
