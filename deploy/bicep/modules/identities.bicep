// The managed identities of the gateway: one a duty, so that none may do what another is for.
@description('What names begin with.')
@minLength(3)
@maxLength(20)
param namePrefix string

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

var duties = [
  'ml-reader'
  'ml-writer'
  'audit-writer'
  'log-reader'
  'ledger'
  'directory-reader'
  'secrets-reader'
]

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = [for duty in duties: {
  name: '${namePrefix}-${duty}'
  location: location
  tags: tags
}]

@description('For each duty the resource, client and object id of its identity.')
output identities array = [for (duty, at) in duties: {
  duty: duty
  id: identity[at].id
  name: identity[at].name
  clientId: identity[at].properties.clientId
  principalId: identity[at].properties.principalId
}]
