# A share for the spools of Container Apps: NFS, since a spool needs locks, renames and synchronised writes as a disk has them.
resource "azapi_resource" "account" {
  type                   = "Microsoft.Storage/storageAccounts@2023-05-01"
  name                   = var.spool_storage_account_name
  parent_id              = var.resource_group_id
  location               = var.location
  tags                   = var.tags
  response_export_values = ["properties.primaryEndpoints.file"]

  body = {
    kind = "FileStorage"
    sku  = { name = "Premium_ZRS" }
    properties = {
      allowBlobPublicAccess       = false
      allowCrossTenantReplication = false
      allowSharedKeyAccess        = false
      minimumTlsVersion           = "TLS1_2"
      publicNetworkAccess         = "Disabled"
      # NFS is no HTTPS; the share is reached through its private endpoint only
      supportsHttpsTrafficOnly = false
      networkAcls = {
        bypass              = "None"
        defaultAction       = "Deny"
        ipRules             = []
        virtualNetworkRules = []
      }
    }
  }
}

resource "azapi_resource" "files" {
  type      = "Microsoft.Storage/storageAccounts/fileServices@2023-05-01"
  name      = "default"
  parent_id = azapi_resource.account.id

  body = {
    properties = {
      shareDeleteRetentionPolicy = {
        enabled = true
        days    = 30
      }
    }
  }
}

resource "azapi_resource" "share" {
  type      = "Microsoft.Storage/storageAccounts/fileServices/shares@2023-05-01"
  name      = "spool"
  parent_id = azapi_resource.files.id

  body = {
    properties = {
      enabledProtocols = "NFS"
      rootSquash       = "NoRootSquash"
      shareQuota       = var.spool_quota_gib
    }
  }
}
