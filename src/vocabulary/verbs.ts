/**
 * POST in Azure Machine Learning's ARM surface: which verb on which type is which permission, one a row.
 *
 * ARM's rule is `POST .../verb` is `<type>/verb/action`. The rows are what the rule does not tell: another
 * published spelling or suffix, a verb that only reads, secrets in the answer, a long-running one, and the
 * few POSTs without a verb. Source: as for catalog.ts.
 * @module
 */
import type { Effect } from './operation.ts'

/** One verb of one type; paths as in catalog.ts, compared without case. */
export interface Verb {
  readonly on: string
  readonly verb: string
  /** Action under the provider, if other than `<on>/<verb>/action`. */
  readonly action?: string
  /** What it does, if other than `invoke`. */
  readonly effect?: Effect
  readonly secrets?: true
  readonly longRunning?: true
}

const ASSETS_WRITE = { action: 'registries/assets/write', effect: 'write', secrets: true } as const

// prettier-ignore
const VERBS: readonly Verb[] = [
  { on: 'workspaces', verb: 'listKeys', secrets: true },
  { on: 'workspaces', verb: 'listStorageAccountKeys', secrets: true },
  // published as `.../read`, so that Reader's `*/read` would cover it; it stays `invoke` with secrets here
  { on: 'workspaces', verb: 'listNotebookKeys', action: 'workspaces/listNotebookKeys/read', secrets: true },
  { on: 'workspaces', verb: 'listNotebookAccessToken', action: 'workspaces/listNotebookAccessToken/read', secrets: true },
  { on: 'workspaces', verb: 'diagnose', action: 'workspaces/diagnose/read', longRunning: true },
  { on: 'workspaces', verb: 'resyncKeys', action: 'workspaces/resynckeys/action', longRunning: true },
  { on: 'workspaces', verb: 'prepareNotebook', longRunning: true },
  { on: 'workspaces', verb: 'provisionManagedNetwork', longRunning: true },
  { on: 'workspaces', verb: 'checkComputeNameAvailability', effect: 'read' },
  { on: 'workspaces', verb: 'listConnectionModels', effect: 'read' },
  { on: 'workspaces/managedNetworks', verb: 'batchOutboundRules', effect: 'write', longRunning: true },
  { on: 'workspaces/jobs', verb: 'cancel', longRunning: true },
  { on: 'workspaces/models/versions', verb: 'package', action: 'workspaces/models/package/action', longRunning: true },
  { on: 'workspaces/models/versions', verb: 'publish', longRunning: true },
  { on: 'workspaces/data/versions', verb: 'publish', longRunning: true },
  { on: 'workspaces/codes/versions', verb: 'publish', longRunning: true },
  { on: 'workspaces/components/versions', verb: 'publish', longRunning: true },
  { on: 'workspaces/environments/versions', verb: 'publish', longRunning: true },
  // hands out a SAS that can write
  { on: 'workspaces/codes/versions', verb: 'startPendingUpload', secrets: true },
  { on: 'workspaces/data/versions', verb: 'startPendingUpload', secrets: true },
  { on: 'workspaces/models/versions', verb: 'startPendingUpload', secrets: true },
  { on: 'workspaces/featuresets/versions', verb: 'backfill', action: 'workspaces/featuresets/action', longRunning: true },
  { on: 'workspaces/datastores', verb: 'listSecrets', action: 'workspaces/datastores/listsecrets/action', secrets: true },
  { on: 'workspaces/connections', verb: 'listsecrets', secrets: true },
  { on: 'workspaces/computes', verb: 'listKeys', secrets: true },
  { on: 'workspaces/computes', verb: 'listNodes', effect: 'read' },
  { on: 'workspaces/computes', verb: 'start', longRunning: true },
  { on: 'workspaces/computes', verb: 'stop', longRunning: true },
  { on: 'workspaces/computes', verb: 'restart', longRunning: true },
  { on: 'workspaces/onlineEndpoints', verb: 'listKeys', action: 'workspaces/onlineendpoints/listkeys/action', secrets: true },
  { on: 'workspaces/onlineEndpoints', verb: 'token', action: 'workspaces/onlineendpoints/token/action', secrets: true },
  { on: 'workspaces/onlineEndpoints', verb: 'regenerateKeys', action: 'workspaces/onlineendpoints/regeneratekeys/action', longRunning: true },
  { on: 'workspaces/onlineEndpoints/deployments', verb: 'getLogs', action: 'workspaces/onlineendpoints/deployments/getlogs/action', effect: 'read' },
  { on: 'workspaces/batchEndpoints', verb: 'listKeys', secrets: true },
  { on: 'workspaces/endpoints', verb: 'listkeys', secrets: true },
  { on: 'workspaces/serverlessEndpoints', verb: 'listKeys', secrets: true },
  { on: 'workspaces/serverlessEndpoints', verb: 'regenerateKeys', secrets: true, longRunning: true },
  { on: 'registries', verb: 'removeRegions', longRunning: true },
  { on: 'registries/codes/versions', verb: 'startPendingUpload', ...ASSETS_WRITE },
  { on: 'registries/data/versions', verb: 'startPendingUpload', ...ASSETS_WRITE },
  { on: 'registries/models/versions', verb: 'startPendingUpload', ...ASSETS_WRITE },
  { on: 'locations', verb: 'updateQuotas', effect: 'write' },
  { on: 'locations', verb: 'deleteVirtualNetworkOrSubnets', effect: 'delete' },
]

/** POST to a resource itself, without a verb. */
// prettier-ignore
const POSTS: readonly Verb[] = [
  { on: 'registries/datareferences/versions', verb: '{name}', action: 'registries/assets/read', effect: 'read', secrets: true },
]

/** POST to a collection that creates a member. */
// prettier-ignore
const CREATES: readonly Verb[] = [
  { on: 'workspaces/batchEndpoints/jobs', verb: '', action: 'workspaces/batchEndpoints/jobs/write', effect: 'write' },
  { on: 'workspaces/batchEndpoints/deployments/jobs', verb: '', action: 'workspaces/batchEndpoints/deployments/jobs/write', effect: 'write' },
]

const rows = new Map(
  [...VERBS, ...POSTS, ...CREATES].map((row) => [`${row.on}:${row.verb}`.toLowerCase(), row]),
)

/**
 * Names that no row has but that say what the answer holds: keys, tokens, credentials, SAS. A verb newer than
 * these tables must not slip past the gate on secrets.
 */
const SECRET_NAME = /key|secret|token|credential|password|sas(?:uri|url|token)?$|pendingupload/

/** The row for `POST .../verb` on a type; by ARM's rule where no row has it. */
export function findVerb(typePath: string, verb: string): Verb {
  const row = rows.get(`${typePath}:${verb}`.toLowerCase())
  if (row !== undefined) return row
  // lower case: the caller's spelling must not decide which action a policy sees
  const name = verb.toLowerCase()
  const byRule = { on: typePath, verb: name, action: `${typePath}/${name}/action` }
  if (/^check[a-z]*availability$/.test(name)) {
    return { ...byRule, action: `${typePath}/${name}/read`, effect: 'read' }
  }
  return SECRET_NAME.test(name) ? { ...byRule, secrets: true } : byRule
}

/** The row for a POST to one resource (`{name}`) or to a collection (empty); null where there is none. */
export function findPost(typePath: string, at: '{name}' | ''): Verb | null {
  return rows.get(`${typePath}:${at}`.toLowerCase()) ?? null
}

/** All rows that have a verb. */
export const KNOWN_VERBS: readonly Verb[] = VERBS
