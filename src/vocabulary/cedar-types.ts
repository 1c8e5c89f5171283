/**
 * The kinds of things that policy can speak of, and which of them an action can be about.
 * @module
 */
import { PROVIDER } from './actions.ts'

/** A kind and the RBAC type path that it is published under. */
// prettier-ignore
const TYPE_OF_PATH: readonly (readonly [path: string, type: string])[] = [
  ['registries', 'Registry'],
  ['workspaces', 'Workspace'],
  ['workspaces/jobs', 'Job'],
  ['workspaces/jobs/operationresults', 'OperationStatus'],
  ['workspaces/schedules', 'Schedule'],
  ['workspaces/models', 'Model'],
  ['workspaces/models/versions', 'ModelVersion'],
  ['workspaces/data', 'Data'],
  ['workspaces/data/versions', 'DataVersion'],
  ['workspaces/datasets', 'Dataset'],
  ['workspaces/datasets/versions', 'DatasetVersion'],
  ['workspaces/codes', 'Code'],
  ['workspaces/codes/versions', 'CodeVersion'],
  ['workspaces/components', 'Component'],
  ['workspaces/components/versions', 'ComponentVersion'],
  ['workspaces/environments', 'Environment'],
  ['workspaces/environments/versions', 'EnvironmentVersion'],
  ['workspaces/featuresets', 'FeatureSet'],
  ['workspaces/featuresets/versions', 'FeatureSetVersion'],
  ['workspaces/featuresets/versions/features', 'Feature'],
  ['workspaces/featurestoreEntities', 'FeatureStoreEntity'],
  ['workspaces/featurestoreEntities/versions', 'FeatureStoreEntityVersion'],
  ['workspaces/features', 'WorkspaceFeature'],
  ['workspaces/datastores', 'Datastore'],
  // `Compute` is a principal: the identity of a cluster. The cluster itself is a target of calls.
  ['workspaces/computes', 'ComputeTarget'],
  ['workspaces/connections', 'Connection'],
  ['workspaces/connections/deployments', 'ConnectionDeployment'],
  ['workspaces/connections/models', 'ConnectionModel'],
  ['workspaces/connections/raiPolicies', 'RaiPolicy'],
  ['workspaces/connections/raiBlocklists', 'RaiBlocklist'],
  ['workspaces/connections/raiBlocklists/raiBlocklistItems', 'RaiBlocklistItem'],
  ['workspaces/onlineEndpoints', 'OnlineEndpoint'],
  ['workspaces/onlineEndpoints/operationresults', 'OperationStatus'],
  ['workspaces/onlineEndpoints/operationsstatus', 'OperationStatus'],
  ['workspaces/onlineEndpoints/deployments', 'OnlineDeployment'],
  ['workspaces/onlineEndpoints/deployments/operationresults', 'OperationStatus'],
  ['workspaces/onlineEndpoints/deployments/operationsstatus', 'OperationStatus'],
  ['workspaces/onlineEndpoints/deployments/skus', 'OnlineDeploymentSku'],
  ['workspaces/batchEndpoints', 'BatchEndpoint'],
  ['workspaces/batchEndpoints/jobs', 'BatchJob'],
  ['workspaces/batchEndpoints/deployments', 'BatchDeployment'],
  ['workspaces/batchEndpoints/deployments/jobs', 'BatchJob'],
  ['workspaces/serverlessEndpoints', 'ServerlessEndpoint'],
  ['workspaces/endpoints', 'Endpoint'],
  ['workspaces/endpoints/deployments', 'EndpointDeployment'],
  ['workspaces/endpoints/models', 'EndpointModel'],
  ['workspaces/marketplaceSubscriptions', 'MarketplaceSubscription'],
  ['workspaces/capabilityHosts', 'CapabilityHost'],
  ['workspaces/outboundRules', 'OutboundRule'],
  ['workspaces/outboundNetworkDependenciesEndpoints', 'OutboundDependency'],
  ['workspaces/managedNetworks', 'ManagedNetwork'],
  ['workspaces/managedNetworks/outboundRules', 'OutboundRule'],
  ['workspaces/privateEndpointConnections', 'PrivateEndpointConnection'],
  ['workspaces/privateEndpointConnectionProxies', 'PrivateEndpointConnectionProxy'],
  ['workspaces/privateLinkResources', 'PrivateLinkResource'],
  ['workspaces/linkedServices', 'LinkedService'],
  ['workspaces/eventGridFilters', 'EventGridFilter'],
  ['workspaces/datadriftdetectors', 'DataDriftDetector'],
  ['workspaces/experiments', 'Experiment'],
  ['workspaces/experiments/runs', 'Run'],
  ['workspaces/agents', 'Agent'],
  ['workspaces/hubs', 'Hub'],
  ['workspaces/hubs/policies', 'HubPolicy'],
  ['operations', 'ProviderOperation'],
  ['locations', 'Location'],
  ['locations/quotas', 'Quota'],
  ['locations/usages', 'Usage'],
  ['locations/quotaAndUsage', 'Usage'],
  ['locations/availableQuota', 'Quota'],
  ['locations/vmSizes', 'VmSize'],
  ['locations/mfeOperationsStatus', 'OperationStatus'],
  ['locations/mfeOperationResults', 'OperationStatus'],
  ['locations/workspaceOperationsStatus', 'OperationStatus'],
  ['locations/computeoperationsstatus', 'OperationStatus'],
  ['virtualclusters', 'VirtualCluster'],
  ['virtualclusters/jobs', 'Job'],
  ['registries/privateEndpointConnections', 'PrivateEndpointConnection'],
  ['registries/privateEndpointConnectionProxies', 'PrivateEndpointConnectionProxy'],
  ['registries/privateLinkResources', 'PrivateLinkResource'],
  ['registries/connections', 'Connection'],
  ['workspaces/providers/Microsoft.Insights/diagnosticSettings', 'DiagnosticSetting'],
  ['workspaces/providers/Microsoft.Insights/metricDefinitions', 'MetricDefinition'],
  ['workspaces/providers/Microsoft.Insights/logDefinitions', 'LogDefinition'],
  ['workspaces/metadata/artifacts', 'Artifact'],
  ['workspaces/metadata/snapshots', 'Snapshot'],
  ['workspaces/services', 'WebService'],
]

/** Kinds that hold others. */
const CONTAINERS = ['Subscription', 'ResourceGroup', 'Workspace', 'Registry'] as const

/** Kinds that no action is named after. */
const UNNAMED = ['Index', 'Prompt', 'RegistryAsset', 'Provider']

/** A kind without a type of its own. */
const OTHER = 'Other'

const byPath = new Map(TYPE_OF_PATH.map(([path, type]) => [path.toLowerCase(), type]))

/** The kinds that this gateway has a type for; the catalog may know more. */
export const RESOURCE_TYPES: readonly string[] = Object.freeze([
  ...new Set([...CONTAINERS, ...TYPE_OF_PATH.map(([, type]) => type), ...UNNAMED, OTHER]),
])

/** Kinds directly inside other kinds than a workspace or registry. */
const INSIDE = new Map([
  ['ModelVersion', 'Model'],
  ['DataVersion', 'Data'],
  ['DatasetVersion', 'Dataset'],
  ['EnvironmentVersion', 'Environment'],
  ['ComponentVersion', 'Component'],
  ['CodeVersion', 'Code'],
  ['FeatureSetVersion', 'FeatureSet'],
  ['Feature', 'FeatureSetVersion'],
  ['FeatureStoreEntityVersion', 'FeatureStoreEntity'],
  ['EndpointDeployment', 'Endpoint'],
  ['ConnectionDeployment', 'Connection'],
  ['RaiBlocklistItem', 'RaiBlocklist'],
  ['BatchJob', 'BatchEndpoint'],
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

/** What a registry shares, under one set of names for all kinds. */
const SHARED = [
  'Model',
  'ModelVersion',
  'Data',
  'DataVersion',
  'Environment',
  'EnvironmentVersion',
  'Component',
  'ComponentVersion',
  'Code',
  'CodeVersion',
  'RegistryAsset',
  'Registry',
  OTHER,
]

/** Kinds whose members are authorised under the action of what they are a part of. */
const UNDER = new Map([
  ['FeatureSet', ['FeatureSetVersion', 'Feature']],
  ['FeatureStoreEntity', ['FeatureStoreEntityVersion']],
  ['Model', ['ModelVersion']],
  ['Environment', ['EnvironmentVersion']],
  ['DataVersion', ['Index', 'Prompt']],
])

/**
 * The kinds that an action can be about: the kind that its name tells, what that is a part of (lists are asked of
 * the parent), and `Other`. The assets of a registry share one set of names. Used to check policies when they are
 * loaded, never to decide: there the catalog's own classification counts.
 */
export function resourceTypesOf(action: string, known: readonly string[]): string[] {
  const [provider = '', ...path] = action
    .toLowerCase()
    .replace(/\/action$/u, '')
    .split('/')
  // `featuresets/action` ends with a type, not with a verb
  if (!byPath.has(path.join('/'))) path.pop()
  if (provider !== PROVIDER.toLowerCase()) {
    return ['Subscription', 'ResourceGroup', 'Provider', OTHER].filter((type) =>
      known.includes(type),
    )
  }
  const [top] = path
  if (top === 'registries' && path[1] === 'assets') {
    return SHARED.filter((type) => known.includes(type))
  }
  const kinds: string[] = []
  for (let depth = path.length; depth > 0; depth--) {
    const type = byPath.get(path.slice(0, depth).join('/'))
    if (type !== undefined) kinds.push(type, ...(UNDER.get(type) ?? []))
  }
  // the provider itself, and lists of workspaces and registries, are asked of what is above them
  if (path.length < 2 || (top !== 'workspaces' && top !== 'registries')) {
    kinds.push('ResourceGroup', 'Subscription')
  }
  return [...new Set([...kinds, OTHER])].filter((type) => known.includes(type))
}
