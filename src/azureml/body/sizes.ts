/**
 * How much a document asks for: numbers of instances, and the sizes of containers where no VM size is named.
 * @module
 */
import type { Collector } from './collect.ts'
import type { JsonNode } from '../../lib/json/document.ts'
import { plainName } from './names.ts'
import type { Occurrence } from './walk.ts'

/** Objects with what a container may use: of Kubernetes, and of the services that were there before endpoints. */
const CONTAINERS = new Set([
  'containerresourcerequirements',
  'containerresourcelimits',
  'containerresourcerequests',
  'limits',
  'requests',
])
/** Their members, in the order in which the fact names them. */
const RESOURCES: readonly (readonly [name: string, keys: readonly string[]])[] = [
  ['cpu', ['cpu', 'cpulimit']],
  ['gpu', ['gpu', 'nvidia.com/gpu', 'amd.com/gpu']],
  ['memory', ['memory', 'memoryingb', 'memoryingblimit']],
  ['fpga', ['fpga']],
]

/** Adds the number of instances at a name that counts them. */
export function noteCount({ node, chain }: Occurrence, collector: Collector): void {
  const name = chain.at(-1)
  // only in the sku of a deployment does `capacity` count instances
  if (name === 'capacity' && chain.at(-2) !== 'sku') return
  const written = scalar(node)
  if (written === null) return
  const number = Number(written)
  if (written === '' || !Number.isSafeInteger(Math.ceil(number))) {
    collector.markUnusable('instanceCount', 'a number of instances that cannot be read')
  } else collector.max('instanceCount', Math.ceil(number))
}

/** Adds the size of a container to the VM sizes, as `cpu=1,memory=2gi`: a list of approved sizes is not passed by it. */
export function noteContainerSize({ node, chain }: Occurrence, collector: Collector): void {
  if (node.kind !== 'object' || !CONTAINERS.has(chain.at(-1) ?? '')) return
  const parts = RESOURCES.flatMap(([name, keys]) => {
    const found = node.members.find(({ key }) => keys.includes(plainName(key)))
    const value = found === undefined ? null : scalar(found.value)
    return value === null || value === '' ? [] : [`${name}=${value.toLowerCase()}`]
  })
  if (parts.length > 0) collector.add('instanceTypes', parts.join(','))
}

function scalar(node: JsonNode): string | null {
  if (node.kind === 'number') return node.text
  return node.kind === 'string' ? node.value.trim() : null
}
