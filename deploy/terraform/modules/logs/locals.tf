locals {
  template  = jsondecode(file("${path.module}/../../../azure-monitor/template.json"))
  tables    = [for one in local.template.resources : one if one.type == "Microsoft.OperationalInsights/workspaces/tables"]
  columns   = local.tables[0].properties.schema.columns
  searches  = [for one in local.template.resources : one if one.type == "Microsoft.OperationalInsights/workspaces/savedSearches"]
  workbooks = [for one in local.template.resources : one if one.type == "Microsoft.Insights/workbooks"]

  # Azure Resource Manager's guid() is a UUID of version 5 in this namespace
  guid_namespace = "11fb06fb-712d-4ddd-98c7-e71bbd588830"
  role_ids       = "/subscriptions/${split("/", var.resource_group_id)[2]}/providers/Microsoft.Authorization/roleDefinitions"
  # Monitoring Metrics Publisher
  publisher_role = "3913510d-42f4-4e42-8a64-420c390055eb"
  # Log Analytics Data Reader
  reader_role = "3b03c2da-16b3-4a49-8834-0f8130efdd3b"
}
