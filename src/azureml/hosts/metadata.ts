/**
 * The gateway as an Azure cloud: `/metadata/endpoints` and `/discovery`, as each client expects them.
 *
 * azure-ai-ml and azureml-mlflow read a list of clouds (and only `name`, `portal`, `resourceManager`,
 * `authentication.loginEndpoint`, `suffixes.storage`), the Azure CLI and Terraform one object or a list by
 * api-version. Both documents hold nothing secret and are served without a token: clients ask for them before
 * they have one.
 * @module
 */
import { CLOUDS, type CloudName } from '../../vocabulary/clouds.ts'

/** What of the configuration the documents say. */
export interface MetadataOptions {
  /** The gateway's own origin, without a trailing slash. */
  readonly publicUrl: string
  /** Azure's cloud behind it. */
  readonly cloud: CloudName
  /** What the Azure CLI asks tokens for; the gateway itself if not given. */
  readonly audience?: string
}

/** It must not be a name that clients know, or they would go to Azure itself. */
export const CLOUD_NAME = 'AzureMLHarness'

/** 2015-01-01 is what `az cloud register` asks for; clients since 2022 want the object alone. */
const LEGACY_VERSION = '2015-01-01'
const SINGLE_OBJECT_SINCE = '2022-01-01'

/**
 * The answer to `GET /metadata/endpoints`.
 *
 * @param apiVersion the call's `api-version`, or null; without one the list is what most clients can read
 */
export function metadataDocument(apiVersion: string | null, options: MetadataOptions): object {
  const { publicUrl, cloud, audience = publicUrl } = options
  const { authorityHost, sites } = CLOUDS[cloud]
  if (apiVersion === LEGACY_VERSION) {
    return {
      galleryEndpoint: sites.gallery,
      graphEndpoint: sites.graph,
      portalEndpoint: sites.portal,
      authentication: { loginEndpoint: `${authorityHost}/`, audiences: [audience] },
    }
  }
  const { portal, graph, sqlManagement, batch, gallery, media, suffixes } = sites
  const document = {
    name: CLOUD_NAME,
    portal,
    resourceManager: `${publicUrl}/`,
    // Terraform takes a cloud for Azure Stack unless the provider is AAD and the tenant common
    authentication: {
      loginEndpoint: authorityHost,
      audiences: [audience],
      tenant: 'common',
      identityProvider: 'AAD',
    },
    graph,
    graphAudience: graph,
    microsoftGraphResourceId: sites.microsoftGraph,
    sqlManagement,
    batch,
    gallery,
    media,
    vmImageAliasDoc:
      'https://raw.githubusercontent.com/Azure/azure-rest-api-specs/master/arm-compute/quickstart-templates/aliases.json',
    suffixes,
  }
  return apiVersion !== null && apiVersion >= SINGLE_OBJECT_SINCE ? document : [document]
}

/** Services that clients look up in the discovery document; all are this gateway. */
const SERVICES = [
  'api',
  'catalog',
  'experimentation',
  'history',
  'hyperdrive',
  'labeling',
  'modelmanagement',
  'pipelines',
  'studio',
] as const

/** The answer to `GET /discovery`: every service is at the gateway. */
export function discoveryDocument(publicUrl: string): Readonly<Record<string, string>> {
  return Object.fromEntries(SERVICES.map((service) => [service, publicUrl]))
}
