/**
 * The resources of a workspace as Bicep: a template of the subscription, and a module of the resource group.
 * @module
 */
import { text } from '../../../policy/review/export/bicep.ts'
import { isObject } from '../../../lib/strict-json.ts'
import { Given, Of, type Parameter, type Resource, type Template, type Value } from './resources.ts'

const MODULE = 'workspace.bicep'

/** Files by name, for `az deployment sub create`. @param id ARM id of the workspace */
export function bicepOf(template: Template, id: string): ReadonlyMap<string, string> {
  const [, , , , group = ''] = id.split('/')
  const above = template.resources.filter(({ scope }) => isSubscription(scope))
  const below = template.resources.filter(({ scope }) => !isSubscription(scope))
  const used = template.parameters.filter(({ name }) => below.some((one) => uses(one, name)))
  const roles = above.filter(({ type }) => type.startsWith('Microsoft.Authorization/roleDef'))
  const main = [
    '// Written by: azureml-harness workspace onboard',
    "targetScope = 'subscription'",
    ...template.parameters.map((one) => parameterText(one, true)),
    ...above.map((one) => resourceText(one, id)),
    ...(below.length === 0
      ? []
      : [
          `module workspace '${MODULE}' = {
  name: 'azureml-harness-workspace'
  scope: resourceGroup(${text(group)})
  params: {${used.map(({ name }) => `\n    ${name}: ${name}`).join('')}${used.length === 0 ? '' : '\n  '}}${dependsOn(roles.map(({ symbol }) => symbol))}
}`,
        ]),
  ]
  const files = new Map([['main.bicep', `${main.join('\n\n')}\n`]])
  if (below.length > 0) {
    const parts = [
      '// Written by: azureml-harness workspace onboard. The module of main.bicep in the resource group.',
      ...used.map((one) => parameterText(one, false)),
      ...(below.some(({ scope }) => scope === id) ? [existing(id)] : []),
      ...below.map((one) => resourceText({ ...one, after: [] }, id)),
    ]
    files.set(MODULE, `${parts.join('\n\n')}\n`)
  }
  return files
}

const isSubscription = (scope: Resource['scope']): boolean =>
  typeof scope === 'string' && scope.split('/').length === 3

const existing = (id: string): string =>
  `resource workspace 'Microsoft.MachineLearningServices/workspaces@2024-10-01' existing = {
  name: ${text(id.slice(id.lastIndexOf('/') + 1))}
}`

function parameterText({ name, about, default: value }: Parameter, withDefault: boolean): string {
  const given = withDefault && value !== null ? ` = ${text(value)}` : ''
  return `@description(${text(about)})\nparam ${name} string${given}`
}

function resourceText(resource: Resource, id: string): string {
  const { symbol, type, name, scope, location, hasIdentity, properties, after = [] } = resource
  const lines = [
    scope instanceof Of ? `parent: ${scope.symbol}` : '',
    scope === id ? 'scope: workspace' : '',
    `name: ${text(name)}`,
    location === undefined ? '' : `location: ${valueText(location, 1)}`,
    hasIdentity === true ? "identity: { type: 'SystemAssigned' }" : '',
    `properties: ${valueText(properties, 1)}`,
  ].filter((line) => line !== '')
  return `resource ${symbol} '${type}' = {\n  ${lines.join('\n  ')}${dependsOn(after)}\n}`
}

const dependsOn = (symbols: readonly string[]): string =>
  symbols.length === 0 ? '' : `\n  dependsOn: [\n    ${symbols.join('\n    ')}\n  ]`

function valueText(value: Value, depth: number): string {
  const pad = '  '.repeat(depth)
  if (typeof value === 'string') return text(value)
  if (typeof value === 'boolean') return String(value)
  if (value instanceof Given) return value.parameter
  if (value instanceof Of)
    return value.what === 'id' ? `${value.symbol}.id` : `${value.symbol}.identity.principalId`
  if (isList(value)) {
    if (value.length === 0) return '[]'
    const items = value.map((item) => `${pad}  ${valueText(item, depth + 1)}\n`).join('')
    return `[\n${items}${pad}]`
  }
  const members = Object.entries(value)
  if (members.length === 0) return '{}'
  const lines = members.map(([name, one]) => `${pad}  ${name}: ${valueText(one, depth + 1)}\n`)
  return `{\n${lines.join('')}${pad}}`
}

export const isList = (value: Value): value is readonly Value[] => Array.isArray(value)

/** Whether a resource names a parameter anywhere. */
export function uses({ location, properties }: Resource, parameter: string): boolean {
  const inside = (value: unknown): boolean => {
    if (value instanceof Given) return value.parameter === parameter
    if (Array.isArray(value)) return value.some(inside)
    return isObject(value) && Object.values(value).some(inside)
  }
  return [location, properties].some(inside)
}
