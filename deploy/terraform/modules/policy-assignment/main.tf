# Azure Policy on this resource group: one definition or initiative, and what its identity needs to change resources.
resource "azapi_resource" "assignment" {
  type                   = "Microsoft.Authorization/policyAssignments@2024-04-01"
  name                   = var.assignment_name
  parent_id              = var.resource_group_id
  location               = var.location
  response_export_values = ["identity.principalId"]

  identity {
    type = "SystemAssigned"
  }

  body = {
    properties = {
      displayName        = var.assignment_name
      policyDefinitionId = var.policy_definition_id
      parameters         = var.policy_parameters
      enforcementMode    = var.enforcement_mode
    }
  }
}

resource "azapi_resource" "role" {
  for_each = toset(var.role_ids)

  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = uuidv5(local.guid_namespace, join("-", [azapi_resource.assignment.id, each.key]))
  parent_id = var.resource_group_id
  # a new identity is known everywhere after some minutes only
  retry = { error_message_regex = ["PrincipalNotFound"] }

  body = {
    properties = {
      roleDefinitionId = "${local.role_ids}/${each.key}"
      principalId      = azapi_resource.assignment.output.identity.principalId
      principalType    = "ServicePrincipal"
    }
  }
}
