/**
 * Evaluates a template of Azure Resource Manager as a deployment would. It knows what `policy export` writes; everything else
 * is an error, so that nothing is passed over.
 * @module
 */
import { createHash } from 'node:crypto'
import type { Document, Resource } from '../../deploy/infrastructure/support/deployment.ts'

interface Template {
  readonly $schema: string
  readonly parameters: Readonly<Record<string, { readonly type: string }>>
  readonly resources: readonly Entry[]
}
interface Entry {
  readonly type: string
  readonly apiVersion: string
  readonly name: string
  readonly scope?: string
  readonly resourceGroup?: string
  readonly properties: Document
}
type Parameters = Readonly<Record<string, unknown>>

/** A text of a template: an expression in brackets, or itself. */
function textOf(value: string, parameters: Parameters): string {
  if (value.startsWith('[[')) return value.slice(1)
  if (!value.startsWith('[')) return value
  const [, member] = /^\[parameters\('(\w+)'\)\]$/u.exec(value) ?? []
  if (member !== undefined) return string(parameters[member], value)
  const [, object, key] = /^\[parameters\('(\w+)'\)\['([\w-]+)'\]\]$/u.exec(value) ?? []
  if (object !== undefined && key !== undefined)
    return string((parameters[object] as Record<string, unknown>)[key], value)
  const [, names = ''] = /^\[guid\(((?:parameters\('\w+'\)(?:, )?)+)\)\]$/u.exec(value) ?? []
  if (names === '') throw new Error(`the tests know no expression ${value}`)
  const parts = names.split(', ').map((name) => textOf(`[${name}]`, parameters))
  return createHash('sha256').update(parts.join('-')).digest('hex').slice(0, 36)
}
function string(value: unknown, where: string): string {
  if (typeof value !== 'string') throw new Error(`${where} is no text`)
  return value
}

function evaluated(value: unknown, parameters: Parameters): unknown {
  if (typeof value === 'string') return textOf(value, parameters)
  if (Array.isArray(value)) return value.map((one) => evaluated(one, parameters))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, evaluated(one, parameters)]),
  )
}

function resourcesOf(template: Template, at: string, given: Parameters): Resource[] {
  const declared = Object.keys(template.parameters).sort()
  if (declared.join() !== Object.keys(given).sort().join())
    throw new Error(`parameters are ${declared.join()}`)
  const isOfSubscription = template.$schema.includes('/subscriptionDeploymentTemplate.json')
  if (isOfSubscription === at.includes('/resourceGroups/'))
    throw new Error(`${template.$schema} is not for ${at}`)
  return template.resources.flatMap((entry): Resource[] => {
    const { type, apiVersion, resourceGroup, scope } = entry
    const name = textOf(entry.name, given)
    if (type === 'Microsoft.Resources/deployments') {
      const { template: inner, parameters, expressionEvaluationOptions } = entry.properties
      if ((expressionEvaluationOptions as { scope: string }).scope !== 'inner')
        throw new Error('expressions would see the parameters around')
      const values = Object.entries(parameters as Record<string, { value: unknown }>).map(
        ([key, one]) => [key, evaluated(one.value, given)],
      )
      const group =
        resourceGroup === undefined ? '' : `/resourceGroups/${textOf(resourceGroup, given)}`
      return resourcesOf(
        inner as unknown as Template,
        `${at}${group}`,
        Object.fromEntries(values) as Parameters,
      )
    }
    const on = scope === undefined ? at : `${at}/providers/${textOf(scope, given)}`
    return [
      {
        symbol: name,
        id: `${on}/providers/${type}/${name}`,
        type,
        apiVersion,
        body: { properties: evaluated(entry.properties, given) } as Document,
      },
    ]
  })
}

/** What a template for a subscription makes. @param subscription that of the file's name counts if it is another */
export function deployTemplate(text: string, subscription: string, given: Parameters): Resource[] {
  const template = JSON.parse(text) as Template
  // a role is made where it is deployed, which only whoever deploys it says
  const [, own] =
    /"(\/subscriptions\/[^/"]+)\/providers\/Microsoft\.Authorization\/roleDefinitions/u.exec(
      text,
    ) ?? []
  return resourcesOf(template, own ?? subscription, given)
}
