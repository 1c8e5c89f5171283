# Lets a Kubernetes service account sign in as the identities.
resource "azapi_resource" "credential" {
  for_each = toset(var.identity_names)

  type      = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30"
  name      = "kubernetes"
  parent_id = "${var.resource_group_id}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${each.key}"

  body = {
    properties = {
      issuer    = var.issuer_url
      subject   = "system:serviceaccount:${var.kubernetes_namespace}:${var.service_account}"
      audiences = ["api://AzureADTokenExchange"]
    }
  }
}
