/**
 * The kinds of things that policy can speak of, and which of them an action can be about.
 * @module
 */
import { PROVIDER } from './actions.ts'

/** A kind and the RBAC type path that it is published under. */
const TYPE_OF_PATH: readonly (readonly [path: string, type: string])[] = [
  ['workspaces', 'Workspace'],
  ['registries', 'Registry'],
  ['workspaces/jobs', 'Job'],
  ['workspaces/models', 'Model'],
  ['workspaces/models/versions', 'ModelVersion'],
  ['workspaces/data', 'Data'],
  ['workspaces/data/versions', 'DataVersion'],
  ['workspaces/datasets', 'Dataset'],
  ['workspaces/datasets/versions', 'DatasetVersion'],
  ['workspaces/datastores', 'Datastore'],
  ['workspaces/environments', 'Environment'],
  ['workspaces/environments/versions', 'EnvironmentVersion'],
  ['workspaces/components', 'Component'],
  ['workspaces/components/versions', 'ComponentVersion'],
  ['workspaces/codes', 'Code'],
  ['workspaces/codes/versions', 'CodeVersion'],
  ['workspaces/featuresets', 'Featureset'],
  ['workspaces/featuresets/versions', 'FeaturesetVersion'],
  ['workspaces/featurestoreentities', 'FeaturestoreEntity'],
  ['workspaces/featurestoreentities/versions', 'FeaturestoreEntityVersion'],
  // `Compute` is a principal: the identity of a cluster. The cluster itself is a target of calls.
  ['workspaces/computes', 'ComputeTarget'],
  ['workspaces/onlineEndpoints', 'OnlineEndpoint'],
  ['workspaces/onlineEndpoints/deployments', 'OnlineDeployment'],
  ['workspaces/batchEndpoints', 'BatchEndpoint'],
  ['workspaces/batchEndpoints/deployments', 'BatchDeployment'],
  ['workspaces/serverlessEndpoints', 'ServerlessEndpoint'],
  ['workspaces/endpoints', 'Endpoint'],
  ['workspaces/marketplaceSubscriptions', 'MarketplaceSubscription'],
  ['workspaces/schedules', 'Schedule'],
  ['workspaces/connections', 'Connection'],
  ['workspaces/experiments', 'Experiment'],
  ['workspaces/experiments/runs', 'Run'],
  ['workspaces/metadata/artifacts', 'Artifact'],
  ['workspaces/outboundRules', 'OutboundRule'],
  ['workspaces/managedNetworks', 'ManagedNetwork'],
  ['workspaces/privateEndpointConnections', 'PrivateEndpointConnection'],
  ['workspaces/capabilityHosts', 'CapabilityHost'],
]

/** Kinds that hold others. */
export const CONTAINERS = ['Subscription', 'ResourceGroup', 'Workspace', 'Registry'] as const

/** A kind without a type of its own. */
export const OTHER = 'Other'

const byPath = new Map(TYPE_OF_PATH.map(([path, type]) => [path.toLowerCase(), type]))

/** The kinds that this gateway has a type for; the catalog may know more. */
export const RESOURCE_TYPES: readonly string[] = Object.freeze([
  ...new Set([...CONTAINERS, ...TYPE_OF_PATH.map(([, type]) => type), OTHER]),
])

/** Kinds directly inside other kinds than a workspace or registry. */
const INSIDE = new Map([
  ['ModelVersion', 'Model'],
  ['DataVersion', 'Data'],
  ['DatasetVersion', 'Dataset'],
  ['EnvironmentVersion', 'Environment'],
  ['ComponentVersion', 'Component'],
  ['CodeVersion', 'Code'],
  ['FeaturesetVersion', 'Featureset'],
  ['FeaturestoreEntityVersion', 'FeaturestoreEntity'],
  ['OnlineDeployment', 'OnlineEndpoint'],
  ['BatchDeployment', 'BatchEndpoint'],
  ['Run', 'Experiment'],
  ['Artifact', 'Run'],
])

/** What a kind can be a part of, nearest first; empty for a subscription. */
export function parentsOf(type: string): readonly string[] {
  if (type === 'Subscription') return []
  if (type === 'ResourceGroup') return ['Subscription']
  if (type === 'Workspace' || type === 'Registry') return ['ResourceGroup', 'Subscription']
  const parent = INSIDE.get(type)
  return [...(parent === undefined ? [] : [parent]), 'Workspace', 'Registry', 'Subscription']
}

/**
 * The kinds that an action can be about: the kind that its name tells, what that is a part of (lists are asked of
 * the parent), and `Other`. The assets of a registry share one set of names. Used to check policies when they are
 * loaded, never to decide: there the catalog's own classification counts.
 */
export function resourceTypesOf(action: string, known: readonly string[]): string[] {
  const path = action
    .toLowerCase()
    .slice(PROVIDER.length + 1)
    .replace(/\/action$/u, '')
    .split('/')
  path.pop()
  const inRegistry = path[0] === 'registries'
  if (inRegistry && path[1] === 'assets') {
    return known.filter((type) => type !== 'Subscription' && type !== 'ResourceGroup')
  }
  const own: string[] = []
  for (let depth = path.length; depth > 0; depth--) {
    const type = byPath.get(path.slice(0, depth).join('/'))
    if (type !== undefined && known.includes(type)) own.push(type)
  }
  const outside = path[0] === 'workspaces' || inRegistry ? [] : ['Subscription']
  // a list of workspaces or registries is asked of a resource group or of a whole subscription
  const above = path.length === 1 && outside.length === 0 ? ['ResourceGroup', 'Subscription'] : []
  return [...new Set([...own, ...outside, ...above, OTHER])]
}
