// The network of the gateway: its subnet, one for private endpoints that only the gateway and compute reach, and the private DNS
// zones by which the endpoints are found.
@description('What names begin with.')
@minLength(3)
@maxLength(20)
param namePrefix string

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

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

@description('What the subnet of the gateway is for.')
@allowed(['kubernetes', 'container-apps'])
param runtime string

@description('The cloud.')
@allowed(['AzureCloud', 'AzureUSGovernment', 'AzureChinaCloud'])
param cloud string

var names = {
  AzureCloud: {
    workspace: ['privatelink.api.azureml.ms', 'privatelink.notebooks.azure.net']
    blob: ['privatelink.blob.core.windows.net']
    file: ['privatelink.file.core.windows.net']
    vault: ['privatelink.vaultcore.azure.net']
  }
  AzureUSGovernment: {
    workspace: ['privatelink.api.ml.azure.us', 'privatelink.notebooks.usgovcloudapi.net']
    blob: ['privatelink.blob.core.usgovcloudapi.net']
    file: ['privatelink.file.core.usgovcloudapi.net']
    vault: ['privatelink.vaultcore.usgovcloudapi.net']
  }
  AzureChinaCloud: {
    workspace: ['privatelink.api.ml.azure.cn', 'privatelink.notebooks.chinacloudapi.cn']
    blob: ['privatelink.blob.core.chinacloudapi.cn']
    file: ['privatelink.file.core.chinacloudapi.cn']
    vault: ['privatelink.vaultcore.azure.cn']
  }
}
var zones = names[cloud]
var zoneNames = concat(zones.workspace, zones.blob, zones.file, zones.vault)
var delegations = {
  kubernetes: []
  'container-apps': [
    {
      name: 'container-apps'
      properties: { serviceName: 'Microsoft.App/environments' }
    }
  ]
}

resource gatewayGroup 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: '${namePrefix}-gateway'
  location: location
  tags: tags
  properties: { securityRules: [] }
}

resource endpointGroup 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: '${namePrefix}-endpoints'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'from-gateway-and-compute'
        properties: {
          priority: 100
          direction: 'Inbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefixes: concat([gatewayPrefix], computePrefixes)
          sourcePortRange: '*'
          destinationAddressPrefix: endpointPrefix
          // 2049 is NFS, for the spool of Container Apps
          destinationPortRanges: ['443', '2049']
        }
      }
      {
        name: 'nobody-else'
        properties: {
          priority: 4096
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: '${namePrefix}-network'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        name: 'gateway'
        properties: {
          addressPrefix: gatewayPrefix
          networkSecurityGroup: { id: gatewayGroup.id }
          delegations: delegations[runtime]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: endpointPrefix
          networkSecurityGroup: { id: endpointGroup.id }
          // without it the rules do not hold for private endpoints
          privateEndpointNetworkPolicies: 'NetworkSecurityGroupEnabled'
        }
      }
    ]
  }
}

resource zone 'Microsoft.Network/privateDnsZones@2020-06-01' = [for name in zoneNames: {
  name: name
  location: 'global'
  tags: tags
}]

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01' = [for (name, at) in zoneNames: {
  parent: zone[at]
  name: '${namePrefix}-network'
  location: 'global'
  tags: tags
  properties: {
    virtualNetwork: { id: network.id }
    registrationEnabled: false
  }
}]

var zonesId = '${resourceGroup().id}/providers/Microsoft.Network/privateDnsZones'

@description('Resource id of the network.')
output networkId string = network.id

@description('Resource id of the subnet of the gateway.')
output gatewaySubnetId string = '${network.id}/subnets/gateway'

@description('Resource id of the subnet of the private endpoints.')
output endpointSubnetId string = '${network.id}/subnets/endpoints'

@description('Resource ids of the private DNS zones, by what they are for.')
output zoneIds object = {
  workspace: map(zones.workspace, name => ('${zonesId}/${name}'))
  blob: map(zones.blob, name => ('${zonesId}/${name}'))
  file: map(zones.file, name => ('${zonesId}/${name}'))
  vault: map(zones.vault, name => ('${zonesId}/${name}'))
}
