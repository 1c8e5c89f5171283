/**
 * What belongs to Microsoft's own services: a gateway that asks for a token of these would get one that works at Azure,
 * Graph or a vault, in the name of whoever signed in.
 * @module
 */
import { isGuid } from '../../lib/guid.ts'
import type { ProfileName } from '../../vocabulary/profiles.ts'

/** Domains whose names only Microsoft can have; all that is below them, too. */
const DOMAINS = [
  'azure.com', 'azure.net', 'azure.us', 'azure.cn', 'azure.de', 'azure-api.net', 'azureml.ms', 'azureml.us',
  'azuredatalakestore.net', 'azuresynapse.net', 'azuredatabricks.net', 'windows.net', 'windows-int.net',
  'windowsazure.com', 'microsoft.com', 'microsoft.net', 'microsoft.us', 'microsoftonline.com', 'microsoftonline.us',
  'microsoftonline.cn', 'microsoftonline.de', 'microsoftgraph.com', 'usgovcloudapi.net', 'chinacloudapi.cn',
  'cloudapi.de', 'partner.microsoftonline.cn', 'office.com', 'office.net', 'office365.com', 'office365.us',
  'outlook.com', 'live.com', 'sharepoint.com', 'onenote.com', 'skype.com', 'dynamics.com', 'dynamics.cn',
  'powerbi.com', 'powerapps.com', 'powerplatform.com', 'flow.microsoft.com', 'visualstudio.com', 'msft.net',
  'cloud.microsoft', 'ciamlogin.com', 'b2clogin.com', 'windows-ppe.net', 'loganalytics.io', 'applicationinsights.io', 'kusto.net', 'fabric.microsoft.com',
] // prettier-ignore
/** Application ids with this form are Microsoft's: `00000003-0000-0000-c000-000000000000` is Graph. */
const FIRST_PARTY_FORM = /^[0-9a-f]{8}-0000-0000-c000-000000000000$/
/** Others that tokens are asked for or with (learn.microsoft.com, "Verify first-party Microsoft applications"). */
const FIRST_PARTY = new Set([
  '0736f41a-0425-4b46-bdb5-1563eff02385', // Azure Machine Learning
  '18a66f5f-dbdf-4c17-9dd7-1634712a9cbe', // Azure Machine Learning Services
  '607ece82-f922-494f-88b8-30effaf12214', // Azure Machine Learning OpenAI
  '797f4846-ba00-4fd7-ba43-dac1f8f63013', // Azure Service Management
  'e406a681-f3d4-42a8-90b6-c2b029497af1', // Azure Storage
  'cfa8b339-82a2-471a-a3c9-0fc0be7a4093', // Azure Key Vault
  '022907d3-0f1b-48f7-badc-1ba6abab6d66', // Azure SQL Database
  '2746ea77-4702-4b45-80ca-3c97e680e8b7', // Azure Data Explorer
  'ca7f3f0b-7d91-482c-8e09-c5d840d0eac5', // Log Analytics API
  '499b84ac-1321-427f-aa17-267ca6975798', // Azure DevOps
  '2ff814a6-3304-4ab8-85cb-cd0e6f879c1d', // Azure Databricks
  '6dae42f8-4368-4678-94ff-3960e28e3630', // Azure Kubernetes Service AAD Server
  '7d312290-28c8-473c-a0ed-8e53749b6d6d', // Azure Cognitive Services
  'ea890292-c8c8-4433-b5ea-b09d0668e1a6', // Azure Credential Configuration Endpoint
  '04b07795-8ddb-461a-bbee-02f9e1bf7b46', // Azure CLI
  '1950a258-227b-4e31-a9cf-717495945fc2', // Azure PowerShell
  '872cd9fa-d31f-45e0-9eab-6e460a02d1f1', // Visual Studio
  'aebc6443-996d-45c2-90f0-388ff96faa56', // Visual Studio Code
  '14d82eec-204b-4c2f-b7e8-296a70dab67e', // Graph command line tools
  'd3590ed6-52b3-4102-aeff-aad2292ab01c', // Office
  '1fec8e78-bce4-4aaf-ab1b-5451cc387264', // Teams
  '29d9ed98-a469-4536-ade2-f981bc1d605e', // Authentication Broker
  '27922004-5251-4030-b22d-91ecd9a37ea4', // Outlook Mobile
  '1b730954-1685-4b74-9bfd-dac224a7b894', // Azure Active Directory PowerShell
  'cf36b471-5b44-428c-9ce7-313bf84528de', // Bing Search
]) // prettier-ignore
/** Schemes of the names that applications are given (Entra ID: "Restrictions on identifier URIs"); Okta's are free. */
const KNOWN_SCHEMES = new Set(['https:', 'http:', 'api:', 'urn:'])
/** What a token of Entra's carries of its owner whichever service it is for. */
const OPENID_SCOPES = new Set(['openid', 'profile', 'email', 'offline_access'])

/** Whether an application id is known to be Microsoft's. */
export function isMicrosoftApplication(id: string): boolean {
  const plain = id.trim().toLowerCase()
  return FIRST_PARTY.has(plain) || FIRST_PARTY_FORM.test(plain)
}

/** Whether a token with this audience works at a service of Microsoft's. What cannot be read does. */
export function isMicrosoftAudience(audience: string): boolean {
  const plain = audience.trim().toLowerCase().replace(/^spn:/, '').replace(/\/+$/, '')
  if (plain === '') return true
  if (isGuid(plain)) return isMicrosoftApplication(plain)
  if (!plain.includes(':')) return isMicrosoftHost(plain.split('/')[0] ?? '')
  if (!URL.canParse(plain)) return true
  const url = new URL(plain)
  if (url.username !== '' || url.password !== '') return true
  const host = url.hostname === '' ? (url.pathname.split('/')[0] ?? '') : url.hostname
  if (!KNOWN_SCHEMES.has(url.protocol)) return true
  if (url.protocol !== 'api:') return isMicrosoftHost(host)
  // `api://AzureADTokenExchange` is what workload identities are exchanged with
  return (
    host.startsWith('azureadtokenexchange') || isMicrosoftApplication(host) || isMicrosoftHost(host)
  )
}

/**
 * Whether a scope asks an issuer for a token of a service of Microsoft's. Entra ID takes one that names no resource for
 * one of Graph's, and is asked also where the gateway says that its issuer is another's.
 */
export function isMicrosoftScope(scope: string, { profile, issuer }: Asked): boolean {
  const plain = scope.trim()
  if (OPENID_SCOPES.has(plain.toLowerCase())) return false
  const end = plain.lastIndexOf('/')
  const isEntra =
    profile === 'entra' || !URL.canParse(issuer) || isMicrosoftHost(new URL(issuer).hostname)
  if (end <= 0 || !plain.includes(':')) return isEntra
  return isMicrosoftAudience(plain.slice(0, end))
}

/** Whom a scope is asked of. */
interface Asked {
  readonly profile: ProfileName
  readonly issuer: string
}

function isMicrosoftHost(host: string): boolean {
  const plain = host.replace(/\.$/, '')
  return DOMAINS.some((domain) => plain === domain || plain.endsWith(`.${domain}`))
}
