output "app_name" {
  description = "Name of the container app."
  value       = azapi_resource.app.name
}

output "configuration" {
  description = "harness.yaml as the gateway has it; REPLICA is the name of the replica."
  value       = local.complete
}
