locals {
  # Azure Resource Manager's guid() is a UUID of version 5 in this namespace
  guid_namespace = "11fb06fb-712d-4ddd-98c7-e71bbd588830"
  role_ids       = "/subscriptions/${split("/", var.resource_group_id)[2]}/providers/Microsoft.Authorization/roleDefinitions"
  # Key Vault Crypto User
  signer_role = "12338af0-0e69-4776-bea7-57ae8d297424"
  # Key Vault Secrets User
  reader_role = "4633458b-17de-408a-b874-0445c86b69e6"
}
