// One role of one identity on this resource group, or on a workspace or registry in it.
@description('Name of the assignment.')
@minLength(36)
@maxLength(36)
param assignmentName string

@description('Resource id that the role is for.')
param targetId string

@description('Resource id of the role.')
param roleDefinitionId string

@description('Object id of the identity.')
@minLength(36)
@maxLength(36)
param principalId string

var parts = split(targetId, '/')
var kind = length(parts) > 5 ? toLower('${parts[6]}/${parts[7]}') : 'group'
var isWorkspace = kind == 'microsoft.machinelearningservices/workspaces'
var isRegistry = kind == 'microsoft.machinelearningservices/registries'
var isGroup = (kind == 'group' || isWorkspace || isRegistry) ? kind == 'group' : fail('a role is for a subscription, a resource group, a workspace or a registry')

resource workspace 'Microsoft.MachineLearningServices/workspaces@2024-04-01' existing = {
  name: isWorkspace ? parts[8] : 'none'
}

resource registry 'Microsoft.MachineLearningServices/registries@2024-04-01' existing = {
  name: isRegistry ? parts[8] : 'none'
}

resource onGroup 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (isGroup) {
  name: assignmentName
  properties: {
    roleDefinitionId: roleDefinitionId
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource onWorkspace 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (isWorkspace) {
  name: assignmentName
  scope: workspace
  properties: {
    roleDefinitionId: roleDefinitionId
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource onRegistry 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (isRegistry) {
  name: assignmentName
  scope: registry
  properties: {
    roleDefinitionId: roleDefinitionId
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
