output "environment_id" {
  description = "Resource id of the environment."
  value       = azapi_resource.environment.id
}

output "ip_address" {
  description = "Address of the environment in the network."
  value       = azapi_resource.environment.output.properties.staticIp
}

output "certificate_id" {
  description = "Resource id of the certificate; empty without one."
  value       = var.has_certificate ? "${azapi_resource.environment.id}/certificates/gateway" : ""
}

output "domain_verification_id" {
  description = "What the TXT record asuid.HOSTNAME has to say, so that the name can be served."
  value       = azapi_resource.environment.output.properties.customDomainConfiguration.customDomainVerificationId
}
