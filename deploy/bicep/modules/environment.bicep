// The environment of Container Apps: inside of the network, traffic in it encrypted, logs to the workspace.
@description('What names begin with.')
@minLength(3)
@maxLength(20)
param namePrefix string

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the subnet, which is delegated to Container Apps.')
param subnetId string

@description('Resource id of the Log Analytics workspace that has the log of the program.')
param workspaceId string

@description('Resource id of the identity that reads the certificate.')
param secretsReaderId string

@description('Whether there is a certificate in the vault.')
param hasCertificate bool

@description('Where the certificate is in the vault (https://VAULT/secrets/NAME); empty until there is one.')
param certificateSecretUrl string

@description('Whether there is a share for spools.')
param hasSpool bool

@description('Host of the share of spools; empty without one.')
param spoolServer string

@description('Path of the share of spools; empty without one.')
param spoolShareName string

resource environment 'Microsoft.App/managedEnvironments@2025-01-01' = {
  name: '${namePrefix}-environment'
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${secretsReaderId}': {} }
  }
  properties: {
    vnetConfiguration: {
      infrastructureSubnetId: subnetId
      internal: true
    }
    workloadProfiles: [
      {
        name: 'Consumption'
        workloadProfileType: 'Consumption'
      }
    ]
    zoneRedundant: true
    appLogsConfiguration: { destination: 'azure-monitor' }
    peerTrafficConfiguration: {
      encryption: { enabled: true }
    }
  }
}

resource storage 'Microsoft.App/managedEnvironments/storages@2026-01-01' = if (hasSpool) {
  parent: environment
  name: 'spool'
  properties: {
    nfsAzureFile: {
      accessMode: 'ReadWrite'
      server: spoolServer
      shareName: spoolShareName
    }
  }
}

resource certificate 'Microsoft.App/managedEnvironments/certificates@2025-01-01' = if (hasCertificate) {
  parent: environment
  name: 'gateway'
  location: location
  tags: tags
  properties: {
    certificateKeyVaultProperties: {
      identity: secretsReaderId
      keyVaultUrl: certificateSecretUrl
    }
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: '${namePrefix}-logs'
  scope: environment
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

@description('Resource id of the environment.')
output environmentId string = environment.id

@description('Address of the environment in the network.')
output ipAddress string = environment.properties.staticIp

@description('Resource id of the certificate; empty without one.')
output certificateId string = hasCertificate ? '${environment.id}/certificates/gateway' : ''

@description('What the TXT record asuid.HOSTNAME has to say, so that the name can be served.')
output domainVerificationId string = environment.properties.customDomainConfiguration.customDomainVerificationId
