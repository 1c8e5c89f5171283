# Private endpoints, and the records by which they are found.
resource "azapi_resource" "endpoint" {
  for_each = { for one in var.endpoints : one.name => one }

  type      = "Microsoft.Network/privateEndpoints@2024-05-01"
  name      = "${var.name_prefix}-${each.key}"
  parent_id = var.resource_group_id
  location  = var.location
  tags      = var.tags

  body = {
    properties = {
      subnet                     = { id = var.subnet_id }
      customNetworkInterfaceName = "${var.name_prefix}-${each.key}-nic"
      privateLinkServiceConnections = [{
        name = each.key
        properties = {
          privateLinkServiceId = each.value.resourceId
          groupIds             = [each.value.groupId]
        }
      }]
    }
  }
}

resource "azapi_resource" "record" {
  for_each = { for one in var.endpoints : one.name => one }

  type      = "Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01"
  name      = "default"
  parent_id = azapi_resource.endpoint[each.key].id

  body = {
    properties = {
      privateDnsZoneConfigs = [for zone_id in each.value.zoneIds : {
        name       = replace(split("/", zone_id)[8], ".", "-")
        properties = { privateDnsZoneId = zone_id }
      }]
    }
  }
}
