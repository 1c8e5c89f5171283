output "configuration" {
  description = "harness.yaml without what the runtime adds: ports, certificate, policies and the directory of the spool."
  value = merge(var.settings, {
    listen       = { publicUrl = "https://${var.host_name}" }
    cloud        = { name = var.cloud }
    issuers      = var.issuers
    identities   = local.identities[var.runtime]
    operationKey = local.operation_key[var.runtime]
    approvals = {
      keys = [{
        keyVault = var.review_key_uri
        identity = "ledger"
      }]
      ledger = {
        container = var.ledger_url
        identity  = "ledger"
      }
    }
    audit = {
      spool = { durability = "fsync" }
      search = {
        kind        = "azure-monitor"
        workspaceId = var.logs.customerId
        identity    = "log-reader"
      }
      sinks = [{
        name     = "monitor"
        kind     = "azure-monitor"
        endpoint = var.logs.endpoint
        ruleId   = var.logs.ruleId
        stream   = "Custom-AmlHarnessAudit"
        identity = "audit-writer"
        required = true
      }]
    }
  })
}
