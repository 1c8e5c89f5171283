// The gateway on Azure Kubernetes Service: all that the Helm chart in deploy/helm needs, and its values.
targetScope = 'resourceGroup'

@description('What names begin with.')
@minLength(3)
@maxLength(20)
param namePrefix string

@description('The region.')
param location string = resourceGroup().location

@description('Tags of every resource.')
param tags object = {}

@description('The cloud.')
@allowed(['AzureCloud', 'AzureUSGovernment', 'AzureChinaCloud'])
param cloud string = 'AzureCloud'

@description('Id of the tenant.')
@minLength(36)
@maxLength(36)
param tenantId string

@description('Resource ids of the Azure ML workspaces that are to be reached through private endpoints.')
param workspaceIds array

@description('What `azureml-harness policy export --json` printed.')
param policyExport object

@description('Name of the vault, unique in Azure.')
@minLength(3)
@maxLength(24)
param vaultName string

@description('premium keeps the key that signs reviews in hardware.')
@allowed(['standard', 'premium'])
param vaultSku string = 'standard'

@description('Name of the storage account of reviews, unique in Azure.')
@minLength(3)
@maxLength(24)
param storageAccountName string

@description('How many copies of reviews there are, and where.')
@allowed(['Standard_ZRS', 'Standard_GZRS', 'Standard_LRS', 'Standard_GRS'])
param storageSku string = 'Standard_ZRS'

@description('Days for which a document of a review cannot be changed or deleted.')
@minValue(1)
@maxValue(146000)
param immutabilityInDays int = 365

@description('Days in which records can be queried at once.')
@minValue(30)
@maxValue(730)
param retentionInDays int = 90

@description('Days for which records are kept in all.')
@minValue(30)
@maxValue(4383)
param totalRetentionInDays int = 730

@description('Addresses of the network.')
@minLength(9)
@maxLength(18)
param addressPrefix string = '10.40.0.0/16'

@description('Addresses of the gateway.')
@minLength(9)
@maxLength(18)
param gatewayPrefix string = '10.40.0.0/22'

@description('Addresses of the private endpoints.')
@minLength(9)
@maxLength(18)
param endpointPrefix string = '10.40.8.0/24'

@description('Addresses from which compute of the workspaces reaches the private endpoints.')
param computePrefixes array = []

@description('Azure Policy on resource groups of this subscription: name, resourceGroup, definitionId, parameters, enforcementMode and roleIds of each.')
param policyAssignments array = []

@description('The name that clients use; its certificate is yours.')
@minLength(4)
@maxLength(253)
param hostName string

@description('issuers of harness.yaml.')
@minLength(1)
param issuers array

@description('Further keys of harness.yaml, such as limits, help and console.')
param settings object = {}

@description('Version of Kubernetes, such as 1.33.')
@minLength(4)
@maxLength(10)
param kubernetesVersion string

@description('Size of the nodes.')
param nodeSize string = 'Standard_D4s_v5'

@description('Nodes at least; one in each zone.')
@minValue(3)
@maxValue(100)
param nodeCount int = 3

@description('Nodes at most.')
@minValue(3)
@maxValue(100)
param maxNodeCount int = 6

@description('Object ids of the groups in Entra ID that administer the cluster.')
@minLength(1)
param adminGroupIds array

@description('Namespace that the chart is installed in.')
@minLength(1)
@maxLength(63)
param kubernetesNamespace string = 'azureml-harness'

@description('Name of the service account of the gateway.')
@minLength(1)
@maxLength(63)
param serviceAccount string = 'azureml-harness'

@description('Address of the load balancer: a free one of gatewayPrefix, not of its first four.')
@minLength(7)
@maxLength(15)
param serviceIp string

@description('Where the image of the gateway is, without tag.')
@minLength(3)
param imageRepository string

@description('Digest of the image, sha256:...')
@minLength(71)
@maxLength(71)
param imageDigest string

module base 'modules/base.bicep' = {
  name: '${namePrefix}-base'
  params: {
    namePrefix: namePrefix
    location: location
    tags: tags
    cloud: cloud
    tenantId: tenantId
    workspaceIds: workspaceIds
    policyExport: policyExport
    vaultName: vaultName
    vaultSku: vaultSku
    storageAccountName: storageAccountName
    storageSku: storageSku
    immutabilityInDays: immutabilityInDays
    retentionInDays: retentionInDays
    totalRetentionInDays: totalRetentionInDays
    addressPrefix: addressPrefix
    gatewayPrefix: gatewayPrefix
    endpointPrefix: endpointPrefix
    computePrefixes: computePrefixes
    policyAssignments: policyAssignments
    runtime: 'kubernetes'
  }
}

module cluster 'modules/cluster.bicep' = {
  name: '${namePrefix}-cluster'
  params: {
    namePrefix: namePrefix
    location: location
    tags: tags
    kubernetesVersion: kubernetesVersion
    nodeSize: nodeSize
    nodeCount: nodeCount
    maxNodeCount: maxNodeCount
    adminGroupIds: adminGroupIds
    subnetId: base.outputs.gatewaySubnetId
    workspaceId: base.outputs.logs.workspaceId
  }
}

module federation 'modules/federation.bicep' = {
  name: '${namePrefix}-federation'
  params: {
    identityNames: map(base.outputs.identities, one => (one.name))
    issuerUrl: cluster.outputs.issuerUrl
    kubernetesNamespace: kubernetesNamespace
    serviceAccount: serviceAccount
  }
}

module entry 'modules/entry.bicep' = {
  name: '${namePrefix}-entry'
  params: {
    namePrefix: namePrefix
    tags: tags
    hostName: hostName
    ipAddress: serviceIp
    networkId: base.outputs.networkId
  }
}

module configuration 'modules/configuration.bicep' = {
  name: '${namePrefix}-configuration'
  params: {
    hostName: hostName
    cloud: cloud
    tenantId: tenantId
    runtime: 'kubernetes'
    identities: base.outputs.identities
    logs: base.outputs.logs
    reviewKeyUri: base.outputs.reviewKeyUri
    ledgerUrl: base.outputs.ledgerUrl
    issuers: issuers
    settings: settings
  }
}

var byDuty = toObject(base.outputs.identities, one => (one.duty))

@description('Name of the cluster.')
output clusterName string = cluster.outputs.clusterName

@description('Object id of the identity that pulls images: give it AcrPull on your registry.')
output kubeletPrincipalId string = cluster.outputs.kubeletPrincipalId

@description('For each duty the resource, client and object id of its identity.')
output identities array = base.outputs.identities

@description('harness.yaml, as far as what was made here decides it.')
output configuration object = configuration.outputs.configuration

@description('Values of the Helm chart: write them to a file; policies and bindings are yours.')
output helmValues object = {
  image: {
    repository: imageRepository
    digest: imageDigest
  }
  config: configuration.outputs.configuration
  tls: { secretName: 'azureml-harness-tls' }
  secrets: {
    keyVault: {
      enabled: true
      name: vaultName
      tenantId: tenantId
      clientId: byDuty['secrets-reader'].clientId
      objects: { 'operation-key': 'operation-key' }
    }
  }
  serviceAccount: { name: serviceAccount }
  workloadIdentity: { clientId: byDuty['ml-reader'].clientId }
  service: {
    type: 'LoadBalancer'
    annotations: {
      'service.beta.kubernetes.io/azure-load-balancer-internal': 'true'
      'service.beta.kubernetes.io/azure-load-balancer-ipv4': serviceIp
    }
  }
}
