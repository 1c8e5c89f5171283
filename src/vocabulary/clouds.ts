/**
 * Azure's clouds: where each family of calls is answered and for whom its tokens are made.
 *
 * Source: Microsoft's "Azure Machine Learning in sovereign clouds" and the endpoints that azure-ai-ml and the
 * Azure CLI have built in for the three clouds. Registries' discovery and `azure-ai-ml` (`_registry_utils.py`) name a
 * region's data plane `cert-{region}.experiments.azureml.net`.
 * @module
 */

/** `{region}` and `{endpoint}` stand for one label of the host name. */
export interface CloudHosts {
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
}

export const CLOUDS = {
  AzureCloud: {
    resourceManager: 'https://management.azure.com',
    dataPlane: 'https://{region}.api.azureml.ms',
    dataPlaneAliases: ['https://cert-{region}.experiments.azureml.net'],
    scoring: 'https://{endpoint}.{region}.inference.ml.azure.com',
    armScope: 'https://management.azure.com/.default',
    mlScope: 'https://ml.azure.com/.default',
    homeRegion: 'eastus',
  },
  AzureUSGovernment: {
    resourceManager: 'https://management.usgovcloudapi.net',
    dataPlane: 'https://{region}.api.ml.azure.us',
    dataPlaneAliases: [],
    scoring: 'https://{endpoint}.{region}.inference.ml.azure.us',
    armScope: 'https://management.usgovcloudapi.net/.default',
    mlScope: 'https://ml.azure.us/.default',
    homeRegion: 'usgovarizona',
  },
  AzureChinaCloud: {
    resourceManager: 'https://management.chinacloudapi.cn',
    dataPlane: 'https://{region}.api.ml.azure.cn',
    dataPlaneAliases: [],
    scoring: 'https://{endpoint}.{region}.inference.ml.azure.cn',
    armScope: 'https://management.chinacloudapi.cn/.default',
    mlScope: 'https://ml.azure.cn/.default',
    homeRegion: 'chinaeast2',
  },
} as const satisfies Record<string, CloudHosts>
