# The private DNS zones by which the endpoints are found.
resource "azapi_resource" "zone" {
  for_each = toset(local.zone_names)

  type      = "Microsoft.Network/privateDnsZones@2020-06-01"
  name      = each.key
  parent_id = var.resource_group_id
  location  = "global"
  tags      = var.tags
}

resource "azapi_resource" "link" {
  for_each = toset(local.zone_names)

  type      = "Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01"
  name      = "${var.name_prefix}-network"
  parent_id = azapi_resource.zone[each.key].id
  location  = "global"
  tags      = var.tags

  body = {
    properties = {
      virtualNetwork      = { id = azapi_resource.network.id }
      registrationEnabled = false
    }
  }
}
