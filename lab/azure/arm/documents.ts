/**
 * Documents of ARM resources: read from a body, shown in an answer, or not found.
 * @module
 */
import { createHash } from 'node:crypto'
import { armError } from './answers.ts'
import type { ArmPath } from './paths.ts'
import type { Document, Resource } from './store.ts'
import { json, type Answer, type Body } from '../../server/call.ts'
import { REGION, RESOURCE_GROUP, SUBSCRIPTION, TENANT } from '../../personas.ts'

/** The `properties` of a document, or none. */
export function properties(document: Document): Document {
  const value = document['properties']
  return typeof value === 'object' && value !== null ? (value as Document) : {}
}

/** Null if the body is no JSON object, or too long to be kept. */
export function parseDocument(body: Body): Document | null {
  if (body.content === null || body.bytes === 0) return {}
  try {
    const value: unknown = JSON.parse(body.content.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Document) : null
  } catch {
    return null
  }
}

export function setState(resource: Resource, state: string): void {
  resource.document = {
    ...resource.document,
    properties: { ...properties(resource.document), provisioningState: state },
  }
}

export function show(
  resource: Resource,
  status = 200,
  headers: Record<string, string> = {},
): Answer {
  const text = JSON.stringify(resource.document)
  const etag = `"${createHash('sha256').update(text).digest('hex').slice(0, 16)}"`
  return json(status, resource.document, { etag, ...headers })
}

export function notFound(path: ArmPath): Answer {
  const type = `${path.namespace}/${path.pairs.map(([kind]) => kind).join('/')}`
  const name = path.pairs.map(([, one]) => one).join('/')
  const message = `The Resource '${type}/${name}' under resource group '${path.resourceGroup}' was not found.`
  return armError(404, 'ResourceNotFound', message)
}

/** Subscriptions and resource groups: there is one of each. */
export function scope(path: ArmPath): Answer {
  const subscription = {
    id: `/subscriptions/${SUBSCRIPTION}`,
    subscriptionId: SUBSCRIPTION,
    displayName: 'Lab',
    tenantId: TENANT,
    state: 'Enabled',
  }
  const group = {
    id: `/subscriptions/${SUBSCRIPTION}/resourceGroups/${RESOURCE_GROUP}`,
    name: RESOURCE_GROUP,
    type: 'Microsoft.Resources/resourceGroups',
    location: REGION,
    properties: { provisioningState: 'Succeeded' },
  }
  if (path.key === '/subscriptions') return json(200, { value: [subscription] })
  if (path.key === subscription.id) return json(200, subscription)
  if (path.key === `${subscription.id}/resourcegroups`) return json(200, { value: [group] })
  if (path.key === group.id.toLowerCase()) return json(200, group)
  return armError(404, 'ResourceGroupNotFound', 'The resource group could not be found.')
}
