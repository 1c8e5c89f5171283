/**
 * Custom role definitions as ARM takes them.
 * @module
 */
import type { Grants } from './grants.ts'

/** Bodies for `PUT {scope}/providers/Microsoft.Authorization/roleDefinitions/{name}?api-version=2022-04-01`. */
export function azureRoles({ roles, subscriptions }: Grants): readonly object[] {
  return roles.map(({ name, guid, description, actions, notActions }) => ({
    name: guid,
    type: 'Microsoft.Authorization/roleDefinitions',
    properties: {
      roleName: name,
      description,
      type: 'CustomRole',
      permissions: [{ actions, notActions, dataActions: [], notDataActions: [] }],
      assignableScopes: subscriptions,
    },
  }))
}
