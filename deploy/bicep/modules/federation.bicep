// Lets a Kubernetes service account sign in as the identities.
@description('Names of the identities.')
param identityNames array

@description('The cluster as an issuer of tokens.')
@minLength(12)
param issuerUrl string

@description('Namespace of the service account.')
@minLength(1)
@maxLength(63)
param kubernetesNamespace string

@description('Name of the service account.')
@minLength(1)
@maxLength(63)
param serviceAccount string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = [for name in identityNames: {
  name: name
}]

resource credential 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30' = [for (name, at) in identityNames: {
  parent: identity[at]
  name: 'kubernetes'
  properties: {
    issuer: issuerUrl
    subject: 'system:serviceaccount:${kubernetesNamespace}:${serviceAccount}'
    audiences: ['api://AzureADTokenExchange']
  }
}]
