output "cluster_name" {
  description = "Name of the cluster."
  value       = azapi_resource.cluster.name
}

output "issuer_url" {
  description = "The cluster as an issuer of tokens."
  value       = azapi_resource.cluster.output.properties.oidcIssuerProfile.issuerURL
}

output "kubelet_principal_id" {
  description = "Object id of the identity that pulls images: give it AcrPull on your registry."
  value       = azapi_resource.cluster.output.properties.identityProfile.kubeletidentity.objectId
}
