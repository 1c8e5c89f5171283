# The gateway on Azure Kubernetes Service: all that the Helm chart in deploy/helm needs, and its values.
module "base" {
  source = "../modules/base"

  resource_group_id       = var.resource_group_id
  name_prefix             = var.name_prefix
  location                = var.location
  tags                    = var.tags
  cloud                   = var.cloud
  tenant_id               = var.tenant_id
  workspace_ids           = var.workspace_ids
  policy_export           = var.policy_export
  vault_name              = var.vault_name
  vault_sku               = var.vault_sku
  storage_account_name    = var.storage_account_name
  storage_sku             = var.storage_sku
  immutability_in_days    = var.immutability_in_days
  retention_in_days       = var.retention_in_days
  total_retention_in_days = var.total_retention_in_days
  address_prefix          = var.address_prefix
  gateway_prefix          = var.gateway_prefix
  endpoint_prefix         = var.endpoint_prefix
  compute_prefixes        = var.compute_prefixes
  policy_assignments      = var.policy_assignments
  runtime                 = "kubernetes"
}

module "cluster" {
  source = "../modules/cluster"

  resource_group_id  = var.resource_group_id
  name_prefix        = var.name_prefix
  location           = var.location
  tags               = var.tags
  kubernetes_version = var.kubernetes_version
  node_size          = var.node_size
  node_count         = var.node_count
  max_node_count     = var.max_node_count
  admin_group_ids    = var.admin_group_ids
  subnet_id          = module.base.gateway_subnet_id
  workspace_id       = module.base.logs.workspaceId
}

module "federation" {
  source = "../modules/federation"

  resource_group_id    = var.resource_group_id
  identity_names       = [for one in module.base.identities : one.name]
  issuer_url           = module.cluster.issuer_url
  kubernetes_namespace = var.kubernetes_namespace
  service_account      = var.service_account
}

module "entry" {
  source = "../modules/entry"

  resource_group_id = var.resource_group_id
  name_prefix       = var.name_prefix
  tags              = var.tags
  host_name         = var.host_name
  ip_address        = var.service_ip
  network_id        = module.base.network_id
}

module "configuration" {
  source = "../modules/configuration"

  host_name      = var.host_name
  cloud          = var.cloud
  tenant_id      = var.tenant_id
  runtime        = "kubernetes"
  identities     = module.base.identities
  logs           = module.base.logs
  review_key_uri = module.base.review_key_uri
  ledger_url     = module.base.ledger_url
  issuers        = var.issuers
  settings       = var.settings
}
