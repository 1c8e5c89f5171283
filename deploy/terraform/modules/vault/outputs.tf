output "vault_id" {
  description = "Resource id of the vault."
  value       = azapi_resource.vault.id
}

output "vault_uri" {
  description = "Address of the vault."
  value       = azapi_resource.vault.output.properties.vaultUri
}

output "review_key_uri" {
  description = "The key that signs reviews, with its version."
  value       = azapi_resource.review_key.output.properties.keyUriWithVersion
}
