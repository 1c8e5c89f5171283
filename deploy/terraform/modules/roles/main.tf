# Custom roles of the gateway's identities and their assignments, as `azureml-harness policy export --json` works them out.
resource "azapi_resource" "role" {
  for_each = { for one in var.roles : one.guid => one }

  type      = "Microsoft.Authorization/roleDefinitions@2022-04-01"
  name      = each.key
  parent_id = local.subscription

  body = {
    properties = {
      roleName    = each.value.name
      description = each.value.description
      type        = "CustomRole"
      permissions = [{
        actions        = each.value.actions
        notActions     = each.value.notActions
        dataActions    = []
        notDataActions = []
      }]
      assignableScopes = var.subscriptions
    }
  }
}

resource "azapi_resource" "on_subscription" {
  for_each = { for name, one in local.assignments : name => one if one.parts == 3 }

  type       = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name       = each.key
  parent_id  = each.value.scope
  depends_on = [azapi_resource.role]
  # a new identity is known everywhere after some minutes only
  retry = { error_message_regex = ["PrincipalNotFound"] }

  body = {
    properties = {
      roleDefinitionId = each.value.role_id
      principalId      = each.value.principalId
      principalType    = "ServicePrincipal"
    }
  }
}

resource "azapi_resource" "on_group" {
  for_each = { for name, one in local.assignments : name => one if one.parts == 5 }

  type       = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name       = each.key
  parent_id  = each.value.scope
  depends_on = [azapi_resource.role]
  # a new identity is known everywhere after some minutes only
  retry = { error_message_regex = ["PrincipalNotFound"] }

  body = {
    properties = {
      roleDefinitionId = each.value.role_id
      principalId      = each.value.principalId
      principalType    = "ServicePrincipal"
    }
  }
}

resource "azapi_resource" "on_workspace" {
  for_each = { for name, one in local.assignments : name => one if one.kind == "workspaces" }

  type       = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name       = each.key
  parent_id  = each.value.scope
  depends_on = [azapi_resource.role]
  # a new identity is known everywhere after some minutes only
  retry = { error_message_regex = ["PrincipalNotFound"] }

  body = {
    properties = {
      roleDefinitionId = each.value.role_id
      principalId      = each.value.principalId
      principalType    = "ServicePrincipal"
    }
  }
}

resource "azapi_resource" "on_registry" {
  for_each = { for name, one in local.assignments : name => one if one.kind == "registries" }

  type       = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name       = each.key
  parent_id  = each.value.scope
  depends_on = [azapi_resource.role]
  # a new identity is known everywhere after some minutes only
  retry = { error_message_regex = ["PrincipalNotFound"] }

  body = {
    properties = {
      roleDefinitionId = each.value.role_id
      principalId      = each.value.principalId
      principalType    = "ServicePrincipal"
    }
  }
}
