locals {
  # Azure Resource Manager's guid() is a UUID of version 5 in this namespace
  guid_namespace = "11fb06fb-712d-4ddd-98c7-e71bbd588830"
  role_ids       = "/subscriptions/${split("/", var.resource_group_id)[2]}/providers/Microsoft.Authorization/roleDefinitions"
}
