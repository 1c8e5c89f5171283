/**
 * ARM's answers about storage: the workspace's datastore, and SAS for uploads if the lab has a storage account.
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { ArmPath } from './paths.ts'
import type { Document } from './store.ts'
import { STORAGE_ACCOUNT } from '../azurite.ts'
import { ARTIFACT_CONTAINER, DATASTORE_CONTAINER, type Storage } from '../storage.ts'

/** The datastores that Azure makes with each workspace, and their containers; the first one is the default. */
export const DATASTORES = [
  ['workspaceblobstore', DATASTORE_CONTAINER],
  // what runs leave behind
  ['workspaceartifactstore', ARTIFACT_CONTAINER],
] as const

export function datastoreDocument(containerName: string): Document {
  return {
    properties: {
      datastoreType: 'AzureBlob',
      accountName: STORAGE_ACCOUNT,
      containerName,
      endpoint: 'core.windows.net',
      protocol: 'https',
      credentials: { credentialsType: 'AccountKey' },
      serviceDataAccessAuthIdentity: 'None',
      isDefault: containerName === DATASTORE_CONTAINER,
      subscriptionId: null,
      resourceGroup: null,
    },
  }
}

/** A real upload or secret for the actions that hand one out; null for all others, or if there is no storage. */
export async function storageResult(
  storage: Storage | undefined,
  path: ArmPath,
  action: string,
): Promise<Document | null> {
  if (storage === undefined) return null
  const verb = action.toLowerCase()
  if (verb === 'listsecrets' && path.type === 'workspaces/datastores') {
    return { secretsType: 'Sas', sasToken: storage.azurite.sas('racwdl', DATASTORE_CONTAINER) }
  }
  if (!verb.endsWith('startpendingupload')) return null
  const container = await storage.newContainer()
  return {
    pendingUploadId: randomUUID(),
    pendingUploadType: 'TemporaryBlobReference',
    blobReferenceForConsumption: {
      blobUri: storage.url(container),
      storageAccountArmId:
        `${path.id.split('/providers/')[0]}` +
        `/providers/Microsoft.Storage/storageAccounts/${STORAGE_ACCOUNT}`,
      credential: { credentialType: 'SAS', sasUri: storage.signed('racwl', container) },
    },
  }
}
