/**
 * What stands around a gateway and its workspaces: which providers' resources the lab keeps, and what Azure adds to their
 * properties.
 * @module
 */
import { createHash } from 'node:crypto'
import { IDENTITIES, LOGS_WORKSPACE, RULE_ID } from '../../personas.ts'
import type { ArmPath } from './paths.ts'
import type { Document } from './store.ts'

/** Namespaces of providers, in lower case. */
export const AROUND = [
  'microsoft.app',
  'microsoft.authorization',
  'microsoft.containerservice',
  'microsoft.insights',
  'microsoft.keyvault',
  'microsoft.managedidentity',
  'microsoft.network',
  'microsoft.operationalinsights',
  'microsoft.storage',
] as const

/** Azure's own roles on these resources. What they permit is asked by nobody here. */
export const ROLES_AROUND: ReadonlyMap<string, string> = new Map([
  ['Key Vault Crypto User', '12338af0-0e69-4776-bea7-57ae8d297424'],
  ['Key Vault Secrets User', '4633458b-17de-408a-b874-0445c86b69e6'],
  ['Log Analytics Data Reader', '3b03c2da-16b3-4a49-8834-0f8130efdd3b'],
  ['Monitoring Metrics Publisher', '3913510d-42f4-4e42-8a64-420c390055eb'],
  ['Network Contributor', '4d97b98b-1d4f-4787-a291-c67834d212e7'],
  ['Storage Blob Data Contributor', 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'],
])

/** The same GUID for the same text. */
function guidOf(text: string): string {
  const hex = createHash('sha256').update(text.toLowerCase()).digest('hex')
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5')
}

/** Identities of the lab by the ends of their names: `harness-ml-reader` is `ml-reader`. */
function identityOf(path: ArmPath, name: string): Document {
  const known = IDENTITIES.find((one) => name === one.name || name.endsWith(`-${one.name}`))
  return {
    clientId: known?.clientId ?? guidOf(`${path.id} client`),
    principalId: known?.oid ?? guidOf(`${path.id} principal`),
  }
}

/** The object id of a resource's own identity. */
export const ownIdentityOf = (path: ArmPath): string => guidOf(`${path.id} identity`)

/** Properties that Azure adds to a resource of another provider than Azure ML's; `ingestion` is where records are sent. */
export function around(path: ArmPath, ingestion?: string): Document {
  const name = path.pairs.at(-1)?.[1] ?? ''
  switch (`${path.namespace?.toLowerCase()}/${path.type}`) {
    case 'microsoft.managedidentity/userassignedidentities':
      return identityOf(path, name)
    case 'microsoft.operationalinsights/workspaces':
      return { customerId: LOGS_WORKSPACE }
    case 'microsoft.insights/datacollectionrules':
      return {
        immutableId: RULE_ID,
        endpoints: {
          logsIngestion: ingestion ?? `https://${name}.eastus-1.ingest.monitor.azure.com`,
        },
      }
    case 'microsoft.keyvault/vaults':
      return { vaultUri: `https://${name}.vault.azure.net/` }
    case 'microsoft.keyvault/vaults/keys': {
      const version = guidOf(path.id).replaceAll('-', '')
      const vault = path.pairs[0]?.[1] ?? ''
      return { keyUriWithVersion: `https://${vault}.vault.azure.net/keys/${name}/${version}` }
    }
    case 'microsoft.storage/storageaccounts':
      return {
        primaryEndpoints: {
          blob: `https://${name}.blob.core.windows.net/`,
          file: `https://${name}.file.core.windows.net/`,
        },
      }
    case 'microsoft.containerservice/managedclusters':
      return {
        oidcIssuerProfile: {
          enabled: true,
          issuerURL: `https://eastus.oic.prod-aks.azure.com/${guidOf(path.id)}/`,
        },
        identityProfile: { kubeletidentity: { objectId: guidOf(`${path.id} kubelet`) } },
      }
    case 'microsoft.app/managedenvironments':
      return {
        defaultDomain: `${name}.eastus.azurecontainerapps.io`,
        staticIp: '10.40.0.10',
        customDomainConfiguration: { customDomainVerificationId: guidOf(path.id) },
      }
    default:
      return {}
  }
}
