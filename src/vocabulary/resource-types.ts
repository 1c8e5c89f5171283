/**
 * The resource types of Microsoft.MachineLearningServices that this gateway knows, one a row, and the Cedar entity types
 * that policies name them by.
 *
 * Source: the provider's ARM specification (Azure/azure-rest-api-specs, api-version 2026-07-01 and the earlier
 * ones for types since renamed) for paths and long-running methods; the published RBAC operations of the
 * provider (learn.microsoft.com, "Azure permissions for AI + machine learning") for the spelling of actions.
 * A test compares these rows with both where they are at hand.
 * @module
 */

export const PROVIDER = 'Microsoft.MachineLearningServices'

/** One resource type. `path` and `action` are spelt as published, under the provider, without names. */
export interface ResourceType {
  readonly path: string
  /** Cedar entity type of its members. */
  readonly cedar: string
  /** Where its permissions hang if that is not `path`: other spelling, or an umbrella over several types. */
  readonly action?: string
  /** Methods that may answer 201 or 202 and go on. */
  readonly longRunning?: readonly string[]
  /** Names are case-sensitive: asset names are, names of ARM resources proper are not. */
  readonly exactNames?: true
  /** Policies may look into the bodies of its writes. */
  readonly inspectable?: true
  /** Cedar type that its members are a part of, if that is neither a workspace nor a registry. */
  readonly parent?: string
  /** Other Cedar types that actions named after this one are about, too. */
  readonly covers?: readonly string[]
}

const PD = ['PUT', 'DELETE'] as const
const PPD = ['PUT', 'PATCH', 'DELETE'] as const
/** An asset: case-sensitive name, body open to policy. */
const asset = { exactNames: true, inspectable: true } as const
/** Registry assets are authorised as `registries/assets`, whatever their kind, and are written asynchronously. */
const shared = { ...asset, action: 'registries/assets', longRunning: PD } as const
/** Versions and features of feature sets have no permissions of their own. */
const featureSet = { ...asset, action: 'workspaces/featuresets', longRunning: PD } as const
const featureEntity = {
  ...asset,
  action: 'workspaces/featurestoreentities',
  longRunning: PD,
} as const

// prettier-ignore
const WORKSPACE_TYPES: readonly ResourceType[] = [
  { path: 'workspaces', cedar: 'Workspace', longRunning: PPD, inspectable: true },
  { path: 'workspaces/jobs', cedar: 'Job', longRunning: ['DELETE'], ...asset },
  { path: 'workspaces/jobs/operationresults', cedar: 'OperationStatus' },
  { path: 'workspaces/schedules', cedar: 'Schedule', longRunning: PD, ...asset },
  { path: 'workspaces/models', cedar: 'Model', ...asset, covers: ['ModelVersion', 'LoggedModel'] },
  { path: 'workspaces/models/versions', cedar: 'ModelVersion', ...asset, parent: 'Model' },
  { path: 'workspaces/data', cedar: 'Data', ...asset },
  { path: 'workspaces/data/versions', cedar: 'DataVersion', ...asset, parent: 'Data', covers: ['Index', 'Prompt'] },
  { path: 'workspaces/datasets', cedar: 'Dataset', ...asset },
  { path: 'workspaces/datasets/versions', cedar: 'DatasetVersion', ...asset, parent: 'Dataset' },
  { path: 'workspaces/codes', cedar: 'Code', ...asset },
  { path: 'workspaces/codes/versions', cedar: 'CodeVersion', ...asset, parent: 'Code' },
  { path: 'workspaces/components', cedar: 'Component', ...asset },
  { path: 'workspaces/components/versions', cedar: 'ComponentVersion', ...asset, parent: 'Component' },
  { path: 'workspaces/environments', cedar: 'Environment', ...asset, covers: ['EnvironmentVersion'] },
  { path: 'workspaces/environments/versions', cedar: 'EnvironmentVersion', ...asset, parent: 'Environment' },
  { path: 'workspaces/featuresets', cedar: 'FeatureSet', ...featureSet, covers: ['FeatureSetVersion', 'Feature'] },
  { path: 'workspaces/featuresets/versions', cedar: 'FeatureSetVersion', ...featureSet, parent: 'FeatureSet' },
  { path: 'workspaces/featuresets/versions/features', cedar: 'Feature', ...featureSet, parent: 'FeatureSetVersion' },
  { path: 'workspaces/featurestoreEntities', cedar: 'FeatureStoreEntity', ...featureEntity, covers: ['FeatureStoreEntityVersion'] },
  { path: 'workspaces/featurestoreEntities/versions', cedar: 'FeatureStoreEntityVersion', ...featureEntity, parent: 'FeatureStoreEntity' },
  { path: 'workspaces/features', cedar: 'WorkspaceFeature' },
  { path: 'workspaces/datastores', cedar: 'Datastore', inspectable: true },
  // `Compute` is a principal: the identity of a cluster. The cluster itself is a target of calls.
  { path: 'workspaces/computes', cedar: 'ComputeTarget', longRunning: PPD, inspectable: true },
  { path: 'workspaces/connections', cedar: 'Connection', inspectable: true },
  { path: 'workspaces/connections/deployments', cedar: 'ConnectionDeployment', longRunning: PD, inspectable: true, parent: 'Connection' },
  { path: 'workspaces/connections/models', cedar: 'ConnectionModel' },
  { path: 'workspaces/connections/raiPolicies', cedar: 'RaiPolicy', longRunning: ['DELETE'] },
  { path: 'workspaces/connections/raiBlocklists', cedar: 'RaiBlocklist', longRunning: ['DELETE'] },
  { path: 'workspaces/connections/raiBlocklists/raiBlocklistItems', cedar: 'RaiBlocklistItem', longRunning: ['DELETE'], parent: 'RaiBlocklist' },
  { path: 'workspaces/onlineEndpoints', cedar: 'OnlineEndpoint', longRunning: PPD, inspectable: true },
  { path: 'workspaces/onlineEndpoints/operationresults', action: 'workspaces/onlineendpoints/operationresults', cedar: 'OperationStatus' },
  { path: 'workspaces/onlineEndpoints/operationsstatus', action: 'workspaces/onlineendpoints/operationsstatus', cedar: 'OperationStatus' },
  { path: 'workspaces/onlineEndpoints/deployments', cedar: 'OnlineDeployment', longRunning: PPD, inspectable: true, parent: 'OnlineEndpoint' },
  { path: 'workspaces/onlineEndpoints/deployments/operationresults', action: 'workspaces/onlineendpoints/deployments/operationresults', cedar: 'OperationStatus' },
  { path: 'workspaces/onlineEndpoints/deployments/operationsstatus', action: 'workspaces/onlineendpoints/deployments/operationsstatus', cedar: 'OperationStatus' },
  { path: 'workspaces/onlineEndpoints/deployments/skus', cedar: 'OnlineDeploymentSku' },
  { path: 'workspaces/batchEndpoints', cedar: 'BatchEndpoint', longRunning: PPD, inspectable: true },
  { path: 'workspaces/batchEndpoints/jobs', cedar: 'BatchJob', ...asset, parent: 'BatchEndpoint' },
  { path: 'workspaces/batchEndpoints/deployments', cedar: 'BatchDeployment', longRunning: PPD, inspectable: true, parent: 'BatchEndpoint' },
  { path: 'workspaces/batchEndpoints/deployments/jobs', cedar: 'BatchJob', ...asset },
  { path: 'workspaces/serverlessEndpoints', cedar: 'ServerlessEndpoint', longRunning: PPD, inspectable: true },
  { path: 'workspaces/endpoints', cedar: 'Endpoint', longRunning: PD, inspectable: true },
  { path: 'workspaces/endpoints/deployments', cedar: 'EndpointDeployment', longRunning: PD, inspectable: true, parent: 'Endpoint' },
  { path: 'workspaces/endpoints/models', cedar: 'EndpointModel' },
  { path: 'workspaces/endpoints/raiPolicies', cedar: 'RaiPolicy', longRunning: PD, inspectable: true },
  // of every endpoint, in one list
  { path: 'workspaces/deployments', cedar: 'EndpointDeployment' },
  { path: 'workspaces/inferencePools', cedar: 'InferencePool', longRunning: PPD, inspectable: true },
  { path: 'workspaces/inferencePools/endpoints', cedar: 'InferenceEndpoint', longRunning: PPD, inspectable: true, parent: 'InferencePool' },
  { path: 'workspaces/inferencePools/groups', cedar: 'InferenceGroup', longRunning: PPD, inspectable: true, parent: 'InferencePool' },
  { path: 'workspaces/inferencePools/groups/skus', cedar: 'InferenceGroupSku' },
  { path: 'workspaces/labelingJobs', cedar: 'LabelingJob', longRunning: PD, ...asset },
  { path: 'workspaces/marketplaceSubscriptions', cedar: 'MarketplaceSubscription', longRunning: PD },
  { path: 'workspaces/capabilityHosts', cedar: 'CapabilityHost', longRunning: PD },
  { path: 'workspaces/outboundRules', cedar: 'OutboundRule', longRunning: PD, inspectable: true },
  { path: 'workspaces/outboundNetworkDependenciesEndpoints', cedar: 'OutboundDependency' },
  { path: 'workspaces/managedNetworks', cedar: 'ManagedNetwork', longRunning: PPD },
  { path: 'workspaces/managedNetworks/outboundRules', cedar: 'OutboundRule', longRunning: PD, inspectable: true },
  { path: 'workspaces/privateEndpointConnections', cedar: 'PrivateEndpointConnection' },
  { path: 'workspaces/privateEndpointConnectionProxies', cedar: 'PrivateEndpointConnectionProxy' },
  { path: 'workspaces/privateLinkResources', cedar: 'PrivateLinkResource' },
  { path: 'workspaces/linkedServices', cedar: 'LinkedService' },
  { path: 'workspaces/eventGridFilters', cedar: 'EventGridFilter' },
  { path: 'workspaces/datadriftdetectors', cedar: 'DataDriftDetector' },
  { path: 'workspaces/experiments', cedar: 'Experiment', exactNames: true },
  { path: 'workspaces/experiments/runs', cedar: 'Run', exactNames: true, parent: 'Experiment', covers: ['Trace'] },
  { path: 'workspaces/agents', cedar: 'Agent' },
  { path: 'workspaces/hubs', cedar: 'Hub' },
  { path: 'workspaces/hubs/policies', cedar: 'HubPolicy' },
]

// prettier-ignore
const REGISTRY_TYPES: readonly ResourceType[] = [
  { path: 'registries', cedar: 'Registry', longRunning: PD, inspectable: true },
  { path: 'registries/models', cedar: 'Model', ...shared },
  { path: 'registries/models/versions', cedar: 'ModelVersion', ...shared },
  { path: 'registries/data', cedar: 'Data', ...shared },
  { path: 'registries/data/versions', cedar: 'DataVersion', ...shared },
  { path: 'registries/datareferences', cedar: 'Data', ...shared },
  { path: 'registries/datareferences/versions', cedar: 'DataVersion', ...shared },
  { path: 'registries/environments', cedar: 'Environment', ...shared },
  { path: 'registries/environments/versions', cedar: 'EnvironmentVersion', ...shared },
  { path: 'registries/components', cedar: 'Component', ...shared },
  { path: 'registries/components/versions', cedar: 'ComponentVersion', ...shared },
  { path: 'registries/codes', cedar: 'Code', ...shared },
  { path: 'registries/codes/versions', cedar: 'CodeVersion', ...shared },
  { path: 'registries/connections', cedar: 'Connection', inspectable: true },
  { path: 'registries/privateEndpointConnections', cedar: 'PrivateEndpointConnection' },
  { path: 'registries/privateEndpointConnectionProxies', cedar: 'PrivateEndpointConnectionProxy' },
  { path: 'registries/privateLinkResources', cedar: 'PrivateLinkResource' },
]

// prettier-ignore
const OTHER_TYPES: readonly ResourceType[] = [
  { path: 'operations', cedar: 'ProviderOperation' },
  { path: 'locations', cedar: 'Location' },
  { path: 'locations/quotas', cedar: 'Quota' },
  { path: 'locations/usages', cedar: 'Usage' },
  { path: 'locations/quotaAndUsage', cedar: 'Usage' },
  { path: 'locations/availableQuota', cedar: 'Quota' },
  { path: 'locations/vmSizes', action: 'locations/vmsizes', cedar: 'VmSize' },
  { path: 'locations/mfeOperationsStatus', cedar: 'OperationStatus' },
  { path: 'locations/mfeOperationResults', cedar: 'OperationStatus' },
  { path: 'locations/workspaceOperationsStatus', cedar: 'OperationStatus' },
  { path: 'locations/computeoperationsstatus', cedar: 'OperationStatus' },
  // spelt as published
  { path: 'capacityReserverationGroups', cedar: 'CapacityReservationGroup', inspectable: true },
  { path: 'virtualclusters', cedar: 'VirtualCluster' },
  { path: 'virtualclusters/jobs', cedar: 'Job', ...asset },
]

/** All of them, in the order of this file. */
export const RESOURCE_TYPES: readonly ResourceType[] = [
  ...WORKSPACE_TYPES,
  ...REGISTRY_TYPES,
  ...OTHER_TYPES,
]

const byPath = new Map(RESOURCE_TYPES.map((type) => [type.path.toLowerCase(), type]))
/** Polling URLs of long-running operations: each api-version has names of its own under `locations`. */
const OPERATION_STATUS = /^locations\/[a-z]*operations?(?:status(?:es)?|results?)$/

/** The type at a path such as `workspaces/onlineEndpoints/deployments`, in any case; null if unknown. */
export function findType(path: string): ResourceType | null {
  const lower = path.toLowerCase()
  const type = byPath.get(lower)
  if (type !== undefined) return type
  return OPERATION_STATUS.test(lower) ? { path: lower, cedar: 'OperationStatus' } : null
}

/** Last path segments of the types right under `parent` (empty for the provider itself), as published. */
export function childTypes(parent: string): readonly string[] {
  const prefix = parent === '' ? '' : `${parent.toLowerCase()}/`
  return RESOURCE_TYPES.flatMap(({ path }) => {
    const tail = path.slice(prefix.length)
    return path.toLowerCase().startsWith(prefix) && tail !== '' && !tail.includes('/') ? [tail] : []
  })
}

/**
 * Cedar types that no path of the provider leads to by itself: extensions of a workspace and things of the data plane.
 * `path` is the one that their actions are published under.
 */
const ELSEWHERE: readonly Pick<ResourceType, 'path' | 'cedar' | 'parent' | 'covers'>[] = [
  {
    path: 'workspaces/providers/Microsoft.Insights/diagnosticSettings',
    cedar: 'DiagnosticSetting',
  },
  { path: 'workspaces/providers/Microsoft.Insights/metricDefinitions', cedar: 'MetricDefinition' },
  { path: 'workspaces/providers/Microsoft.Insights/logDefinitions', cedar: 'LogDefinition' },
  { path: 'workspaces/metadata/artifacts', cedar: 'Artifact', parent: 'Run' },
  { path: 'workspaces/metadata/snapshots', cedar: 'Snapshot' },
  { path: 'workspaces/services', cedar: 'WebService' },
]

/** Cedar types that hold others. */
const CONTAINERS = ['Subscription', 'ResourceGroup', 'Workspace', 'Registry']
/** Cedar types that no action is named after. */
const UNNAMED = ['Index', 'Prompt', 'Trace', 'LoggedModel', 'RegistryAsset', 'Provider']
/** The Cedar type of what has none of its own. */
const OTHER = 'Other'

/** The gateway itself, for what callers do with it and not with anything of Azure's. It holds all that passes through it. */
export const GATEWAY = { type: 'Gateway', id: 'gateway' } as const

const named = [...RESOURCE_TYPES, ...ELSEWHERE]

/** All Cedar types of Azure's resources. */
export const CEDAR_TYPES: readonly string[] = Object.freeze([
  ...new Set([...CONTAINERS, ...named.map(({ cedar }) => cedar), ...UNNAMED, OTHER]),
])

const parents = new Map([
  ...named.flatMap(({ cedar, parent }) => (parent === undefined ? [] : [[cedar, parent] as const])),
  ['Trace', 'Experiment'],
  ['LoggedModel', 'Experiment'],
])

/** What a Cedar type can be a part of at Azure, nearest first; empty for a subscription. */
export function parentsOf(cedar: string): readonly string[] {
  if (cedar === 'Subscription' || cedar === GATEWAY.type) return []
  if (cedar === 'ResourceGroup') return ['Subscription']
  if (cedar === 'Workspace' || cedar === 'Registry') return ['ResourceGroup', 'Subscription']
  const parent = parents.get(cedar)
  return [...(parent === undefined ? [] : [parent]), 'Workspace', 'Registry', 'Subscription']
}

/** Assets of registries share one set of actions. */
const REGISTRY_ASSETS = [
  ...new Set(
    REGISTRY_TYPES.flatMap(({ action, cedar }) => (action === shared.action ? [cedar] : [])),
  ),
  'RegistryAsset',
  'Registry',
  OTHER,
]

const cedarByPath = new Map(named.map((type) => [type.path.toLowerCase(), type.cedar]))
const covered = new Map(
  named.flatMap(({ cedar, covers }) => (covers === undefined ? [] : [[cedar, covers] as const])),
)

/**
 * The Cedar types that an action can be about: the one that its name tells, what that is a part of (lists are asked of
 * the parent), and `Other`. Used to check policies when they are loaded, never to decide: there the classification of
 * the call counts.
 */
export function cedarTypesOf(action: string, known: readonly string[]): string[] {
  const [provider = '', ...path] = action
    .toLowerCase()
    .replace(/\/action$/u, '')
    .split('/')
  // `featuresets/action` ends with a type, not with a verb
  if (!cedarByPath.has(path.join('/'))) path.pop()
  // what callers do with the gateway is about whatever the call was about
  if (provider === 'azuremlharness') return [...known]
  if (provider !== PROVIDER.toLowerCase()) {
    return ['Subscription', 'ResourceGroup', 'Provider', OTHER].filter((type) =>
      known.includes(type),
    )
  }
  const [top] = path
  if (top === 'registries' && path[1] === 'assets') {
    return REGISTRY_ASSETS.filter((type) => known.includes(type))
  }
  const types: string[] = []
  for (let depth = path.length; depth > 0; depth--) {
    const cedar = cedarByPath.get(path.slice(0, depth).join('/'))
    if (cedar !== undefined) types.push(cedar, ...(covered.get(cedar) ?? []))
  }
  // the provider itself, and lists of workspaces and registries, are asked of what is above them
  if (path.length < 2 || (top !== 'workspaces' && top !== 'registries')) {
    types.push('ResourceGroup', 'Subscription')
  }
  return [...new Set([...types, OTHER])].filter((type) => known.includes(type))
}
