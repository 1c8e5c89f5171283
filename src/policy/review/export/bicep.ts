/**
 * Managed identities, custom roles and role assignments as Bicep: one file a subscription, and a module for scopes.
 * @module
 */
import { partOf, type Assignment, type Grants } from './grants.ts'

/** How Bicep writes what cannot stand in a string as it is. */
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': String.raw`\\`,
  "'": String.raw`\'`,
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
  '${': String.raw`\${`,
}

/** A text as a literal. */
export const text = (value: string): string => {
  const escaped = value.replace(
    // what else is not printed, line and paragraph separators among it
    /\\|'|\$\{|[\p{Cc}\p{Zl}\p{Zp}]/gu,
    (found) => ESCAPES[found] ?? `\\u{${found.codePointAt(0)?.toString(16)}}`,
  )
  return `'${escaped}'`
}

const listed = (actions: readonly string[]): string =>
  actions.length === 0
    ? '[]'
    : `[\n${actions.map((action) => `          ${text(action)}`).join('\n')}\n        ]`

/** A symbolic name: Bicep takes letters, digits and underscores. */
const symbol = (prefix: string, name: string): string =>
  `${prefix}_${name.replace(/[^a-z0-9]/giu, '_')}`

const ASSIGNMENT = `// Grants one role to one identity on a workspace, a registry, or this resource group.
param principalId string
param roleDefinitionId string
@allowed(['group', 'workspaces', 'registries'])
param kind string
param name string = ''

resource workspace 'Microsoft.MachineLearningServices/workspaces@2024-04-01' existing = if (kind == 'workspaces') {
  name: empty(name) ? 'none' : name
}
resource registry 'Microsoft.MachineLearningServices/registries@2024-04-01' existing = if (kind == 'registries') {
  name: empty(name) ? 'none' : name
}
resource onWorkspace 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (kind == 'workspaces') {
  name: guid(resourceGroup().id, name, principalId, roleDefinitionId)
  scope: workspace
  properties: { principalId: principalId, roleDefinitionId: roleDefinitionId, principalType: 'ServicePrincipal' }
}
resource onRegistry 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (kind == 'registries') {
  name: guid(resourceGroup().id, name, principalId, roleDefinitionId)
  scope: registry
  properties: { principalId: principalId, roleDefinitionId: roleDefinitionId, principalType: 'ServicePrincipal' }
}
resource onGroup 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (kind == 'group') {
  name: guid(resourceGroup().id, principalId, roleDefinitionId)
  properties: { principalId: principalId, roleDefinitionId: roleDefinitionId, principalType: 'ServicePrincipal' }
}
`

const IDENTITY = `// One managed identity of the gateway.
param name string
param location string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
}
output principalId string = identity.properties.principalId
output clientId string = identity.properties.clientId
`

function assignment(one: Assignment, at: number): string {
  const [, , , , group, , , kind = '', name = ''] = one.scope.split('/')
  const principal = `${symbol('identity', one.identity)}.outputs.principalId`
  const role = `${symbol('role', one.role)}.id`
  if (group === undefined) {
    return `resource assignment_${at} 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, ${text(one.identity)}, ${text(one.role)})
  properties: {
    principalId: ${principal}
    roleDefinitionId: ${role}
    principalType: 'ServicePrincipal'
  }
}`
  }
  return `module assignment_${at} 'assignment.bicep' = {
  name: 'harness-${at}'
  scope: resourceGroup(${text(group)})
  params: {
    principalId: ${principal}
    roleDefinitionId: ${role}
    kind: ${text(kind === '' ? 'group' : kind)}
    name: ${text(name)}
  }
}`
}

/** Files by name. Deploy each `main-<subscription>.bicep` with `az deployment sub create`. */
export function bicepFiles(grants: Grants): ReadonlyMap<string, string> {
  const files = new Map([
    ['assignment.bicep', ASSIGNMENT],
    ['identity.bicep', IDENTITY],
  ])
  for (const subscription of grants.subscriptions) {
    const id = subscription.split('/')[2] ?? ''
    const { assignments: here, roles } = partOf(grants, subscription)
    const identities = [...new Set(here.map(({ identity }) => identity))].sort()
    const parts = [
      `// Subscription ${id}. Written by: azureml-harness policy export --bicep`,
      `targetScope = 'subscription'\n\nparam identityResourceGroup string\nparam location string`,
      ...identities.map(
        (name) => `module ${symbol('identity', name)} 'identity.bicep' = {
  name: ${text(`harness-${name}`)}
  scope: resourceGroup(identityResourceGroup)
  params: { name: ${text(name)}, location: location }
}`,
      ),
      ...roles.map(
        ({
          id: role,
          name,
          guid,
          description,
          actions,
          notActions,
        }) => `resource ${symbol('role', role)} 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: ${text(guid)}
  properties: {
    roleName: ${text(name)}
    description: ${text(description)}
    type: 'CustomRole'
    permissions: [
      {
        actions: ${listed(actions)}
        notActions: ${listed(notActions)}
      }
    ]
    assignableScopes: [
${grants.subscriptions.map((one) => `      ${text(one)}`).join('\n')}
    ]
  }
}`,
      ),
      ...here.map(assignment),
    ]
    files.set(`main-${id}.bicep`, `${parts.join('\n\n')}\n`)
  }
  return files
}
