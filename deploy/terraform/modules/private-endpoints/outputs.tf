output "endpoint_ids" {
  description = "Resource ids of the endpoints."
  value       = [for one in var.endpoints : azapi_resource.endpoint[one.name].id]
}
