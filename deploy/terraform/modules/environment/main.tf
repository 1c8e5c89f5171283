# The environment of Container Apps: inside of the network, traffic in it encrypted, logs to the workspace.
resource "azapi_resource" "environment" {
  type      = "Microsoft.App/managedEnvironments@2025-01-01"
  name      = "${var.name_prefix}-environment"
  parent_id = var.resource_group_id
  location  = var.location
  tags      = var.tags
  response_export_values = [
    "properties.customDomainConfiguration.customDomainVerificationId",
    "properties.staticIp",
  ]

  identity {
    type         = "UserAssigned"
    identity_ids = [var.secrets_reader_id]
  }

  body = {
    properties = {
      vnetConfiguration = {
        infrastructureSubnetId = var.subnet_id
        internal               = true
      }
      workloadProfiles = [{
        name                = "Consumption"
        workloadProfileType = "Consumption"
      }]
      zoneRedundant        = true
      appLogsConfiguration = { destination = "azure-monitor" }
      peerTrafficConfiguration = {
        encryption = { enabled = true }
      }
    }
  }
}

resource "azapi_resource" "storage" {
  count = var.has_spool ? 1 : 0

  type      = "Microsoft.App/managedEnvironments/storages@2026-01-01"
  name      = "spool"
  parent_id = azapi_resource.environment.id

  body = {
    properties = {
      nfsAzureFile = {
        accessMode = "ReadWrite"
        server     = var.spool_server
        shareName  = var.spool_share_name
      }
    }
  }
}

resource "azapi_resource" "certificate" {
  count = var.has_certificate ? 1 : 0

  type      = "Microsoft.App/managedEnvironments/certificates@2025-01-01"
  name      = "gateway"
  parent_id = azapi_resource.environment.id
  location  = var.location
  tags      = var.tags

  body = {
    properties = {
      certificateKeyVaultProperties = {
        identity    = var.secrets_reader_id
        keyVaultUrl = var.certificate_secret_url
      }
    }
  }
}

resource "azapi_resource" "logs" {
  type      = "Microsoft.Insights/diagnosticSettings@2021-05-01-preview"
  name      = "${var.name_prefix}-logs"
  parent_id = azapi_resource.environment.id

  body = {
    properties = {
      workspaceId = var.workspace_id
      logs = [{
        categoryGroup = "allLogs"
        enabled       = true
      }]
    }
  }
}
