// Azure Policy on this resource group: one definition or initiative, and what its identity needs to change resources.
@description('The region of the identity of the assignment.')
param location string

@description('Name of the assignment.')
@minLength(1)
@maxLength(64)
param assignmentName string

@description('Resource id of the definition or of the initiative.')
@minLength(60)
param policyDefinitionId string

@description('Values of the parameters of the policy: {name: {value: ...}}.')
param policyParameters object

@description('DoNotEnforce evaluates and changes nothing.')
@allowed(['Default', 'DoNotEnforce'])
param enforcementMode string

@description('Names (GUIDs) of the roles that the definitions ask for to change resources.')
param roleIds array

resource assignment 'Microsoft.Authorization/policyAssignments@2024-04-01' = {
  name: assignmentName
  location: location
  identity: { type: 'SystemAssigned' }
  properties: {
    displayName: assignmentName
    policyDefinitionId: policyDefinitionId
    parameters: policyParameters
    enforcementMode: enforcementMode
  }
}

resource role 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for roleId in roleIds: {
  name: guid(assignment.id, roleId)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleId)
    principalId: assignment.identity.principalId
    principalType: 'ServicePrincipal'
  }
}]

@description('Resource id of the assignment.')
output assignmentId string = assignment.id
