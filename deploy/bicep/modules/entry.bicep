// The name that clients use, in the network: a private DNS zone of that one name, so that other names of its domain stay as they are.
@description('What names begin with.')
@minLength(3)
@maxLength(20)
param namePrefix string

@description('Tags of every resource.')
param tags object

@description('The name that clients use.')
@minLength(4)
@maxLength(253)
param hostName string

@description('The address that it stands for.')
@minLength(7)
@maxLength(15)
param ipAddress string

@description('Resource id of the network.')
param networkId string

resource zone 'Microsoft.Network/privateDnsZones@2020-06-01' = {
  name: hostName
  location: 'global'
  tags: tags
}

resource record 'Microsoft.Network/privateDnsZones/A@2020-06-01' = {
  parent: zone
  name: '@'
  properties: {
    ttl: 300
    aRecords: [
      { ipv4Address: ipAddress }
    ]
  }
}

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01' = {
  parent: zone
  name: '${namePrefix}-network'
  location: 'global'
  tags: tags
  properties: {
    virtualNetwork: { id: networkId }
    registrationEnabled: false
  }
}
