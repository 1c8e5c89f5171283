/**
 * Custom roles and their assignments as templates of Azure Resource Manager, one a subscription: what `bicep.ts` says, for
 * those who deploy JSON. The identities are there already; their object ids are a parameter.
 * @module
 */
import { PROVIDER } from '../../../vocabulary/resource-types.ts'
import { azureRoles } from './azure-role.ts'
import { partOf, type Assignment, type Grants, type Role } from './grants.ts'

const ROLES = 'Microsoft.Authorization/roleDefinitions'
const API_VERSION = '2022-04-01'
const SCHEMA = 'https://schema.management.azure.com/schemas'

/** A text that begins with a bracket would be an expression. */
const text = (value: string): string => (value.startsWith('[') ? `[${value}` : value)

/** With each text as a template takes it. */
const literal = (role: Role): Role => ({
  ...role,
  name: text(role.name),
  description: text(role.description),
  actions: role.actions.map(text),
  notActions: role.notActions.map(text),
})

/** A deployment of one assignment where it is, whose expressions see its own parameters only. */
function deployment(one: Assignment, role: string, at: number): object {
  const [, , , , group, , , kind, name] = one.scope.split('/')
  const on = kind === undefined || name === undefined ? null : `${PROVIDER}/${kind}/${name}`
  const string = { type: 'string' }
  return {
    type: 'Microsoft.Resources/deployments',
    apiVersion: '2022-09-01',
    name: `harness-${at}`,
    ...(group === undefined
      ? { location: '[deployment().location]' }
      : { resourceGroup: text(group) }),
    dependsOn: [role],
    properties: {
      mode: 'Incremental',
      expressionEvaluationOptions: { scope: 'inner' },
      parameters: {
        scope: { value: text(one.scope) },
        principalId: { value: `[parameters('principalIds')['${one.identity}']]` },
        roleDefinitionId: { value: role },
      },
      template: {
        $schema:
          group === undefined
            ? `${SCHEMA}/2018-05-01/subscriptionDeploymentTemplate.json#`
            : `${SCHEMA}/2019-04-01/deploymentTemplate.json#`,
        contentVersion: '1.0.0.0',
        parameters: { scope: string, principalId: string, roleDefinitionId: string },
        resources: [
          {
            type: 'Microsoft.Authorization/roleAssignments',
            apiVersion: API_VERSION,
            name: "[guid(parameters('scope'), parameters('principalId'), parameters('roleDefinitionId'))]",
            ...(on === null ? {} : { scope: text(on) }),
            properties: {
              principalId: "[parameters('principalId')]",
              roleDefinitionId: "[parameters('roleDefinitionId')]",
              principalType: 'ServicePrincipal',
            },
          },
        ],
      },
    },
  }
}

/** Files by name. Deploy each `main-<subscription>.json` with `az deployment sub create`. */
export function armTemplates(grants: Grants): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  for (const subscription of grants.subscriptions) {
    const { assignments, roles } = partOf(grants, subscription)
    const ids = new Map(
      roles.map(({ id, guid }) => [id, `${subscription}/providers/${ROLES}/${guid}`]),
    )
    const template = {
      $schema: `${SCHEMA}/2018-05-01/subscriptionDeploymentTemplate.json#`,
      contentVersion: '1.0.0.0',
      parameters: {
        principalIds: {
          type: 'object',
          metadata: { description: 'object id of each managed identity, by its name' },
        },
      },
      resources: [
        ...azureRoles({ ...grants, roles: roles.map(literal) }).map((role) => ({
          ...role,
          apiVersion: API_VERSION,
        })),
        ...assignments.map((one, at) => deployment(one, ids.get(one.role) ?? '', at)),
      ],
    }
    const name = `main-${subscription.split('/')[2] ?? ''}.json`
    files.set(name, `${JSON.stringify(template, null, 2)}\n`)
  }
  return files
}
