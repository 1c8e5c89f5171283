output "domain_verification_id" {
  description = "What the TXT record asuid.HOSTNAME has to say, so that the name can be served."
  value       = module.environment.domain_verification_id
}

output "vault_uri" {
  description = "Address of the vault."
  value       = module.base.vault_uri
}

output "identities" {
  description = "For each duty the resource, client and object id of its identity."
  value       = module.base.identities
}

output "configuration" {
  description = "harness.yaml, as far as what was made here decides it."
  value       = module.configuration.configuration
}
