# Where the documents of reviews are kept: blobs that nobody can change or delete for a time.
resource "azapi_resource" "account" {
  type                   = "Microsoft.Storage/storageAccounts@2023-05-01"
  name                   = var.storage_account_name
  parent_id              = var.resource_group_id
  location               = var.location
  tags                   = var.tags
  response_export_values = ["properties.primaryEndpoints.blob"]

  body = {
    kind = "StorageV2"
    sku  = { name = var.storage_sku }
    properties = {
      accessTier                   = "Hot"
      allowBlobPublicAccess        = false
      allowCrossTenantReplication  = false
      allowSharedKeyAccess         = false
      defaultToOAuthAuthentication = true
      minimumTlsVersion            = "TLS1_2"
      publicNetworkAccess          = "Disabled"
      supportsHttpsTrafficOnly     = true
      networkAcls = {
        bypass              = "None"
        defaultAction       = "Deny"
        ipRules             = []
        virtualNetworkRules = []
      }
    }
  }
}

resource "azapi_resource" "blobs" {
  type      = "Microsoft.Storage/storageAccounts/blobServices@2023-05-01"
  name      = "default"
  parent_id = azapi_resource.account.id

  body = {
    properties = {
      # immutability of versions needs versions
      isVersioningEnabled = true
      deleteRetentionPolicy = {
        enabled = true
        days    = 30
      }
      containerDeleteRetentionPolicy = {
        enabled = true
        days    = 30
      }
    }
  }
}

resource "azapi_resource" "container" {
  type      = "Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01"
  name      = "approvals"
  parent_id = azapi_resource.blobs.id

  body = {
    properties = {
      publicAccess                   = "None"
      immutableStorageWithVersioning = { enabled = true }
    }
  }
}

resource "azapi_resource" "immutability" {
  type      = "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2023-05-01"
  name      = "default"
  parent_id = azapi_resource.container.id

  body = {
    properties = {
      immutabilityPeriodSinceCreationInDays = var.immutability_in_days
      allowProtectedAppendWrites            = false
    }
  }
}

resource "azapi_resource" "writer" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = uuidv5(local.guid_namespace, join("-", [azapi_resource.container.id, var.writer_principal_id, local.writer_role]))
  parent_id = azapi_resource.container.id
  # a new identity is known everywhere after some minutes only
  retry = { error_message_regex = ["PrincipalNotFound"] }

  body = {
    properties = {
      roleDefinitionId = "${local.role_ids}/${local.writer_role}"
      principalId      = var.writer_principal_id
      principalType    = "ServicePrincipal"
    }
  }
}

resource "azapi_resource" "audit" {
  type      = "Microsoft.Insights/diagnosticSettings@2021-05-01-preview"
  name      = "${var.name_prefix}-audit"
  parent_id = azapi_resource.blobs.id

  body = {
    properties = {
      workspaceId = var.workspace_id
      logs = [{
        categoryGroup = "audit"
        enabled       = true
      }]
    }
  }
}
