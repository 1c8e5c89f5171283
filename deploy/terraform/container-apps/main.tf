# The gateway on Azure Container Apps. First without an image: then the vault exists, for the operation key and the certificate.
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
  runtime                 = "container-apps"
}

module "spool" {
  source = "../modules/spool"
  count  = local.is_shared ? 1 : 0

  resource_group_id          = var.resource_group_id
  location                   = var.location
  tags                       = var.tags
  spool_storage_account_name = var.spool_storage_account_name
  spool_quota_gib            = var.spool_quota_gib
}

module "spool_endpoint" {
  source = "../modules/private-endpoints"
  count  = local.is_shared ? 1 : 0

  resource_group_id = var.resource_group_id
  name_prefix       = var.name_prefix
  location          = var.location
  tags              = var.tags
  subnet_id         = module.base.endpoint_subnet_id
  endpoints = [{
    name       = "spool"
    resourceId = module.spool[0].storage_account_id
    groupId    = "file"
    zoneIds    = module.base.file_zone_ids
  }]
}

module "environment" {
  source     = "../modules/environment"
  depends_on = [module.spool_endpoint]

  resource_group_id      = var.resource_group_id
  name_prefix            = var.name_prefix
  location               = var.location
  tags                   = var.tags
  subnet_id              = module.base.gateway_subnet_id
  workspace_id           = module.base.logs.workspaceId
  secrets_reader_id      = local.by_duty["secrets-reader"].id
  has_certificate        = local.is_complete
  certificate_secret_url = local.is_complete ? "${module.base.vault_uri}secrets/${var.certificate_name}" : ""
  has_spool              = local.is_shared
  spool_server           = local.is_shared ? module.spool[0].server : ""
  spool_share_name       = local.is_shared ? module.spool[0].share_name : ""
}

module "entry" {
  source = "../modules/entry"

  resource_group_id = var.resource_group_id
  name_prefix       = var.name_prefix
  tags              = var.tags
  host_name         = var.host_name
  ip_address        = module.environment.ip_address
  network_id        = module.base.network_id
}

module "configuration" {
  source = "../modules/configuration"

  host_name      = var.host_name
  cloud          = var.cloud
  tenant_id      = var.tenant_id
  runtime        = "container-apps"
  identities     = module.base.identities
  logs           = module.base.logs
  review_key_uri = module.base.review_key_uri
  ledger_url     = module.base.ledger_url
  issuers        = var.issuers
  settings       = var.settings
}

module "app" {
  source = "../modules/app"
  count  = local.is_complete ? 1 : 0

  resource_group_id = var.resource_group_id
  name_prefix       = var.name_prefix
  location          = var.location
  tags              = var.tags
  environment_id    = module.environment.environment_id
  identities        = module.base.identities
  image             = var.image
  registry_server   = var.registry_server
  configuration     = module.configuration.configuration
  bindings          = var.bindings
  host_name         = var.host_name
  certificate_id    = module.environment.certificate_id
  operation_key_url = "${module.base.vault_uri}secrets/operation-key"
  gateway_prefix    = var.gateway_prefix
  min_replicas      = var.min_replicas
  max_replicas      = var.max_replicas
  spool_volume      = var.spool_volume
}
