// Custom roles of the gateway's identities and their assignments, as `azureml-harness policy export --json` works them out.
targetScope = 'subscription'

@description('Roles of the export: name, guid, description, actions and notActions.')
param roles array

@description('Assignments of the export that are in this subscription: role, identity and scope.')
param assignments array

@description('Subscriptions that the roles can be assigned in, as the export has them.')
param subscriptions array

@description('Object ids of the identities, by their names in the policies.')
param principalIds object

var guids = toObject(roles, one => (one.id), one => (one.guid))
var foreign = filter(assignments, one => (!startsWith('${one.scope}/', '${subscription().id}/')))
var all = empty(foreign) ? assignments : fail('assignments of another subscription: deploy them there')
var onThis = filter(all, one => (length(split(one.scope, '/')) == 3))
var below = filter(all, one => (length(split(one.scope, '/')) > 3))

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [for one in roles: {
  name: one.guid
  properties: {
    roleName: one.name
    description: one.description
    type: 'CustomRole'
    permissions: [
      {
        actions: one.actions
        notActions: one.notActions
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: subscriptions
  }
}]

resource onSubscription 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for one in onThis: {
  name: guid(one.scope, one.identity, one.role)
  dependsOn: [role]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', guids[one.role])
    principalId: principalIds[one.identity]
    principalType: 'ServicePrincipal'
  }
}]

module inGroup 'role-assignment.bicep' = [for one in below: {
  name: 'role-${guid(one.scope, one.identity, one.role)}'
  scope: resourceGroup(split(one.scope, '/')[4])
  dependsOn: [role]
  params: {
    assignmentName: guid(one.scope, one.identity, one.role)
    targetId: one.scope
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', guids[one.role])
    principalId: principalIds[one.identity]
  }
}]
