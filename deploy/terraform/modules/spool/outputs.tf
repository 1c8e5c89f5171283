output "storage_account_id" {
  description = "Resource id of the storage account."
  value       = azapi_resource.account.id
}

output "server" {
  description = "Host of the share."
  value       = split("/", azapi_resource.account.output.properties.primaryEndpoints.file)[2]
}

output "share_name" {
  description = "Path of the share."
  value       = "/${azapi_resource.account.name}/${azapi_resource.share.name}"
}
