/**
 * Azure's built-in roles that speak of Machine Learning, and the three general ones, as groups of actions
 * (Microsoft Learn: Azure built-in roles). What a role grants of other providers is left out.
 * @module
 */
import { PROVIDER } from '../../vocabulary/resource-types.ts'

/** One built-in role: `actions` less `notActions`, with Azure's wildcards. */
export interface BuiltinRole {
  readonly name: string
  /** Azure's role definition id, the same in every tenant. */
  readonly id: string
  readonly actions: readonly string[]
  readonly notActions: readonly string[]
}

/** `~` stands for the provider. */
const ROLES: readonly BuiltinRole[] = [
  {
    name: 'AzureML Data Scientist',
    id: 'f6c7c914-8db3-469d-8ca1-694a8f32e121',
    actions: [
      '~/workspaces/*/read',
      '~/workspaces/*/action',
      '~/workspaces/*/delete',
      '~/workspaces/*/write',
    ],
    notActions: [
      '~/workspaces/delete',
      '~/workspaces/write',
      '~/workspaces/computes/*/write',
      '~/workspaces/computes/*/delete',
      '~/workspaces/computes/listKeys/action',
      '~/workspaces/listKeys/action',
      '~/workspaces/hubs/write',
      '~/workspaces/hubs/delete',
      '~/workspaces/featurestores/write',
      '~/workspaces/featurestores/delete',
    ],
  },
  {
    name: 'AzureML Compute Operator',
    id: 'e503ece1-11d0-4e8e-8e2c-7a6c3bf38815',
    actions: ['~/workspaces/computes/*', '~/workspaces/notebooks/vm/*'],
    notActions: [],
  },
  {
    name: 'AzureML Registry User',
    id: '1823dd4f-9b8c-4ab6-ab4e-7397a3684615',
    actions: ['~/registries/read', '~/registries/assets/*'],
    notActions: [],
  },
  {
    name: 'AzureML Metrics Writer (preview)',
    id: '635dd51f-9968-44d3-b7fb-6d9a6bd613ae',
    actions: ['~/workspaces/metrics/*/write'],
    notActions: [],
  },
  {
    name: 'Azure Machine Learning Workspace Connection Secrets Reader',
    id: 'ea01e6af-a1c1-4350-9563-ad00f8c72ec5',
    actions: ['~/workspaces/connections/listsecrets/action', '~/workspaces/metadata/secrets/read'],
    notActions: [],
  },
  {
    name: 'Data Labeling - Labeler',
    id: 'c6decf44-fd0a-444c-a844-d653c394e7ab',
    actions: [
      '~/workspaces/read',
      '~/workspaces/experiments/runs/read',
      '~/workspaces/labeling/projects/read',
      '~/workspaces/labeling/projects/summary/read',
      '~/workspaces/labeling/labels/read',
      '~/workspaces/labeling/labels/write',
    ],
    notActions: [],
  },
  {
    name: 'AI Model Scanner Operator',
    id: '8b9beb50-e28c-4879-8472-24c9d328085f',
    actions: [
      '~/workspaces/read',
      '~/workspaces/models/read',
      '~/workspaces/models/versions/read',
      '~/workspaces/datastores/read',
      '~/workspaces/metadata/artifacts/read',
      '~/registries/read',
      '~/registries/assets/read',
    ],
    notActions: [],
  },
  {
    name: 'Azure AI Administrator',
    id: 'b78c5d69-af96-48a3-bf8d-a8b4d589de94',
    actions: ['~/workspaces/*'],
    notActions: [],
  },
  {
    name: 'Azure AI Developer',
    id: '64702f94-c441-49e6-a78b-ef80e0188fee',
    actions: [
      '~/workspaces/*/read',
      '~/workspaces/*/action',
      '~/workspaces/*/delete',
      '~/workspaces/*/write',
      '~/locations/*/read',
    ],
    notActions: [
      '~/workspaces/delete',
      '~/workspaces/write',
      '~/workspaces/listKeys/action',
      '~/workspaces/hubs/write',
      '~/workspaces/hubs/delete',
      '~/workspaces/featurestores/write',
      '~/workspaces/featurestores/delete',
      '~/workspaces/evaluations/results/labels/read',
      '~/workspaces/evaluations/results/reasonings/read',
      '~/workspaces/simulations/results/images/read',
    ],
  },
  {
    name: 'Azure AI Safety Evaluator',
    id: '11102f94-c441-49e6-a78b-ef80e0188abc',
    actions: ['~/workspaces/evaluations/*', '~/workspaces/simulations/*'],
    notActions: [],
  },
  {
    name: 'Azure AI Enterprise Network Connection Approver',
    id: 'b556d68e-0be0-4f35-a333-ad7ee1ce17ea',
    actions: [
      '~/registries/privateEndpointConnectionsApproval/action',
      '~/registries/privateEndpointConnections/read',
      '~/registries/privateEndpointConnections/write',
      '~/registries/privateLinkResources/read',
      '~/registries/read',
      '~/workspaces/privateEndpointConnectionsApproval/action',
      '~/workspaces/privateEndpointConnections/read',
      '~/workspaces/privateEndpointConnections/write',
      '~/workspaces/privateLinkResources/read',
      '~/workspaces/read',
    ],
    notActions: [],
  },
  {
    name: 'Azure AI Enterprise Networking Outbound Rules Operator',
    id: '25cabde7-1a6c-4350-8877-cb6fe59f1399',
    actions: [
      '~/workspaces/managedNetworks/read',
      '~/workspaces/managedNetworks/write',
      '~/workspaces/managedNetworks/outboundRules/read',
      '~/workspaces/managedNetworks/outboundRules/write',
      '~/workspaces/managedNetworks/outboundRules/delete',
      '~/workspaces/managedNetworks/batchOutboundRules/action',
    ],
    notActions: [],
  },
  {
    name: 'Reader',
    id: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
    actions: ['*/read'],
    notActions: [],
  },
  {
    name: 'Contributor',
    id: 'b24988ac-6180-42a0-ab88-20f7382dd24c',
    actions: ['*'],
    notActions: [
      'Microsoft.Authorization/*/Delete',
      'Microsoft.Authorization/*/Write',
      'Microsoft.Authorization/elevateAccess/Action',
      'Microsoft.Blueprint/blueprintAssignments/write',
      'Microsoft.Blueprint/blueprintAssignments/delete',
      'Microsoft.Compute/galleries/share/action',
      'Microsoft.Purview/consents/write',
      'Microsoft.Purview/consents/delete',
      'Microsoft.Resources/deploymentStacks/manageDenySetting/action',
      'Microsoft.Subscription/cancel/action',
      'Microsoft.Subscription/enable/action',
    ],
  },
  { name: 'Owner', id: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635', actions: ['*'], notActions: [] },
]

function expand(pattern: string): string {
  return pattern.replace(/^~/u, PROVIDER)
}

export const BUILTIN_ROLES: readonly BuiltinRole[] = Object.freeze(
  ROLES.map((role) => ({
    ...role,
    actions: role.actions.map(expand),
    notActions: role.notActions.map(expand),
  })),
)

/**
 * A test of action names against one pattern. `*` stands for any characters, slashes too, without regard to case;
 * between slashes it may stand for nothing at all: `computes/*` + `/write` covers `computes/write`, or the Data
 * Scientist role could create compute after all.
 */
export function patternTest(pattern: string): (action: string) => boolean {
  const source = pattern
    .split('/')
    .map((segment, at, all) => {
      if (segment === '*' && at > 0 && at < all.length - 1) return '(?:/.*)?'
      const text = segment.replace(/[.+?^${}()|[\]\\]/gu, String.raw`\$&`).replaceAll('*', '.*')
      return at === 0 ? text : `/${text}`
    })
    .join('')
  const expression = new RegExp(`^${source}$`, 'iu')
  return (action) => expression.test(action)
}

/** Whether a role's permissions cover an action, as Azure evaluates one role assignment. */
export function roleTest(role: BuiltinRole): (action: string) => boolean {
  const granted = role.actions.map(patternTest)
  const excepted = role.notActions.map(patternTest)
  return (action) => granted.some((test) => test(action)) && !excepted.some((test) => test(action))
}
