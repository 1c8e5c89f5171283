output "cluster_name" {
  description = "Name of the cluster."
  value       = module.cluster.cluster_name
}

output "kubelet_principal_id" {
  description = "Object id of the identity that pulls images: give it AcrPull on your registry."
  value       = module.cluster.kubelet_principal_id
}

output "identities" {
  description = "For each duty the resource, client and object id of its identity."
  value       = module.base.identities
}

output "configuration" {
  description = "harness.yaml, as far as what was made here decides it."
  value       = module.configuration.configuration
}

output "helm_values" {
  description = "Values of the Helm chart: write them to a file; policies and bindings are yours."
  value = {
    image = {
      repository = var.image_repository
      digest     = var.image_digest
    }
    config = module.configuration.configuration
    tls    = { secretName = "azureml-harness-tls" }
    secrets = {
      keyVault = {
        enabled  = true
        name     = var.vault_name
        tenantId = var.tenant_id
        clientId = local.by_duty["secrets-reader"].clientId
        objects  = { "operation-key" = "operation-key" }
      }
    }
    serviceAccount   = { name = var.service_account }
    workloadIdentity = { clientId = local.by_duty["ml-reader"].clientId }
    service = {
      type = "LoadBalancer"
      annotations = {
        "service.beta.kubernetes.io/azure-load-balancer-internal" = "true"
        "service.beta.kubernetes.io/azure-load-balancer-ipv4"     = var.service_ip
      }
    }
  }
}
