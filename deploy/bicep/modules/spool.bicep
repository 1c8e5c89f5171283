// A share for the spools of Container Apps: NFS, since a spool needs locks, renames and synchronised writes as a disk has them.
@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name of the storage account, unique in Azure.')
@minLength(3)
@maxLength(24)
param spoolStorageAccountName string

@description('Size of the share.')
@minValue(100)
@maxValue(102400)
param spoolQuotaGib int

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: spoolStorageAccountName
  location: location
  tags: tags
  kind: 'FileStorage'
  sku: { name: 'Premium_ZRS' }
  properties: {
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: 'Disabled'
    // NFS is no HTTPS; the share is reached through its private endpoint only
    supportsHttpsTrafficOnly: false
    networkAcls: {
      bypass: 'None'
      defaultAction: 'Deny'
      ipRules: []
      virtualNetworkRules: []
    }
  }
}

resource files 'Microsoft.Storage/storageAccounts/fileServices@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    shareDeleteRetentionPolicy: {
      enabled: true
      days: 30
    }
  }
}

resource share 'Microsoft.Storage/storageAccounts/fileServices/shares@2023-05-01' = {
  parent: files
  name: 'spool'
  properties: {
    enabledProtocols: 'NFS'
    rootSquash: 'NoRootSquash'
    shareQuota: spoolQuotaGib
  }
}

@description('Resource id of the storage account.')
output storageAccountId string = account.id

@description('Host of the share.')
output server string = split(account.properties.primaryEndpoints.file, '/')[2]

@description('Path of the share.')
output shareName string = '/${account.name}/${share.name}'
