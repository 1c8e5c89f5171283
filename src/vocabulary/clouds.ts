/**
 * Azure's clouds: where calls are answered, where tokens are issued and for whom, and what clients are told of each.
 *
 * Source: Microsoft's "Azure Machine Learning in sovereign clouds" and the endpoints that azure-ai-ml and the
 * Azure CLI have built in for the three clouds. Registries' discovery and `azure-ai-ml` (`_registry_utils.py`) name a
 * region's data plane `cert-{region}.experiments.azureml.net`. For tokens: Microsoft Learn, "Configure an application to
 * trust a managed identity", and AzureAuthorityHosts of @azure/identity.
 * @module
 */

/** `{region}` and `{endpoint}` stand for one label of the host name. */
interface Cloud {
  readonly resourceManager: string
  readonly dataPlane: string
  /** Other names of the data plane's hosts, which answers of Azure's have. */
  readonly dataPlaneAliases: readonly string[]
  readonly scoring: string
  /** Scope for ARM and the data plane: the workspace's services accept ARM's audience. */
  readonly armScope: string
  /** Scope for scoring endpoints. */
  readonly mlScope: string
  /** Where calls go that are of no region, such as registry discovery. */
  readonly homeRegion: string
  /** Entra's login endpoint. */
  readonly authorityHost: string
  /** Scope of the assertions with which an application trusts a managed identity. */
  readonly exchangeScope: string
  /** Azure Monitor's Logs query API. */
  readonly logs: string
  /** What documents about the cloud say besides; no call of the gateway goes there. */
  readonly sites: CloudSites
}

/** Other services of a cloud, by the names that its metadata document gives them. */
interface CloudSites {
  readonly portal: string
  readonly graph: string
  readonly microsoftGraph: string
  readonly sqlManagement: string
  readonly batch: string
  readonly gallery: string
  readonly media: string
  readonly suffixes: {
    readonly storage: string
    readonly keyVaultDns: string
    readonly sqlServerHostname: string
    readonly acrLoginServer: string
  }
}

/** The names that the configuration may give. */
export const CLOUD_NAMES = ['AzureCloud', 'AzureUSGovernment', 'AzureChinaCloud'] as const
export type CloudName = (typeof CLOUD_NAMES)[number]

export const CLOUDS: Readonly<Record<CloudName, Cloud>> = {
  AzureCloud: {
    resourceManager: 'https://management.azure.com',
    dataPlane: 'https://{region}.api.azureml.ms',
    dataPlaneAliases: ['https://cert-{region}.experiments.azureml.net'],
    scoring: 'https://{endpoint}.{region}.inference.ml.azure.com',
    armScope: 'https://management.azure.com/.default',
    mlScope: 'https://ml.azure.com/.default',
    homeRegion: 'eastus',
    authorityHost: 'https://login.microsoftonline.com',
    exchangeScope: 'api://AzureADTokenExchange/.default',
    logs: 'https://api.loganalytics.io',
    sites: {
      portal: 'https://portal.azure.com',
      graph: 'https://graph.windows.net/',
      microsoftGraph: 'https://graph.microsoft.com/',
      sqlManagement: 'https://management.core.windows.net:8443/',
      batch: 'https://batch.core.windows.net/',
      gallery: 'https://gallery.azure.com/',
      media: 'https://rest.media.azure.net',
      suffixes: {
        storage: 'core.windows.net',
        keyVaultDns: 'vault.azure.net',
        sqlServerHostname: 'database.windows.net',
        acrLoginServer: 'azurecr.io',
      },
    },
  },
  AzureUSGovernment: {
    resourceManager: 'https://management.usgovcloudapi.net',
    dataPlane: 'https://{region}.api.ml.azure.us',
    dataPlaneAliases: [],
    scoring: 'https://{endpoint}.{region}.inference.ml.azure.us',
    armScope: 'https://management.usgovcloudapi.net/.default',
    mlScope: 'https://ml.azure.us/.default',
    homeRegion: 'usgovarizona',
    authorityHost: 'https://login.microsoftonline.us',
    exchangeScope: 'api://AzureADTokenExchangeUSGov/.default',
    logs: 'https://api.loganalytics.us',
    sites: {
      portal: 'https://portal.azure.us',
      graph: 'https://graph.windows.net/',
      microsoftGraph: 'https://graph.microsoft.us/',
      sqlManagement: 'https://management.core.usgovcloudapi.net:8443/',
      batch: 'https://batch.core.usgovcloudapi.net/',
      gallery: 'https://gallery.usgovcloudapi.net/',
      media: 'https://rest.media.usgovcloudapi.net',
      suffixes: {
        storage: 'core.usgovcloudapi.net',
        keyVaultDns: 'vault.usgovcloudapi.net',
        sqlServerHostname: 'database.usgovcloudapi.net',
        acrLoginServer: 'azurecr.us',
      },
    },
  },
  AzureChinaCloud: {
    resourceManager: 'https://management.chinacloudapi.cn',
    dataPlane: 'https://{region}.api.ml.azure.cn',
    dataPlaneAliases: [],
    scoring: 'https://{endpoint}.{region}.inference.ml.azure.cn',
    armScope: 'https://management.chinacloudapi.cn/.default',
    mlScope: 'https://ml.azure.cn/.default',
    homeRegion: 'chinaeast2',
    authorityHost: 'https://login.chinacloudapi.cn',
    exchangeScope: 'api://AzureADTokenExchangeChina/.default',
    logs: 'https://api.loganalytics.azure.cn',
    sites: {
      portal: 'https://portal.azure.cn',
      graph: 'https://graph.chinacloudapi.cn/',
      microsoftGraph: 'https://microsoftgraph.chinacloudapi.cn/',
      sqlManagement: 'https://management.core.chinacloudapi.cn:8443/',
      batch: 'https://batch.chinacloudapi.cn/',
      gallery: 'https://gallery.chinacloudapi.cn/',
      media: 'https://rest.media.chinacloudapi.cn',
      suffixes: {
        storage: 'core.chinacloudapi.cn',
        keyVaultDns: 'vault.azure.cn',
        sqlServerHostname: 'database.chinacloudapi.cn',
        acrLoginServer: 'azurecr.cn',
      },
    },
  },
}
