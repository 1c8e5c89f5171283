/**
 * Whether a resource would be open to the internet or to keys. What is not said has Azure's default, which is open.
 * @module
 */
import type { Collector } from './collect.ts'
import { text } from './jobs.ts'
import type { JsonNode } from '../../lib/json/document.ts'
import type { DocumentContext, Sight } from './walk.ts'

const REACHABLE = new Set(['Workspace', 'Registry', 'OnlineEndpoint', 'ComputeTarget'])
const WITH_KEYS = new Set(['OnlineEndpoint', 'ComputeTarget'])

/** Adds `publicNetworkAccess` and `localAuth`. */
export function exposure(
  sights: readonly Sight[],
  { type, whole }: DocumentContext,
  collector: Collector,
): void {
  let reachable: boolean | null = null
  let keys: boolean | null = null
  for (const { node, chain, inert } of sights) {
    if (inert) continue
    const name = chain.at(-1) ?? ''
    const open = reachableBy(name, node)
    if (open !== null) reachable = (reachable ?? false) || open
    const local = keysBy(name, node)
    if (local !== null) keys = (keys ?? false) || local
  }
  if (whole && REACHABLE.has(type)) reachable ??= true
  if (whole && WITH_KEYS.has(type)) keys ??= true
  if (reachable !== null) collector.either('publicNetworkAccess', reachable)
  if (keys !== null) collector.either('localAuth', keys)
}

function reachableBy(name: string, node: JsonNode): boolean | null {
  const value = text(node)
  if (name === 'publicnetworkaccess') return value === null ? null : !/^disabled$/i.test(value)
  if (name === 'enablenodepublicip') return flag(node)
  return name === 'allowpublicaccesswhenbehindvnet' ? flag(node) : null
}

function keysBy(name: string, node: JsonNode): boolean | null {
  const value = text(node)
  if (name === 'authmode') return value === null ? null : !/^aadtoken$/i.test(value)
  if (name !== 'disablelocalauth') return null
  const disabled = flag(node)
  return disabled === null ? null : !disabled
}

/** ARM reads `"true"` as true. */
function flag(node: JsonNode): boolean | null {
  const word = node.kind === 'boolean' ? node.text : (text(node)?.toLowerCase() ?? '')
  return word === 'true' ? true : word === 'false' ? false : null
}
