# The name that clients use, in the network: a private DNS zone of that one name, so that other names of its domain stay as they are.
resource "azapi_resource" "zone" {
  type      = "Microsoft.Network/privateDnsZones@2020-06-01"
  name      = var.host_name
  parent_id = var.resource_group_id
  location  = "global"
  tags      = var.tags
}

resource "azapi_resource" "record" {
  type      = "Microsoft.Network/privateDnsZones/A@2020-06-01"
  name      = "@"
  parent_id = azapi_resource.zone.id

  body = {
    properties = {
      ttl      = 300
      aRecords = [{ ipv4Address = var.ip_address }]
    }
  }
}

resource "azapi_resource" "link" {
  type      = "Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01"
  name      = "${var.name_prefix}-network"
  parent_id = azapi_resource.zone.id
  location  = "global"
  tags      = var.tags

  body = {
    properties = {
      virtualNetwork      = { id = var.network_id }
      registrationEnabled = false
    }
  }
}
