output "workspace_id" {
  description = "Resource id of the Log Analytics workspace."
  value       = azapi_resource.workspace.id
}

output "customer_id" {
  description = "What queries name the workspace by."
  value       = azapi_resource.workspace.output.properties.customerId
}

output "endpoint" {
  description = "Where records are sent."
  value       = azapi_resource.rule.output.properties.endpoints.logsIngestion
}

output "rule_id" {
  description = "The immutable id of the data collection rule."
  value       = azapi_resource.rule.output.properties.immutableId
}
