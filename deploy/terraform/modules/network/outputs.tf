output "network_id" {
  description = "Resource id of the network."
  value       = azapi_resource.network.id
}

output "gateway_subnet_id" {
  description = "Resource id of the subnet of the gateway."
  value       = "${azapi_resource.network.id}/subnets/gateway"
}

output "endpoint_subnet_id" {
  description = "Resource id of the subnet of the private endpoints."
  value       = "${azapi_resource.network.id}/subnets/endpoints"
}

output "zone_ids" {
  description = "Resource ids of the private DNS zones, by what they are for."
  value = {
    workspace = [for name in local.zones.workspace : azapi_resource.zone[name].id]
    blob      = [for name in local.zones.blob : azapi_resource.zone[name].id]
    file      = [for name in local.zones.file : azapi_resource.zone[name].id]
    vault     = [for name in local.zones.vault : azapi_resource.zone[name].id]
  }
}
