/**
 * The actions of Microsoft.MachineLearningServices as Azure publishes them for its role-based access control
 * (Microsoft Learn: Azure permissions for AI + machine learning), one row a resource type, and which of them a POST is.
 *
 * For POST, ARM's rule is that `POST .../verb` is `<type>/verb/action`; the table of exceptions has what the rule does
 * not tell.
 * @module
 */
import type { Effect } from './operation.ts'
import { PROVIDER } from './resource-types.ts'

/** One action. An action that returns secrets in some calls only has two entries. */
export interface ActionWord {
  /** Published spelling, provider included. */
  readonly name: string
  readonly group: Effect
  /** Whether its answer holds keys, tokens or SAS. */
  readonly secrets: boolean
  /** Whether its answer may be 202, and the work go on. */
  readonly longRunning?: boolean
}

/**
 * Resource type and verbs. `read`, `write` and `delete` stand for themselves, any other verb for `<verb>/action`.
 * `!`: the answer always holds secrets. `?`: it does in some calls (a SAS for an upload, keys on request).
 * `~`: the answer to a POST may come before the work is done; for other methods resource-types.ts tells.
 */
const PUBLISHED: readonly (readonly [type: string, verbs: string])[] = [
  ['', 'register'],
  ['locations', 'deleteVirtualNetworkOrSubnets updateQuotas'],
  ['locations/availableQuota', 'read'],
  ['locations/availableQuota/default', 'read'],
  ['locations/computeoperationsstatus', 'read'],
  ['locations/mfeOperationResults', 'read'],
  ['locations/mfeOperationsStatus', 'read'],
  ['locations/quotaAndUsage', 'read'],
  ['locations/quotas', 'read'],
  ['locations/usages', 'read'],
  ['locations/vmsizes', 'read'],
  ['locations/workspaceOperationsStatus', 'read'],
  ['operations', 'read'],
  ['registries', 'read write delete privateEndpointConnectionsApproval'],
  ['registries/assets', 'read? write? delete'],
  ['registries/assets/stage', 'write'],
  ['registries/checkNameAvailability', 'read'],
  ['registries/connections', 'read write delete'],
  ['registries/privateEndpointConnectionProxies', 'read write delete validate'],
  ['registries/privateEndpointConnections', 'read write delete'],
  ['registries/privateLinkResources', 'read'],
  ['virtualclusters', 'read write delete'],
  ['virtualclusters/jobs', 'submit'],
  [
    'workspaces',
    'read write delete agents checkComputeNameAvailability featuresets featurestoreentities listConnectionModels listKeys! listStorageAccountKeys! privateEndpointConnectionsApproval provisionManagedNetwork~ resynckeys~',
  ],
  ['workspaces/agents', 'read delete'],
  ['workspaces/assets/stage', 'write'],
  ['workspaces/batchEndpoints', 'read write delete listKeys!'],
  ['workspaces/batchEndpoints/checkNameAvailability', 'read'],
  ['workspaces/batchEndpoints/deployments', 'read write delete'],
  ['workspaces/batchEndpoints/deployments/checkNameAvailability', 'read'],
  ['workspaces/batchEndpoints/deployments/jobs', 'read write delete'],
  ['workspaces/batchEndpoints/jobs', 'read write delete'],
  ['workspaces/codes', 'read write delete'],
  ['workspaces/codes/versions', 'read write delete'],
  ['workspaces/components', 'read write delete'],
  ['workspaces/components/versions', 'read write delete'],
  [
    'workspaces/computes',
    'read write delete applicationaccess applicationaccessuilinks enableSso listKeys! listNodes reimage restart~ start~ stop~ updateDataMounts updateIdleShutdownSetting updateSchedules',
  ],
  ['workspaces/connections', 'read write delete listsecrets!'],
  ['workspaces/connections/deployments', 'read write delete'],
  ['workspaces/connections/models', 'read'],
  [
    'workspaces/connections/raiBlocklists',
    'read write delete addRaiBlocklistItems deleteRaiBlocklistItems',
  ],
  ['workspaces/connections/raiBlocklists/raiBlocklistItems', 'read write delete'],
  ['workspaces/connections/raiPolicies', 'read write delete'],
  ['workspaces/data', 'read write delete'],
  ['workspaces/data/versions', 'read write delete'],
  ['workspaces/datadriftdetectors', 'read write delete'],
  ['workspaces/datasets', 'read write delete'],
  ['workspaces/datasets/registered', 'read write delete'],
  ['workspaces/datasets/registered/preview', 'read'],
  ['workspaces/datasets/registered/profile', 'read write'],
  ['workspaces/datasets/registered/schema', 'read'],
  ['workspaces/datasets/unregistered', 'read write delete'],
  ['workspaces/datasets/unregistered/preview', 'read'],
  ['workspaces/datasets/unregistered/profile', 'read write'],
  ['workspaces/datasets/unregistered/schema', 'read'],
  ['workspaces/datasets/versions', 'read write delete'],
  ['workspaces/datastores', 'read? write delete listsecrets!'],
  ['workspaces/diagnose', 'read'],
  ['workspaces/endpoints', 'read write delete listkeys!'],
  ['workspaces/endpoints/deployments', 'read write delete'],
  ['workspaces/endpoints/deployments/modelmonitorings', 'read write delete'],
  ['workspaces/endpoints/models', 'read'],
  ['workspaces/endpoints/pipelines', 'read write'],
  ['workspaces/environments', 'read? write build readSecrets!'],
  ['workspaces/environments/versions', 'read write delete'],
  ['workspaces/evaluations', 'write'],
  ['workspaces/evaluations/results/labels', 'read'],
  ['workspaces/evaluations/results/reasonings', 'read'],
  ['workspaces/evaluations/results/states', 'read'],
  ['workspaces/eventGridFilters', 'read write delete'],
  ['workspaces/experiments', 'read write delete'],
  ['workspaces/experiments/runs', 'read write delete submit'],
  ['workspaces/features', 'read'],
  ['workspaces/featuresets', 'read write delete'],
  ['workspaces/featurestoreentities', 'read write delete'],
  ['workspaces/featurestores', 'read write delete'],
  ['workspaces/hubs', 'read write delete join'],
  ['workspaces/hubs/policies', 'read write delete'],
  ['workspaces/jobs', 'read write delete cancel~'],
  ['workspaces/jobs/operationresults', 'read'],
  ['workspaces/labeling', 'export labelimport'],
  ['workspaces/labeling/labels', 'read write delete approve_unapprove reject update'],
  ['workspaces/labeling/projects', 'read write delete'],
  ['workspaces/labeling/projects/summary', 'read'],
  ['workspaces/linkedServices', 'read write delete'],
  ['workspaces/listNotebookAccessToken', 'read!'],
  ['workspaces/listNotebookKeys', 'read!'],
  ['workspaces/managedNetworks', 'read write batchOutboundRules~'],
  ['workspaces/managedNetworks/outboundRules', 'read write delete'],
  ['workspaces/managedstorages/claim', 'read write manage'],
  ['workspaces/managedstorages/quota', 'read manage'],
  ['workspaces/marketplaceSubscriptions', 'read write delete'],
  ['workspaces/metadata', 'listsecrets!'],
  ['workspaces/metadata/artifacts', 'read? write? delete'],
  ['workspaces/metadata/secrets', 'read! write delete'],
  ['workspaces/metadata/snapshots', 'read? write delete'],
  ['workspaces/metrics/resource', 'write'],
  ['workspaces/models', 'read write delete package'],
  ['workspaces/models/versions', 'read write delete'],
  ['workspaces/modules', 'read write'],
  ['workspaces/notebooks/samples', 'read'],
  ['workspaces/notebooks/storage', 'read write delete download upload'],
  ['workspaces/notebooks/vm', 'read write delete'],
  ['workspaces/onlineEndpoints', 'read write delete score'],
  ['workspaces/onlineendpoints', 'listkeys! regeneratekeys~ token!'],
  ['workspaces/onlineEndpoints/checkNameAvailability', 'read'],
  ['workspaces/onlineEndpoints/deployments', 'read write delete'],
  ['workspaces/onlineendpoints/deployments', 'getlogs'],
  ['workspaces/onlineEndpoints/deployments/checkNameAvailability', 'read'],
  ['workspaces/onlineendpoints/deployments/operationresults', 'read'],
  ['workspaces/onlineendpoints/deployments/operationsstatus', 'read'],
  ['workspaces/onlineEndpoints/deployments/skus', 'read'],
  ['workspaces/onlineendpoints/operationresults', 'read'],
  ['workspaces/onlineendpoints/operationsstatus', 'read'],
  ['workspaces/outboundNetworkDependenciesEndpoints', 'read'],
  ['workspaces/outboundRules', 'read write delete'],
  ['workspaces/pipelinedrafts', 'read write delete'],
  ['workspaces/privateEndpointConnectionProxies', 'read write delete validate'],
  ['workspaces/privateEndpointConnections', 'read write delete'],
  ['workspaces/privateLinkResources', 'read'],
  ['workspaces/providers/Microsoft.Insights/diagnosticSettings', 'read write'],
  ['workspaces/providers/Microsoft.Insights/logDefinitions', 'read'],
  ['workspaces/providers/Microsoft.Insights/metricDefinitions', 'read'],
  ['workspaces/reports', 'read write delete'],
  ['workspaces/schedules', 'read write delete'],
  ['workspaces/serverlessEndpoints', 'read write delete listKeys! regenerateKeys!~'],
  ['workspaces/services', 'read'],
  ['workspaces/services/aci', 'write delete listkeys!'],
  ['workspaces/services/aks', 'write? delete listkeys! score?'],
  ['workspaces/simulations', 'write'],
  ['workspaces/simulations/results/images', 'read'],
  ['workspaces/simulations/results/texts', 'read'],
]

/** Called by published clients, not in the published list: named by ARM's rule (POST x is `x/action`). */
const UNPUBLISHED: readonly (readonly [type: string, verbs: string])[] = [
  ['capacityReserverationGroups', 'read write delete'],
  ['registries', 'removeRegions~'],
  ['workspaces', 'diagnose listNotebookAccessToken! listNotebookKeys! prepareNotebook~'],
  ['workspaces/capabilityHosts', 'read write delete'],
  ['workspaces/codes/versions', 'publish~ startPendingUpload!'],
  ['workspaces/components/versions', 'publish~'],
  ['workspaces/computes', 'resize~'],
  ['workspaces/data/versions', 'publish~ startPendingUpload!'],
  ['workspaces/deployments', 'read'],
  ['workspaces/endpoints/raiPolicies', 'read write delete'],
  ['workspaces/environments', 'delete'],
  ['workspaces/environments/versions', 'publish~'],
  ['workspaces/inferencePools', 'read write delete'],
  ['workspaces/inferencePools/endpoints', 'read write delete'],
  ['workspaces/inferencePools/groups', 'read write delete getStatus'],
  ['workspaces/inferencePools/groups/skus', 'read'],
  ['workspaces/labelingJobs', 'read write delete exportLabels! pause resume'],
  ['workspaces/models/versions', 'publish~ startPendingUpload!'],
]

/** Reads outside of the provider that clients need to find their workspace. */
const PLATFORM: readonly ActionWord[] = [
  'Microsoft.Resources/subscriptions/read',
  'Microsoft.Resources/subscriptions/resourceGroups/read',
  'Microsoft.Resources/subscriptions/providers/read',
].map((name) => ({ name, group: 'read', secrets: false }))

/** Verbs that ARM calls actions but that only look or write (or, `diagnose`, that run in spite of being called a read). */
const GROUP_OF = new Map<string, Effect>([
  ['workspaces/computes/listNodes', 'read'],
  ['workspaces/onlineendpoints/deployments/getlogs', 'read'],
  ['workspaces/listConnectionModels', 'read'],
  ['workspaces/checkComputeNameAvailability', 'read'],
  ['workspaces/diagnose/read', 'invoke'],
  // it makes a compute of another size, which no write of it could do past a policy on sizes
  ['workspaces/computes/resize', 'write'],
  ['locations/updateQuotas', 'write'],
  ['locations/deleteVirtualNetworkOrSubnets', 'delete'],
  ['workspaces/inferencePools/groups/getStatus', 'read'],
  ['workspaces/managedNetworks/batchOutboundRules', 'write'],
])

function isPlain(verb: string): verb is 'read' | 'write' | 'delete' {
  return verb === 'read' || verb === 'write' || verb === 'delete'
}

function wordsOf(rows: readonly (readonly [string, string])[]): ActionWord[] {
  return rows.flatMap(([type, verbs]) =>
    verbs.split(' ').flatMap((marked) => {
      const [verb = ''] = /^\w+/.exec(marked) ?? []
      const path = type === '' ? verb : `${type}/${verb}`
      const word = {
        name: `${PROVIDER}/${path}${isPlain(verb) ? '' : '/action'}`,
        group: GROUP_OF.get(path) ?? (isPlain(verb) ? verb : 'invoke'),
        secrets: marked.includes('!'),
        longRunning: marked.includes('~'),
      }
      return marked.includes('?') ? [word, { ...word, secrets: true }] : [word]
    }),
  )
}

/** The published actions alone: what a role of Azure can name. */
export const PUBLISHED_ACTIONS: readonly ActionWord[] = Object.freeze(wordsOf(PUBLISHED))

/** What callers do with the gateway itself, by policy. No role of Azure's has any of it. */
export const OWN_PROVIDER = 'AzureMLHarness'
const OWN: readonly ActionWord[] = [
  { name: `${OWN_PROVIDER}/reviews/read`, group: 'read', secrets: false },
  { name: `${OWN_PROVIDER}/reviews/approve`, group: 'write', secrets: false },
  { name: `${OWN_PROVIDER}/reviews/reject`, group: 'write', secrets: false },
  { name: `${OWN_PROVIDER}/reviews/override`, group: 'write', secrets: false },
  { name: `${OWN_PROVIDER}/records/read`, group: 'read', secrets: false },
  { name: `${OWN_PROVIDER}/policy/read`, group: 'read', secrets: false },
  { name: `${OWN_PROVIDER}/state/read`, group: 'read', secrets: false },
  { name: `${OWN_PROVIDER}/grants/read`, group: 'read', secrets: false },
  { name: `${OWN_PROVIDER}/grants/request`, group: 'write', secrets: false },
  { name: `${OWN_PROVIDER}/grants/approve`, group: 'write', secrets: false },
  { name: `${OWN_PROVIDER}/grants/deny`, group: 'write', secrets: false },
  { name: `${OWN_PROVIDER}/grants/end`, group: 'write', secrets: false },
]

/** Every action that policy can name. */
export const ACTIONS: readonly ActionWord[] = Object.freeze([
  ...PUBLISHED_ACTIONS,
  ...wordsOf(UNPUBLISHED),
  ...PLATFORM,
  ...OWN,
])

/** What a POST does. */
export interface Post {
  readonly action: string
  readonly effect: Effect
  readonly secrets: boolean
  readonly longRunning: boolean
}

/** A POST that ARM's rule does not cover. `verb` is `{name}` for one to a resource itself, empty for a collection. */
interface PostException {
  /** Type, as in resource-types.ts. */
  readonly on: string
  readonly verb: string
  /** Action under the provider. */
  readonly action: string
  /** What it does, if other than `invoke`. */
  readonly effect?: Effect
  readonly secrets?: true
  readonly longRunning?: true
}

const ASSETS_WRITE = { action: 'registries/assets/write', effect: 'write', secrets: true } as const

// prettier-ignore
export const POST_EXCEPTIONS: readonly PostException[] = [
  // published as `.../read`, so that Reader's `*/read` would cover it; it stays `invoke` with secrets here
  { on: 'workspaces', verb: 'listNotebookKeys', action: 'workspaces/listNotebookKeys/read', secrets: true },
  { on: 'workspaces', verb: 'listNotebookAccessToken', action: 'workspaces/listNotebookAccessToken/read', secrets: true },
  { on: 'workspaces', verb: 'diagnose', action: 'workspaces/diagnose/read', longRunning: true },
  { on: 'workspaces/models/versions', verb: 'package', action: 'workspaces/models/package/action', longRunning: true },
  { on: 'workspaces/featuresets/versions', verb: 'backfill', action: 'workspaces/featuresets/action', longRunning: true },
  // what a version that is put there does, by another call: it is not published as an action of its own
  { on: 'registries', verb: 'import', action: 'registries/assets/write', effect: 'write', longRunning: true },
  // hands out a SAS that can write
  { on: 'registries/codes/versions', verb: 'startPendingUpload', ...ASSETS_WRITE },
  { on: 'registries/data/versions', verb: 'startPendingUpload', ...ASSETS_WRITE },
  { on: 'registries/models/versions', verb: 'startPendingUpload', ...ASSETS_WRITE },
  { on: 'registries/datareferences/versions', verb: '{name}', action: 'registries/assets/read', effect: 'read', secrets: true },
  { on: 'workspaces/batchEndpoints/jobs', verb: '', action: 'workspaces/batchEndpoints/jobs/write', effect: 'write' },
  { on: 'workspaces/batchEndpoints/deployments/jobs', verb: '', action: 'workspaces/batchEndpoints/deployments/jobs/write', effect: 'write' },
]

const exceptions = new Map(
  POST_EXCEPTIONS.map(({ on, verb, action, effect, secrets, longRunning }): [string, Post] => [
    `${on}/${verb}`.toLowerCase(),
    {
      action: `${PROVIDER}/${action}`,
      effect: effect ?? 'invoke',
      secrets: secrets === true,
      longRunning: longRunning === true,
    },
  ]),
)

const byName = new Map(ACTIONS.map((word) => [word.name.toLowerCase(), word]))

/**
 * Names of verbs that are not published but say what the answer holds: keys, tokens, credentials, SAS. A verb newer
 * than the table must not slip past the gate on secrets.
 */
const SECRET_NAME = /key|secret|token|credential|password|sas(?:uri|url|token)?$|pendingupload/

/** What `POST .../verb` does on a type. */
export function findVerb(typePath: string, verb: string): Post {
  // lower case: the caller's spelling must not decide which action a policy sees
  const name = verb.toLowerCase()
  const exception = exceptions.get(`${typePath}/${name}`.toLowerCase())
  if (exception !== undefined) return exception
  const action = `${PROVIDER}/${typePath}/${name}`
  const known = byName.get(`${action}/action`.toLowerCase())
  if (known !== undefined) {
    const { group: effect, secrets, longRunning = false } = known
    return { action: known.name, effect, secrets, longRunning }
  }
  return /^check[a-z]*availability$/.test(name)
    ? { action: `${action}/read`, effect: 'read', secrets: false, longRunning: false }
    : {
        action: `${action}/action`,
        effect: 'invoke',
        secrets: SECRET_NAME.test(name),
        longRunning: false,
      }
}

/** Whether an action is in the table: of others nobody knows what their bodies mean. */
export function isListed(action: string): boolean {
  return byName.has(action.toLowerCase())
}

/** What a POST to one resource (`{name}`) or to a collection (empty) does; null where it means nothing. */
export function findPost(typePath: string, at: '{name}' | ''): Post | null {
  return exceptions.get(`${typePath}/${at}`.toLowerCase()) ?? null
}
