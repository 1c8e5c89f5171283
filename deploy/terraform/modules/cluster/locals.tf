locals {
  # Azure Resource Manager's guid() is a UUID of version 5 in this namespace
  guid_namespace = "11fb06fb-712d-4ddd-98c7-e71bbd588830"
  role_ids       = "/subscriptions/${split("/", var.resource_group_id)[2]}/providers/Microsoft.Authorization/roleDefinitions"
  # Network Contributor: the load balancer takes an address of the subnet
  network_role = "4d97b98b-1d4f-4787-a291-c67834d212e7"
}
