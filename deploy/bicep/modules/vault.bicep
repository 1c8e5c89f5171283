// Secrets of the gateway, and the key that signs reviews, which never leaves the vault.
@description('What names begin with.')
@minLength(3)
@maxLength(20)
param namePrefix string

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name of the vault, unique in Azure.')
@minLength(3)
@maxLength(24)
param vaultName string

@description('Id of the tenant.')
@minLength(36)
@maxLength(36)
param tenantId string

@description('premium keeps the key in hardware.')
@allowed(['standard', 'premium'])
param vaultSku string

@description('Object id of the identity that signs reviews.')
@minLength(36)
@maxLength(36)
param signerPrincipalId string

@description('Object id of the identity that reads secrets.')
@minLength(36)
@maxLength(36)
param readerPrincipalId string

@description('Resource id of the Log Analytics workspace that has the log of the vault.')
param workspaceId string

// Key Vault Crypto User
var signerRole = '12338af0-0e69-4776-bea7-57ae8d297424'
// Key Vault Secrets User
var readerRole = '4633458b-17de-408a-b874-0445c86b69e6'

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: vaultName
  location: location
  tags: tags
  properties: {
    tenantId: tenantId
    sku: {
      family: 'A'
      name: vaultSku
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: 'Disabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: 'Deny'
      ipRules: []
      virtualNetworkRules: []
    }
  }
}

resource reviewKey 'Microsoft.KeyVault/vaults/keys@2023-07-01' = {
  parent: vault
  name: 'aml-review'
  tags: tags
  properties: {
    kty: vaultSku == 'premium' ? 'EC-HSM' : 'EC'
    curveName: 'P-256'
    keyOps: ['sign', 'verify']
  }
}

resource signer 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(reviewKey.id, signerPrincipalId, signerRole)
  scope: reviewKey
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', signerRole)
    principalId: signerPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource reader 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, readerPrincipalId, readerRole)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', readerRole)
    principalId: readerPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: '${namePrefix}-audit'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'audit'
        enabled: true
      }
    ]
  }
}

@description('Resource id of the vault.')
output vaultId string = vault.id

@description('Address of the vault.')
output vaultUri string = vault.properties.vaultUri

@description('The key that signs reviews, with its version.')
output reviewKeyUri string = reviewKey.properties.keyUriWithVersion
