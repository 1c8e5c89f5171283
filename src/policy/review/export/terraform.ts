/**
 * Managed identities, custom roles and role assignments as Terraform.
 * @module
 */
import type { Grants } from './grants.ts'

/** A text as a literal: JSON's strings are HCL's, but for two short forms and for templates. */
export const text = (value: string): string =>
  JSON.stringify(value)
    .replace(/\\[bf\\]/gu, (found) => SHORT[found] ?? found)
    .replace(/[$%]\{/gu, (mark) => `${mark[0]}${mark}`)
const SHORT: Readonly<Record<string, string>> = {
  [String.raw`\b`]: String.raw`\u0008`,
  [String.raw`\f`]: String.raw`\u000c`,
}

const listed = (actions: readonly string[]): string =>
  actions.length === 0
    ? '[]'
    : `[\n${actions.map((action) => `      ${text(action)},`).join('\n')}\n    ]`

const label = (name: string): string => text(name.replace(/[^a-z0-9-]/giu, '_'))

/** `main.tf`, for the azurerm provider. */
export function terraformFile({ identities, roles, assignments, subscriptions }: Grants): string {
  const parts = [
    '# Written by: azureml-harness policy export --terraform',
    `variable "resource_group_name" {\n  type = string\n}\n\nvariable "location" {\n  type = string\n}`,
    ...identities.map(
      (name) => `resource "azurerm_user_assigned_identity" ${label(name)} {
  name                = ${text(name)}
  resource_group_name = var.resource_group_name
  location            = var.location
}`,
    ),
    ...roles.map(
      ({
        id,
        name,
        guid,
        description,
        actions,
        notActions,
      }) => `resource "azurerm_role_definition" ${label(id)} {
  role_definition_id = ${text(guid)}
  name               = ${text(name)}
  description        = ${text(description)}
  scope              = ${text(subscriptions[0] ?? '')}
  assignable_scopes  = [${subscriptions.map(text).join(', ')}]

  permissions {
    actions     = ${listed(actions)}
    not_actions = ${listed(notActions)}
  }
}`,
    ),
    ...assignments.map(
      ({ role, identity, scope }, at) => `resource "azurerm_role_assignment" "assignment-${at}" {
  scope              = ${text(scope)}
  role_definition_id = azurerm_role_definition.${label(role).slice(1, -1)}.role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.${label(identity).slice(1, -1)}.principal_id
}`,
    ),
  ]
  return `${parts.join('\n\n')}\n`
}
