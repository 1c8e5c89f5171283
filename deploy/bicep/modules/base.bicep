// What a gateway needs wherever it runs: identities with their roles, logs, vault, ledger, network, policies.
@description('What names begin with.')
@minLength(3)
@maxLength(20)
param namePrefix string

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('The cloud.')
@allowed(['AzureCloud', 'AzureUSGovernment', 'AzureChinaCloud'])
param cloud string

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
param vaultSku string

@description('Name of the storage account of reviews, unique in Azure.')
@minLength(3)
@maxLength(24)
param storageAccountName string

@description('How many copies of reviews there are, and where.')
@allowed(['Standard_ZRS', 'Standard_GZRS', 'Standard_LRS', 'Standard_GRS'])
param storageSku string

@description('Days for which a document of a review cannot be changed or deleted.')
@minValue(1)
@maxValue(146000)
param immutabilityInDays int

@description('Days in which records can be queried at once.')
@minValue(30)
@maxValue(730)
param retentionInDays int

@description('Days for which records are kept in all.')
@minValue(30)
@maxValue(4383)
param totalRetentionInDays int

@description('Addresses of the network.')
@minLength(9)
@maxLength(18)
param addressPrefix string

@description('Addresses of the gateway.')
@minLength(9)
@maxLength(18)
param gatewayPrefix string

@description('Addresses of the private endpoints.')
@minLength(9)
@maxLength(18)
param endpointPrefix string

@description('Addresses from which compute of the workspaces reaches the private endpoints.')
param computePrefixes array

@description('Azure Policy on resource groups of this subscription: name, resourceGroup, definitionId, parameters, enforcementMode and roleIds of each.')
param policyAssignments array

@description('What the gateway runs on.')
@allowed(['kubernetes', 'container-apps'])
param runtime string

module identities 'identities.bicep' = {
  name: '${namePrefix}-identities'
  params: {
    namePrefix: namePrefix
    location: location
    tags: tags
  }
}

var byDuty = toObject(identities.outputs.identities, one => (one.duty))
var principalIds = toObject(identities.outputs.identities, one => (one.duty), one => (one.principalId))

module roles 'roles.bicep' = {
  name: '${namePrefix}-roles'
  scope: subscription()
  params: {
    roles: policyExport.roles
    assignments: policyExport.assignments
    subscriptions: policyExport.subscriptions
    principalIds: principalIds
  }
}

module logs 'logs.bicep' = {
  name: '${namePrefix}-logs'
  params: {
    namePrefix: namePrefix
    location: location
    tags: tags
    writerPrincipalId: byDuty['audit-writer'].principalId
    readerPrincipalId: byDuty['log-reader'].principalId
    retentionInDays: retentionInDays
    totalRetentionInDays: totalRetentionInDays
    publicNetworkAccess: 'Enabled'
  }
}

module vault 'vault.bicep' = {
  name: '${namePrefix}-vault'
  params: {
    namePrefix: namePrefix
    location: location
    tags: tags
    vaultName: vaultName
    tenantId: tenantId
    vaultSku: vaultSku
    signerPrincipalId: byDuty.ledger.principalId
    readerPrincipalId: byDuty['secrets-reader'].principalId
    workspaceId: logs.outputs.workspaceId
  }
}

module ledger 'ledger.bicep' = {
  name: '${namePrefix}-ledger'
  params: {
    namePrefix: namePrefix
    location: location
    tags: tags
    storageAccountName: storageAccountName
    storageSku: storageSku
    immutabilityInDays: immutabilityInDays
    writerPrincipalId: byDuty.ledger.principalId
    workspaceId: logs.outputs.workspaceId
  }
}

module network 'network.bicep' = {
  name: '${namePrefix}-network'
  params: {
    namePrefix: namePrefix
    location: location
    tags: tags
    addressPrefix: addressPrefix
    gatewayPrefix: gatewayPrefix
    endpointPrefix: endpointPrefix
    computePrefixes: computePrefixes
    runtime: runtime
    cloud: cloud
  }
}

var workspaceEndpoints = map(workspaceIds, id => {
  name: 'workspace-${last(split(id, '/'))}'
  resourceId: id
  groupId: 'amlworkspace'
  zoneIds: network.outputs.zoneIds.workspace
})
var ownEndpoints = [
  {
    name: 'vault'
    resourceId: vault.outputs.vaultId
    groupId: 'vault'
    zoneIds: network.outputs.zoneIds.vault
  }
  {
    name: 'ledger'
    resourceId: ledger.outputs.storageAccountId
    groupId: 'blob'
    zoneIds: network.outputs.zoneIds.blob
  }
]

module endpoints 'private-endpoints.bicep' = {
  name: '${namePrefix}-endpoints'
  params: {
    namePrefix: namePrefix
    location: location
    tags: tags
    subnetId: network.outputs.endpointSubnetId
    endpoints: concat(ownEndpoints, workspaceEndpoints)
  }
}

module policy 'policy-assignment.bicep' = [for one in policyAssignments: {
  name: '${namePrefix}-policy-${one.name}'
  scope: resourceGroup(one.resourceGroup)
  params: {
    location: location
    assignmentName: one.name
    policyDefinitionId: one.definitionId
    policyParameters: one.parameters
    enforcementMode: one.enforcementMode
    roleIds: one.roleIds
  }
}]

@description('For each duty the resource, client and object id of its identity.')
output identities array = identities.outputs.identities

@description('The Log Analytics workspace: customerId, and endpoint and ruleId that records are sent to.')
output logs object = {
  workspaceId: logs.outputs.workspaceId
  customerId: logs.outputs.customerId
  endpoint: logs.outputs.endpoint
  ruleId: logs.outputs.ruleId
}

@description('Address of the vault.')
output vaultUri string = vault.outputs.vaultUri

@description('The key that signs reviews, with its version.')
output reviewKeyUri string = vault.outputs.reviewKeyUri

@description('Address of the container of reviews.')
output ledgerUrl string = ledger.outputs.containerUrl

@description('Resource id of the network.')
output networkId string = network.outputs.networkId

@description('Resource id of the subnet of the gateway.')
output gatewaySubnetId string = network.outputs.gatewaySubnetId

@description('Resource id of the subnet of the private endpoints.')
output endpointSubnetId string = network.outputs.endpointSubnetId

@description('Resource ids of the private DNS zones of file shares.')
output fileZoneIds array = network.outputs.zoneIds.file
