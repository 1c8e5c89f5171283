# Where the audit trail is shipped to: a Log Analytics workspace with the table, the data collection rule, the query functions
# and the workbook of deploy/azure-monitor/template.json.
resource "azapi_resource" "workspace" {
  type                   = "Microsoft.OperationalInsights/workspaces@2023-09-01"
  name                   = "${var.name_prefix}-logs"
  parent_id              = var.resource_group_id
  location               = var.location
  tags                   = var.tags
  response_export_values = ["properties.customerId"]

  body = {
    properties = {
      sku                             = { name = "PerGB2018" }
      retentionInDays                 = var.retention_in_days
      publicNetworkAccessForIngestion = var.public_network_access
      publicNetworkAccessForQuery     = var.public_network_access
      features = {
        disableLocalAuth                            = true
        enableLogAccessUsingOnlyResourcePermissions = true
      }
    }
  }
}

resource "azapi_resource" "table" {
  type      = "Microsoft.OperationalInsights/workspaces/tables@2023-09-01"
  name      = "AmlHarnessAudit_CL"
  parent_id = azapi_resource.workspace.id

  body = {
    properties = {
      plan                 = "Analytics"
      retentionInDays      = var.retention_in_days
      totalRetentionInDays = var.total_retention_in_days
      schema = {
        name    = "AmlHarnessAudit_CL"
        columns = local.columns
      }
    }
  }
}

resource "azapi_resource" "rule" {
  type                   = "Microsoft.Insights/dataCollectionRules@2023-03-11"
  name                   = "${var.name_prefix}-audit"
  parent_id              = var.resource_group_id
  location               = var.location
  tags                   = var.tags
  response_export_values = ["properties.immutableId", "properties.endpoints.logsIngestion"]
  depends_on             = [azapi_resource.table]

  body = {
    kind = "Direct"
    properties = {
      streamDeclarations = {
        "Custom-AmlHarnessAudit" = { columns = local.columns }
      }
      destinations = {
        logAnalytics = [{
          workspaceResourceId = azapi_resource.workspace.id
          name                = "workspace"
        }]
      }
      dataFlows = [{
        streams      = ["Custom-AmlHarnessAudit"]
        destinations = ["workspace"]
        transformKql = "source"
        outputStream = "Custom-AmlHarnessAudit_CL"
      }]
    }
  }
}

resource "azapi_resource" "publisher" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = uuidv5(local.guid_namespace, join("-", [azapi_resource.rule.id, var.writer_principal_id, local.publisher_role]))
  parent_id = azapi_resource.rule.id
  # a new identity is known everywhere after some minutes only
  retry = { error_message_regex = ["PrincipalNotFound"] }

  body = {
    properties = {
      roleDefinitionId = "${local.role_ids}/${local.publisher_role}"
      principalId      = var.writer_principal_id
      principalType    = "ServicePrincipal"
    }
  }
}

resource "azapi_resource" "reader" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = uuidv5(local.guid_namespace, join("-", [azapi_resource.workspace.id, var.reader_principal_id, local.reader_role]))
  parent_id = azapi_resource.workspace.id
  retry     = { error_message_regex = ["PrincipalNotFound"] }

  body = {
    properties = {
      roleDefinitionId = "${local.role_ids}/${local.reader_role}"
      principalId      = var.reader_principal_id
      principalType    = "ServicePrincipal"
    }
  }
}

# rows that the rule drops
resource "azapi_resource" "errors" {
  type      = "Microsoft.Insights/diagnosticSettings@2021-05-01-preview"
  name      = "ingestion-errors"
  parent_id = azapi_resource.rule.id

  body = {
    properties = {
      workspaceId = azapi_resource.workspace.id
      logs = [{
        category = "LogErrors"
        enabled  = true
      }]
    }
  }
}

resource "azapi_resource" "query" {
  for_each = { for one in local.searches : one.properties.functionAlias => one.properties }

  type       = "Microsoft.OperationalInsights/workspaces/savedSearches@2020-08-01"
  name       = each.key
  parent_id  = azapi_resource.workspace.id
  depends_on = [azapi_resource.table]

  body = {
    properties = each.value
  }
}

resource "azapi_resource" "workbook" {
  type      = "Microsoft.Insights/workbooks@2023-06-01"
  name      = uuidv5(local.guid_namespace, join("-", [var.resource_group_id, "azureml-harness-audit"]))
  parent_id = var.resource_group_id
  location  = var.location
  tags      = var.tags

  body = {
    kind = "shared"
    properties = {
      displayName    = "Azure ML Harness audit"
      category       = "workbook"
      sourceId       = azapi_resource.workspace.id
      serializedData = local.workbooks[0].properties.serializedData
    }
  }
}
