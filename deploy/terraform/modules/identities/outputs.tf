output "identities" {
  description = "For each duty the resource, client and object id of its identity."
  value = [for duty in local.duties : {
    duty        = duty
    id          = azapi_resource.identity[duty].id
    name        = azapi_resource.identity[duty].name
    clientId    = azapi_resource.identity[duty].output.properties.clientId
    principalId = azapi_resource.identity[duty].output.properties.principalId
  }]
}
