output "storage_account_id" {
  description = "Resource id of the storage account."
  value       = azapi_resource.account.id
}

output "container_url" {
  description = "Address of the container."
  value       = "${azapi_resource.account.output.properties.primaryEndpoints.blob}approvals"
}
