# Secrets of the gateway, and the key that signs reviews, which never leaves the vault.
resource "azapi_resource" "vault" {
  type                   = "Microsoft.KeyVault/vaults@2023-07-01"
  name                   = var.vault_name
  parent_id              = var.resource_group_id
  location               = var.location
  tags                   = var.tags
  response_export_values = ["properties.vaultUri"]

  body = {
    properties = {
      tenantId = var.tenant_id
      sku = {
        family = "A"
        name   = var.vault_sku
      }
      enableRbacAuthorization   = true
      enableSoftDelete          = true
      enablePurgeProtection     = true
      softDeleteRetentionInDays = 90
      publicNetworkAccess       = "Disabled"
      networkAcls = {
        bypass              = "None"
        defaultAction       = "Deny"
        ipRules             = []
        virtualNetworkRules = []
      }
    }
  }
}

resource "azapi_resource" "review_key" {
  type                   = "Microsoft.KeyVault/vaults/keys@2023-07-01"
  name                   = "aml-review"
  parent_id              = azapi_resource.vault.id
  tags                   = var.tags
  response_export_values = ["properties.keyUriWithVersion"]

  body = {
    properties = {
      kty       = var.vault_sku == "premium" ? "EC-HSM" : "EC"
      curveName = "P-256"
      keyOps    = ["sign", "verify"]
    }
  }
}

resource "azapi_resource" "signer" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = uuidv5(local.guid_namespace, join("-", [azapi_resource.review_key.id, var.signer_principal_id, local.signer_role]))
  parent_id = azapi_resource.review_key.id
  # a new identity is known everywhere after some minutes only
  retry = { error_message_regex = ["PrincipalNotFound"] }

  body = {
    properties = {
      roleDefinitionId = "${local.role_ids}/${local.signer_role}"
      principalId      = var.signer_principal_id
      principalType    = "ServicePrincipal"
    }
  }
}

resource "azapi_resource" "reader" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = uuidv5(local.guid_namespace, join("-", [azapi_resource.vault.id, var.reader_principal_id, local.reader_role]))
  parent_id = azapi_resource.vault.id
  retry     = { error_message_regex = ["PrincipalNotFound"] }

  body = {
    properties = {
      roleDefinitionId = "${local.role_ids}/${local.reader_role}"
      principalId      = var.reader_principal_id
      principalType    = "ServicePrincipal"
    }
  }
}

resource "azapi_resource" "audit" {
  type      = "Microsoft.Insights/diagnosticSettings@2021-05-01-preview"
  name      = "${var.name_prefix}-audit"
  parent_id = azapi_resource.vault.id

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
