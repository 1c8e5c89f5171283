output "assignment_id" {
  description = "Resource id of the assignment."
  value       = azapi_resource.assignment.id
}
