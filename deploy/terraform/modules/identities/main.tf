# The managed identities of the gateway: one a duty, so that none may do what another is for.
resource "azapi_resource" "identity" {
  for_each = toset(local.duties)

  type                   = "Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30"
  name                   = "${var.name_prefix}-${each.key}"
  parent_id              = var.resource_group_id
  location               = var.location
  tags                   = var.tags
  response_export_values = ["properties.clientId", "properties.principalId"]
}
