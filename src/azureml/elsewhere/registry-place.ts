/**
 * Registries by name: Azure's discovery says in which subscription, resource group and region one is.
 *
 * azure-ai-ml finds them the same way (_utils/_registry_utils.py, RegistryDiscovery). Microsoft's own registries, such
 * as `azureml`, are in Microsoft's subscriptions, so their assets can be read from the data plane only.
 * @module
 */
import { PROVIDER } from '../../vocabulary/resource-types.ts'
import { isGuid } from '../../lib/guid.ts'

/** Api-version for registries behind the management front end (azure-ai-ml, REGISTRY_DATAPLANE_API_VERSION). */
export const REGISTRY_API_VERSION = '2021-10-01-dataplanepreview'
const FRONT_END = '/mferp/managementfrontend'

/** Where a registry is. */
export interface RegistryPlace {
  /** Its lower-cased ARM id. */
  readonly id: string
  /** The data plane of its first region, as Azure says: the gateway may not serve that host. */
  readonly url: string
}

/** The API's own pattern. */
const NAME = /^[a-z0-9][a-z0-9_-]{2,32}$/i
const GROUP = /^[-\w.()]{0,89}[-\w()]$/
const BARE_URL = /^[a-z]+:\/\/[^/?#]+\/?$/i

/** Whether a registry can have this name. */
export function isRegistryName(name: string): boolean {
  return NAME.test(name)
}

/** The path of a registry's discovery. */
export function discoveryPath(name: string): string {
  return `/registrymanagement/v1.0/registries/${name}/discovery`
}

/** The path of a registry's assets on its data plane. */
export function frontEndPath(id: string): string {
  return `${FRONT_END}${id}`
}

/** The place that discovery answers with; null if that cannot be one. */
export function readPlace(name: string, answer: unknown): RegistryPlace | null {
  if (typeof answer !== 'object' || answer === null) return null
  const fields = new Map(Object.entries<unknown>({ ...answer }))
  const text = (field: string): string => {
    const value = fields.get(field)
    return typeof value === 'string' ? value : ''
  }
  const subscription = text('subscriptionId')
  const group = text('resourceGroup')
  const url = text('primaryRegionResourceProviderUri')
  const called = fields.get('registryName') ?? name
  const isThis = typeof called === 'string' && called.toLowerCase() === name.toLowerCase()
  if (!isThis || !isGuid(subscription) || !GROUP.test(group) || !BARE_URL.test(url)) return null
  const id = `/subscriptions/${subscription}/resourcegroups/${group}/providers/${PROVIDER}/registries/${name}`
  return { id: id.toLowerCase(), url }
}
