locals {
  # the secrets reader is the platform's and no identity of the gateway
  own = [for one in var.identities : one if one.duty != "secrets-reader"]
  workload = { for one in local.own : one.duty => {
    kind      = "workload-identity"
    tenantId  = var.tenant_id
    clientId  = one.clientId
    tokenFile = "/var/run/secrets/azure/tokens/azure-identity-token"
  } }
  managed = { for one in local.own : one.duty => {
    kind     = "managed-identity"
    clientId = one.clientId
    objectId = one.principalId
  } }
  # of one runtime each; types of its values differ
  identities    = { kubernetes = local.workload, container-apps = local.managed }
  operation_key = { kubernetes = { fromFile = "/etc/azureml-harness/secrets/operation-key" }, container-apps = { fromEnv = "HARNESS_OPERATION_KEY" } }
}
