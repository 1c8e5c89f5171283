// Private endpoints, and the records by which they are found.
@description('What names begin with.')
@minLength(3)
@maxLength(20)
param namePrefix string

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Resource id of the subnet of the endpoints.')
param subnetId string

@description('For each endpoint: name, resourceId, groupId (amlworkspace, blob, file, vault) and zoneIds.')
param endpoints array

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = [for one in endpoints: {
  name: '${namePrefix}-${one.name}'
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    customNetworkInterfaceName: '${namePrefix}-${one.name}-nic'
    privateLinkServiceConnections: [
      {
        name: one.name
        properties: {
          privateLinkServiceId: one.resourceId
          groupIds: [one.groupId]
        }
      }
    ]
  }
}]

resource record 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [for (one, at) in endpoints: {
  parent: endpoint[at]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: map(one.zoneIds, zoneId => {
      name: replace(last(split(zoneId, '/')), '.', '-')
      properties: { privateDnsZoneId: zoneId }
    })
  }
}]

@description('Resource ids of the endpoints.')
output endpointIds array = [for (one, at) in endpoints: endpoint[at].id]
