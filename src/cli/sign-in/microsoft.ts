/**
 * What belongs to Microsoft's own services: a gateway that asks for a token of these would get one that works at Azure,
 * Graph or a vault, in the name of whoever signed in.
 * @module
 */
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
  'azconfig.io', 'azurecr.io', 'azmk8s.io', 'aadrm.com', 'bing.com', 'yammer.com', 'signalr.net', 'aka.ms', 'svc.ms',
  'msidentity.com', 'msauth.net', 'msftauth.net', 'xboxlive.com', 'cloudappsecurity.com', 'appsplatform.us',
  'powerapps.us', 'powerbigov.us', 'sharepoint.cn', 'sharepoint.us', 'sharepoint.de', 'sharepoint-mil.us',
  'office365.cn', 'outlook.cn', 'outlook.de', 'dps.mil', 'apps.mil',
  'azure-apim.net', 'azure-devices.net', 'azure-devices-provisioning.net', 'azure-automation.net',
  'powerbi.cn', 'securitycenter.onmicrosoft.com', 'windowsdefenderatp.onmicrosoft.com',
] // prettier-ignore
/**
 * A registered domain with Microsoft's own words at its beginning, whatever follows: services of new clouds are not in any
 * list. `contoso.onmicrosoft.com` and hosts that Azure rents out are their tenants'.
 */
const REGISTERED =
  /(?:^|\.)(?:azure|microsoft|windowsazure|windowsnet|msft|usgovcloud|chinacloud|office365|sharepoint|powerbi|powerapps|powerplatform|visualstudio)[a-z\d]*(?:\.(?:com?|net|org|gov))?\.[a-z]+$/
/** The clouds of Azure Government Secret and Top Secret, and Microsoft's own top-level domains. */
const TOP = /\.(?:scloud|ic\.gov|microsoft|azure|windows|office|skype|xbox|bing|hotmail)$/
const RENTED =
  /(?:^|\.)(?:azurewebsites\.(?:net|us|cn)|azurecontainerapps\.(?:io|us|cn)|azurestaticapps\.net|azurefd\.net)$/
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
  '35ffadb3-7fc1-497e-b61b-381d28e744cc', // Azure App Configuration
  'c44b4083-3bb0-49c1-b47d-974e53cbdf3c', // Azure Portal
  'abfa0a7c-a6b6-4736-8310-5855508787cd', // Azure App Service
  '80369ed6-5f11-4dd9-bef3-692475845e77', // Event Hubs
  '80a10ef9-8168-493d-abf9-3297c4ef6e3c', // Service Bus
  '880da380-985e-4198-81b9-e05b1cc53158', // Azure AI Search
  'a232010e-820c-4083-83bb-3ace5fc29d0b', // Azure Cosmos DB
  '123cd850-d9df-40bd-94d5-c9f07b7fa203', // Azure databases for PostgreSQL and MySQL
  '80faf920-1908-4b52-b5ef-a8e7bedfc67a', // Azure Kubernetes Service AAD Client
  '73c2949e-da2d-457a-9607-fcc665198967', // Purview
  'c5393580-f805-4401-95e8-94b7a6ef2fc2', // Office 365 Management APIs
  'fc780465-2017-40d4-a0c5-307022471b92', // Defender for Endpoint
  '8ee8fdad-f234-4243-8f3b-15c294843740', // Threat Protection
  '05a65629-4c1b-48c1-a78b-804c4abdd4af', // Cloud App Security
  '7df0a125-d3be-4c96-aa54-591f83ff541c', // Flow
  '475226c6-020e-4fb2-8a90-7a972cbfc1d4', // PowerApps
  '871c010f-5e61-4fb1-83ac-98610a7e9110', // Power BI
  'cc15fd57-2c6c-4117-a88c-83b1d56b4bbe', // Teams Services
  '5e3ce6c0-2b1f-4285-8d4b-75ee78787346', // Teams Web
  '4765445b-32c6-49b0-83e6-1d93765276ca', // OfficeHome
  '89bee1f7-5e6e-4d8a-9f3d-ecd601259da7', // Office 365 Shell
  'ab9b8c07-8f02-4f72-87fa-80105867a763', // OneDrive
  '9bc3ab49-b65d-410a-85ad-de819febfddc', // SharePoint Online Management Shell
  'fb78d390-0c51-40cd-8e17-fdbfab77341b', // Exchange REST
  'de8bc8b5-d9f9-48b1-a8ad-b748da725064', // Graph Explorer
  '45a330b1-b1ec-4cc1-9161-9f03992aa49f', // Windows Store for Business
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

const GUID = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g

/** Whether a token with this audience works at a service of Microsoft's. What cannot be read does. */
export function isMicrosoftAudience(audience: string): boolean {
  const plain = audience
    .trim()
    .toLowerCase()
    .replace(/^(?:spn:)+/, '')
    .replace(/\/+$/, '')
  if (plain === '') return true
  // wherever it stands: `api://ID`, `ID/host@tenant`
  if ((plain.match(GUID) ?? []).some(isMicrosoftApplication)) return true
  if (!plain.includes(':')) return plain.split(/[/@]/).some(isMicrosoftHost)
  if (!URL.canParse(plain)) return true
  const url = new URL(plain)
  if (url.username !== '' || url.password !== '') return true
  if (!KNOWN_SCHEMES.has(url.protocol)) return true
  if (url.protocol === 'urn:')
    return /(?:^|:)(?:ms-|microsoft)/.test(url.pathname) || isAnyHost(url.pathname)
  if (url.protocol !== 'api:') return isMicrosoftHost(url.hostname)
  // `api://AzureADTokenExchange` is what workload identities are exchanged with; the path may be what a service is named by
  const isExchange = url.hostname.startsWith('azureadtokenexchange')
  return isExchange || isMicrosoftHost(url.hostname) || isAnyHost(url.pathname)
}

function isAnyHost(text: string): boolean {
  return text.split(/[/:@]/).some(isMicrosoftHost)
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
  const plain = host.replace(/\.+$/, '')
  const isKnown = DOMAINS.some((domain) => plain === domain || plain.endsWith(`.${domain}`))
  return isKnown || TOP.test(plain) || (REGISTERED.test(plain) && !RENTED.test(plain))
}
