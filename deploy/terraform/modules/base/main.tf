# What a gateway needs wherever it runs: identities with their roles, logs, vault, ledger, network, policies.
module "identities" {
  source = "../identities"

  resource_group_id = var.resource_group_id
  name_prefix       = var.name_prefix
  location          = var.location
  tags              = var.tags
}

module "roles" {
  source = "../roles"

  resource_group_id = var.resource_group_id
  roles             = var.policy_export.roles
  assignments       = var.policy_export.assignments
  subscriptions     = var.policy_export.subscriptions
  principal_ids     = { for one in module.identities.identities : one.duty => one.principalId }
}

module "logs" {
  source = "../logs"

  resource_group_id       = var.resource_group_id
  name_prefix             = var.name_prefix
  location                = var.location
  tags                    = var.tags
  writer_principal_id     = local.by_duty["audit-writer"].principalId
  reader_principal_id     = local.by_duty["log-reader"].principalId
  retention_in_days       = var.retention_in_days
  total_retention_in_days = var.total_retention_in_days
  public_network_access   = "Enabled"
}

module "vault" {
  source = "../vault"

  resource_group_id   = var.resource_group_id
  name_prefix         = var.name_prefix
  location            = var.location
  tags                = var.tags
  vault_name          = var.vault_name
  tenant_id           = var.tenant_id
  vault_sku           = var.vault_sku
  signer_principal_id = local.by_duty.ledger.principalId
  reader_principal_id = local.by_duty["secrets-reader"].principalId
  workspace_id        = module.logs.workspace_id
}

module "ledger" {
  source = "../ledger"

  resource_group_id    = var.resource_group_id
  name_prefix          = var.name_prefix
  location             = var.location
  tags                 = var.tags
  storage_account_name = var.storage_account_name
  storage_sku          = var.storage_sku
  immutability_in_days = var.immutability_in_days
  writer_principal_id  = local.by_duty.ledger.principalId
  workspace_id         = module.logs.workspace_id
}

module "network" {
  source = "../network"

  resource_group_id = var.resource_group_id
  name_prefix       = var.name_prefix
  location          = var.location
  tags              = var.tags
  address_prefix    = var.address_prefix
  gateway_prefix    = var.gateway_prefix
  endpoint_prefix   = var.endpoint_prefix
  compute_prefixes  = var.compute_prefixes
  runtime           = var.runtime
  cloud             = var.cloud
}

module "endpoints" {
  source = "../private-endpoints"

  resource_group_id = var.resource_group_id
  name_prefix       = var.name_prefix
  location          = var.location
  tags              = var.tags
  subnet_id         = module.network.endpoint_subnet_id
  endpoints         = concat(local.own_endpoints, local.workspace_endpoints)
}

module "policy" {
  source   = "../policy-assignment"
  for_each = { for one in var.policy_assignments : one.name => one }

  resource_group_id    = "${join("/", [for at, part in split("/", var.resource_group_id) : part if at < 3])}/resourceGroups/${each.value.resourceGroup}"
  location             = var.location
  assignment_name      = each.key
  policy_definition_id = each.value.definitionId
  policy_parameters    = each.value.parameters
  enforcement_mode     = each.value.enforcementMode
  role_ids             = each.value.roleIds
}
