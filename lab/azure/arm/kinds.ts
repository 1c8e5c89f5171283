/**
 * What differs between resource types, as tables: which calls are long-running, what Azure adds to
 * a document, which actions exist and what they answer.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { around } from './around.ts'
import { PROVIDER, type ArmPath } from './paths.ts'
import type { Document } from './store.ts'
import { REGION, workspaceId } from '../../personas.ts'

/** Types whose PUT, PATCH and DELETE are carried out after the answer. */
const LONG_RUNNING = new Set([
  'workspaces',
  'batchendpoints',
  'capabilityhosts',
  'computes',
  'deployments',
  'featuresets',
  'featurestoreentities',
  'marketplacesubscriptions',
  'onlineendpoints',
  'outboundrules',
  'schedules',
  'serverlessendpoints',
])
const LONG_RUNNING_ACTIONS = new Set([
  'backfill',
  'cancel',
  'diagnose',
  'preparenotebook',
  'provisionmanagednetwork',
  'publish',
  'regeneratekeys',
  'removeregions',
  'restart',
  'resynckeys',
  'start',
  'stop',
])
/** Types whose members have versions: a container appears with its first version. */
const VERSIONED = new Set([
  'codes',
  'components',
  'data',
  'environments',
  'featuresets',
  'featurestoreentities',
  'models',
])

const isOfAzureMl = ({ namespace }: ArmPath): boolean =>
  namespace?.toLowerCase() === PROVIDER.toLowerCase()

/** `onlineendpoints`, for any path of that type. */
export function kindOf(path: ArmPath): string {
  return path.type.slice(path.type.lastIndexOf('/') + 1)
}

export function isLongRunning(path: ArmPath, method: string): boolean {
  if (!isOfAzureMl(path)) return false
  if (path.type.startsWith('registries')) return true
  const kind = kindOf(path)
  if (kind === 'versions') return LONG_RUNNING.has(path.type.split('/').at(-2) ?? '')
  return LONG_RUNNING.has(kind) || (kind === 'jobs' && method === 'DELETE')
}

export function isLongRunningAction(action: string): boolean {
  return LONG_RUNNING_ACTIONS.has(action.toLowerCase())
}

/** A container of versions, which exists by them only. */
export function isContainer(path: ArmPath): boolean {
  return VERSIONED.has(kindOf(path))
}

export function isVersion(path: ArmPath): boolean {
  return kindOf(path) === 'versions' && VERSIONED.has(path.type.split('/').at(-2) ?? '')
}

/** Where the lab's other hosts are: they appear in documents. */
export interface Hosts {
  readonly dataPlane: string
  /** With `{endpoint}` and `{region}` in it, or one host for all. */
  readonly scoring: string
  /** Where records are sent. */
  readonly ingestion?: string
}

/** `azureml://host/mlflow/v1.0<workspace>`, as Azure writes it. */
function trackingUri(hosts: Hosts, workspace: string): string {
  return `azureml://${new URL(hosts.dataPlane).host}/mlflow/v1.0${workspace}`
}

/** Origin of an endpoint. */
function scoringHost(hosts: Hosts, endpoint: string): string {
  return hosts.scoring.replace('{endpoint}', endpoint).replace('{region}', REGION)
}

/** Properties that Azure adds of its own, by type. */
export function ownProperties(path: ArmPath, hosts: Hosts, given: Document): Document {
  const name = path.pairs.at(-1)?.[1] ?? ''
  if (!isOfAzureMl(path)) return around(path, hosts.ingestion)
  switch (path.type) {
    case 'workspaces':
      return {
        workspaceId: randomUUID(),
        friendlyName: name,
        discoveryUrl: `${hosts.dataPlane}/discovery`,
        mlFlowTrackingUri: trackingUri(hosts, path.id),
        publicNetworkAccess: 'Enabled',
      }
    case 'workspaces/jobs':
      return {
        status: 'NotStarted',
        services: {
          Tracking: {
            jobServiceType: 'Tracking',
            endpoint: trackingUri(hosts, path.id.split('/').slice(0, -2).join('/')),
          },
          Studio: {
            jobServiceType: 'Studio',
            endpoint: `https://ml.azure.com/runs/${name}?wsid=${workspaceId()}`,
          },
        },
      }
    case 'workspaces/onlineendpoints':
      return {
        scoringUri: `${scoringHost(hosts, name)}/score`,
        swaggerUri: `${scoringHost(hosts, name)}/swagger.json`,
        traffic: {},
        ...(given['authMode'] === undefined ? { authMode: 'AADToken' } : {}),
      }
    case 'workspaces/onlineendpoints/deployments':
      return { scaleSettings: { scaleType: 'Default' }, properties: {} }
    case 'workspaces/models/versions':
      return { flavors: {}, properties: {}, tags: {} }
    case 'workspaces/batchendpoints':
      return {
        scoringUri: `${scoringHost(hosts, name)}/jobs`,
        swaggerUri: `${scoringHost(hosts, name)}/swagger.json`,
      }
    default:
      return {}
  }
}

/** The life of a job, by how often it was read. */
export function jobStatus(reads: number): string {
  return ['Starting', 'Running'][reads - 1] ?? 'Completed'
}

/** A secret that tests look for where it must not be. */
function labSecret(what: string): string {
  return `lab-secret-${what}-${'0123456789abcdef'.repeat(2)}`
}

const keys = (what: string): Document => ({
  primaryKey: labSecret(`${what}-primary`),
  secondaryKey: labSecret(`${what}-secondary`),
})

function pendingUpload(path: ArmPath): Document {
  const container = `https://labstorage.blob.core.windows.net/${randomUUID()}`
  return {
    pendingUploadId: randomUUID(),
    pendingUploadType: 'TemporaryBlobReference',
    blobReferenceForConsumption: {
      blobUri: container,
      storageAccountArmId: `${path.id.split('/providers/')[0]}/providers/Microsoft.Storage/storageAccounts/labstorage`,
      credential: {
        credentialType: 'SAS',
        sasUri: `${container}?sv=2024-11-04&sr=c&sp=racwl&sig=${labSecret('sas')}`,
      },
    },
  }
}

/** What a POST to `<resource>/<action>` answers at once; null if it says nothing in its body. */
export function actionResult(path: ArmPath, action: string, resource: Document): unknown {
  const kind = kindOf(path)
  switch (action.toLowerCase()) {
    case 'listkeys':
      if (kind !== 'workspaces') return keys(kind)
      return {
        userStorageKey: labSecret('storage'),
        appInsightsInstrumentationKey: labSecret('insights'),
        notebookAccessKeys: {
          primaryAccessKey: labSecret('notebook'),
          secondaryAccessKey: labSecret('notebook-2'),
        },
      }
    case 'liststorageaccountkeys':
      return { userStorageKey: labSecret('storage') }
    case 'listnotebookkeys':
      return {
        primaryAccessKey: labSecret('notebook'),
        secondaryAccessKey: labSecret('notebook-2'),
      }
    case 'listnotebookaccesstoken':
      return {
        accessToken: labSecret('notebook-token'),
        refreshToken: labSecret('notebook-refresh'),
        tokenType: 'Bearer',
        expiresIn: 3600,
        hostName: 'ws-lab.eastus.notebooks.azure.net',
      }
    case 'listsecrets':
      return kind === 'connections'
        ? {
            ...resource,
            properties: { authType: 'ApiKey', credentials: { key: labSecret('connection') } },
          }
        : { secretsType: 'AccountKey', key: labSecret('datastore') }
    case 'token':
      return {
        accessToken: labSecret('endpoint-token'),
        expiryTimeUtc: Math.floor(Date.now() / 1000) + 3600,
        refreshAfterTimeUtc: Math.floor(Date.now() / 1000) + 1800,
        tokenType: 'Bearer',
      }
    case 'startpendingupload':
    case 'createorgetstartpendingupload':
      return pendingUpload(path)
    case 'listnodes':
      return {
        nodes: [{ nodeId: 'tvm-1', nodeState: 'idle', privateIpAddress: '10.0.0.4', port: 50000 }],
      }
    case 'getlogs':
      return { content: 'Instance status: Healthy\n' }
    case 'diagnose':
      return { value: {} }
    default:
      return null
  }
}
