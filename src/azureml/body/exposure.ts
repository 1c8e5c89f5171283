/**
 * Whether a resource would be open to the internet or to keys.
 *
 * What opens it counts wherever it stands. What closes it counts at its published place alone, because Azure ignores it
 * anywhere else; and what nothing says has Azure's default, which is open.
 * @module
 */
import type { Collector } from './collect.ts'
import type { JsonNode } from '../../lib/json/document.ts'
import { plainName } from './names.ts'
import { text } from './nodes.ts'
import { exactly, objectAt } from './places.ts'
import type { DocumentContext, Occurrence } from './walk.ts'

/** Types that are open to the internet unless they say otherwise. */
const REACHABLE = new Set([
  'Workspace',
  'Registry',
  'OnlineEndpoint',
  'ComputeTarget',
  'WebService',
])
/** Types that take keys, or ask for nothing, unless they say otherwise. */
const WITH_KEYS = new Set(['OnlineEndpoint', 'ServerlessEndpoint', 'ComputeTarget', 'WebService'])
/** Jobs have the type of a service in `jobServiceType`, steps of pipelines in `type` or in snake_case. */
const SERVICE_TYPES: ReadonlySet<string> = new Set(['jobservicetype', 'servicetype', 'type'])
/** Names of all values that can open something. */
const TELLING: ReadonlySet<string> = new Set([
  ...SERVICE_TYPES,
  'publicnetworkaccess',
  'enablenodepublicip',
  'allowpublicaccesswhenbehindvnet',
  'allowblobpublicaccess',
  'serverlesscomputenopublicip',
  'remoteloginportpublicaccess',
  'sshpublicaccess',
  'loadbalancertype',
  'publicipaddress',
  'authmode',
  'authenabled',
  'disablelocalauth',
])
/** Services of a job that Azure itself adds: pages about the job, which open nothing on its nodes. */
const PAGES = new Set(['tracking', 'studio'])
/** Attached compute: Azure ML makes no network for it, and nothing in the document opens one. */
const ATTACHED = new Set([
  'kubernetes',
  'datafactory',
  'databricks',
  'datalakeanalytics',
  'synapsespark',
])
/** Attached compute that is reached at an address, which the specification calls a public one. */
const BY_ADDRESS = new Set(['virtualmachine', 'hdinsight'])
const PROPERTIES = ['properties']
const INNER = ['properties', 'properties']

/** Adds `publicNetworkAccess` and `localAuth`. */
export function exposure(
  root: JsonNode,
  occurrences: readonly Occurrence[],
  { type, whole }: DocumentContext,
  collector: Collector,
): void {
  let [opened, withKeys] = [false, false]
  for (const occurrence of occurrences) {
    const { node, chain, inert } = occurrence
    const name = chain.name.plain
    if (!TELLING.has(name)) continue
    opened ||= opensNetwork(name, occurrence)
    withKeys ||= !inert && takesKeys(name, node)
  }
  const reachable = openness(opened, closesNetwork(root, type), whole && REACHABLE.has(type))
  const keys = openness(withKeys, refusesKeys(root, type), whole && WITH_KEYS.has(type))
  if (reachable !== null) collector.any('publicNetworkAccess', reachable)
  if (keys !== null) collector.any('localAuth', keys)
}

/** Null if the document says nothing, and nothing is the default of what it leaves out. */
function openness(opened: boolean, closed: boolean, openByDefault: boolean): boolean | null {
  if (opened) return true
  return closed ? false : openByDefault ? true : null
}

function opensNetwork(name: string, { node, chain, inert }: Occurrence): boolean {
  const value = text(node)
  if (SERVICE_TYPES.has(name) && chain.includes('services'))
    return value !== null && !PAGES.has(value.toLowerCase())
  if (inert) return false
  switch (name) {
    case 'publicnetworkaccess':
      return value !== null && !/^disabled$/i.test(value)
    case 'enablenodepublicip':
    case 'allowpublicaccesswhenbehindvnet':
    case 'allowblobpublicaccess':
      return flag(node) === true
    case 'serverlesscomputenopublicip':
      return flag(node) === false
    case 'remoteloginportpublicaccess':
    case 'sshpublicaccess':
      return value !== null && /^enabled$/i.test(value)
    case 'loadbalancertype':
      return value !== null && !/^internalloadbalancer$/i.test(value)
    case 'publicipaddress':
      return value !== null
    default:
      return false
  }
}

function closesNetwork(root: JsonNode, type: string): boolean {
  const properties = objectAt(root, PROPERTIES)
  if (type !== 'ComputeTarget') {
    const said = text(exactly(properties, 'publicnetworkaccess'))
    return said !== null && /^disabled$/i.test(said)
  }
  const kind = plainName(text(exactly(properties, 'computetype')) ?? '')
  const inner = objectAt(root, INNER)
  if (ATTACHED.has(kind)) return true
  if (BY_ADDRESS.has(kind)) return text(exactly(inner, 'address')) === null
  if (kind === 'aks')
    return /^internalloadbalancer$/i.test(text(exactly(inner, 'loadbalancertype')) ?? '')
  const publicIp = exactly(inner, 'enablenodepublicip')
  return publicIp !== null && flag(publicIp) === false
}

function takesKeys(name: string, node: JsonNode): boolean {
  const value = text(node)
  if (name === 'authmode') return value !== null && !/^aadtoken$/i.test(value)
  if (name === 'authenabled') return flag(node) !== null
  return name === 'disablelocalauth' && flag(node) === false
}

function refusesKeys(root: JsonNode, type: string): boolean {
  const properties = objectAt(root, PROPERTIES)
  const mode = text(exactly(properties, 'authmode'))
  if (type !== 'ComputeTarget') return mode !== null && /^aadtoken$/i.test(mode)
  const disabled = exactly(properties, 'disablelocalauth')
  return disabled !== null && flag(disabled) === true
}

/** ARM reads `"true"` as true. */
function flag(node: JsonNode): boolean | null {
  const word = node.kind === 'boolean' ? node.text : (text(node)?.toLowerCase() ?? '')
  return word === 'true' ? true : word === 'false' ? false : null
}
