locals {
  by_duty = { for one in module.identities.identities : one.duty => one }

  workspace_endpoints = [for id in var.workspace_ids : {
    name       = "workspace-${split("/", id)[8]}"
    resourceId = id
    groupId    = "amlworkspace"
    zoneIds    = module.network.zone_ids.workspace
  }]
  own_endpoints = [
    {
      name       = "vault"
      resourceId = module.vault.vault_id
      groupId    = "vault"
      zoneIds    = module.network.zone_ids.vault
    },
    {
      name       = "ledger"
      resourceId = module.ledger.storage_account_id
      groupId    = "blob"
      zoneIds    = module.network.zone_ids.blob
    },
  ]
}
