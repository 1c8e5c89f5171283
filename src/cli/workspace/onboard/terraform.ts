/**
 * The resources of a workspace as Terraform, with the azapi provider: the same bodies as in Bicep.
 * @module
 */
import { text } from '../../../policy/review/export/terraform.ts'
import { isObject } from '../../../lib/strict-json.ts'
import { isList } from './bicep.ts'
import { Given, Of, type Parameter, type Resource, type Template, type Value } from './resources.ts'

const HEAD = `# Written by: azureml-harness workspace onboard
terraform {
  required_version = ">= 1.9, < 2.0"
  required_providers {
    azapi = {
      source  = "Azure/azapi"
      version = ">= 2.12, < 3.0"
    }
  }
}

provider "azapi" {}`

/** `main.tf`. */
export function terraformOf(template: Template): ReadonlyMap<string, string> {
  const parts = [HEAD, ...template.parameters.map(variable), ...template.resources.map(resource)]
  return new Map([['main.tf', `${parts.join('\n\n')}\n`]])
}

/** `apiDnsZoneId` as `api_dns_zone_id`. */
const snake = (name: string): string =>
  name.replaceAll(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`)

function variable({ name, about, default: value }: Parameter): string {
  const given = value === null ? '' : `\n  default     = ${text(value)}`
  return `variable "${snake(name)}" {
  type        = string
  description = ${text(about)}${given}
}`
}

/** azapi keeps of an answer what it is told to. */
const IDENTITY =
  '\n  response_export_values = ["identity.principalId"]\n\n  identity {\n    type = "SystemAssigned"\n  }'
/** A new identity is known everywhere after some minutes only. */
const RETRY = '\n  retry = { error_message_regex = ["PrincipalNotFound"] }'

const waitsForPrincipal = (properties: Value): boolean =>
  isObject(properties) && properties['principalId'] instanceof Of

function resource(one: Resource): string {
  const { symbol, type, name, scope, location, hasIdentity, properties, after = [] } = one
  const parent = typeof scope === 'string' ? text(scope) : valueText(scope, 1)
  const own = hasIdentity === true ? IDENTITY : ''
  const retry = waitsForPrincipal(properties) ? RETRY : ''
  const place = location === undefined ? '' : `\n  location  = ${valueText(location, 1)}`
  const before = after.map((other) => `azapi_resource.${snake(other)}`)
  const depends = before.length === 0 ? '' : `\n\n  depends_on = [${before.join(', ')}]`
  return `resource "azapi_resource" "${snake(symbol)}" {
  type      = ${text(type)}
  name      = ${text(name)}
  parent_id = ${parent}${place}${retry}${own}

  body = {
    properties = ${valueText(properties, 2)}
  }${depends}
}`
}

function valueText(value: Value, depth: number): string {
  const pad = '  '.repeat(depth)
  if (typeof value === 'string') return text(value)
  if (typeof value === 'boolean') return String(value)
  if (value instanceof Given) return `var.${snake(value.parameter)}`
  if (value instanceof Of) {
    const at = `azapi_resource.${snake(value.symbol)}`
    return value.what === 'id' ? `${at}.id` : `${at}.output.identity.principalId`
  }
  if (isList(value)) {
    if (value.length === 0) return '[]'
    const items = value.map((item) => `${pad}  ${valueText(item, depth + 1)},\n`).join('')
    return `[\n${items}${pad}]`
  }
  const members = Object.entries(value)
  if (members.length === 0) return '{}'
  const lines = members.map(([name, one]) => `${pad}  ${name} = ${valueText(one, depth + 1)}\n`)
  return `{\n${lines.join('')}${pad}}`
}
