locals {
  # Azure Resource Manager's guid() is a UUID of version 5 in this namespace
  guid_namespace = "11fb06fb-712d-4ddd-98c7-e71bbd588830"
  subscription   = "/subscriptions/${split("/", var.resource_group_id)[2]}"
  guids          = { for one in var.roles : one.id => one.guid }
  assignments = { for one in var.assignments : uuidv5(local.guid_namespace, join("-", [one.scope, one.identity, one.role])) => {
    scope       = one.scope
    parts       = length(split("/", one.scope))
    kind        = length(split("/", one.scope)) == 9 ? lower(split("/", one.scope)[7]) : ""
    role_id     = "${local.subscription}/providers/Microsoft.Authorization/roleDefinitions/${local.guids[one.role]}"
    principalId = var.principal_ids[one.identity]
  } }
}
