output "identities" {
  description = "For each duty the resource, client and object id of its identity."
  value       = module.identities.identities
}

output "logs" {
  description = "The Log Analytics workspace: customerId, and endpoint and ruleId that records are sent to."
  value = {
    workspaceId = module.logs.workspace_id
    customerId  = module.logs.customer_id
    endpoint    = module.logs.endpoint
    ruleId      = module.logs.rule_id
  }
}

output "vault_uri" {
  description = "Address of the vault."
  value       = module.vault.vault_uri
}

output "review_key_uri" {
  description = "The key that signs reviews, with its version."
  value       = module.vault.review_key_uri
}

output "ledger_url" {
  description = "Address of the container of reviews."
  value       = module.ledger.container_url
}

output "network_id" {
  description = "Resource id of the network."
  value       = module.network.network_id
}

output "gateway_subnet_id" {
  description = "Resource id of the subnet of the gateway."
  value       = module.network.gateway_subnet_id
}

output "endpoint_subnet_id" {
  description = "Resource id of the subnet of the private endpoints."
  value       = module.network.endpoint_subnet_id
}

output "file_zone_ids" {
  description = "Resource ids of the private DNS zones of file shares."
  value       = module.network.zone_ids.file
}
