// The gateway on Azure Container Apps. First without an image: then the vault exists, for the operation key and the certificate.
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

@description('EmptyDir loses records that are not shipped yet when a replica is removed.')
@allowed(['NfsAzureFile', 'EmptyDir'])
param spoolVolume string = 'NfsAzureFile'

@description('Name of the storage account of spools, unique in Azure; not used with EmptyDir.')
@minLength(3)
@maxLength(24)
param spoolStorageAccountName string

@description('Size of the share of spools.')
@minValue(100)
@maxValue(102400)
param spoolQuotaGib int = 100

@description('The image of the gateway with its digest, HOST/NAME@sha256:...; empty for everything but the app.')
param image string = ''

@description('Host of the registry that the secrets reader pulls the image from; empty for one that asks nobody.')
param registryServer string = ''

@description('Name of the certificate in the vault; not used without an image.')
@minLength(1)
@maxLength(127)
param certificateName string = 'gateway'

@description('bindings.yaml, its text.')
@minLength(1)
param bindings string

@description('Replicas at least.')
@minValue(1)
@maxValue(3)
param minReplicas int = 2

@description('Replicas at most.')
@minValue(1)
@maxValue(3)
param maxReplicas int = 3

var isComplete = !empty(image)
var isShared = spoolVolume == 'NfsAzureFile'

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
    runtime: 'container-apps'
  }
}

module spool 'modules/spool.bicep' = if (isShared) {
  name: '${namePrefix}-spool'
  params: {
    location: location
    tags: tags
    spoolStorageAccountName: spoolStorageAccountName
    spoolQuotaGib: spoolQuotaGib
  }
}

module spoolEndpoint 'modules/private-endpoints.bicep' = if (isShared) {
  name: '${namePrefix}-spool-endpoint'
  params: {
    namePrefix: namePrefix
    location: location
    tags: tags
    subnetId: base.outputs.endpointSubnetId
    endpoints: [
      {
        name: 'spool'
        resourceId: spool.outputs.storageAccountId
        groupId: 'file'
        zoneIds: base.outputs.fileZoneIds
      }
    ]
  }
}

var byDuty = toObject(base.outputs.identities, one => (one.duty))

module environment 'modules/environment.bicep' = {
  name: '${namePrefix}-environment'
  dependsOn: [spoolEndpoint]
  params: {
    namePrefix: namePrefix
    location: location
    tags: tags
    subnetId: base.outputs.gatewaySubnetId
    workspaceId: base.outputs.logs.workspaceId
    secretsReaderId: byDuty['secrets-reader'].id
    hasCertificate: isComplete
    certificateSecretUrl: isComplete ? '${base.outputs.vaultUri}secrets/${certificateName}' : ''
    hasSpool: isShared
    spoolServer: isShared ? spool.outputs.server : ''
    spoolShareName: isShared ? spool.outputs.shareName : ''
  }
}

module entry 'modules/entry.bicep' = {
  name: '${namePrefix}-entry'
  params: {
    namePrefix: namePrefix
    tags: tags
    hostName: hostName
    ipAddress: environment.outputs.ipAddress
    networkId: base.outputs.networkId
  }
}

module configuration 'modules/configuration.bicep' = {
  name: '${namePrefix}-configuration'
  params: {
    hostName: hostName
    cloud: cloud
    tenantId: tenantId
    runtime: 'container-apps'
    identities: base.outputs.identities
    logs: base.outputs.logs
    reviewKeyUri: base.outputs.reviewKeyUri
    ledgerUrl: base.outputs.ledgerUrl
    issuers: issuers
    settings: settings
  }
}

module app 'modules/app.bicep' = if (isComplete) {
  name: '${namePrefix}-app'
  params: {
    namePrefix: namePrefix
    location: location
    tags: tags
    environmentId: environment.outputs.environmentId
    identities: base.outputs.identities
    image: image
    registryServer: registryServer
    configuration: configuration.outputs.configuration
    bindings: bindings
    hostName: hostName
    certificateId: environment.outputs.certificateId
    operationKeyUrl: '${base.outputs.vaultUri}secrets/operation-key'
    gatewayPrefix: gatewayPrefix
    minReplicas: minReplicas
    maxReplicas: maxReplicas
    spoolVolume: spoolVolume
  }
}

@description('What the TXT record asuid.HOSTNAME has to say, so that the name can be served.')
output domainVerificationId string = environment.outputs.domainVerificationId

@description('Address of the vault.')
output vaultUri string = base.outputs.vaultUri

@description('For each duty the resource, client and object id of its identity.')
output identities array = base.outputs.identities

@description('harness.yaml, as far as what was made here decides it.')
output configuration object = configuration.outputs.configuration
