/**
 * The digest of a document's parameters: the same for the same document, however it is written.
 * @module
 */
import { createHash } from 'node:crypto'
import type { JsonNode } from '../../lib/json/document.ts'

type Without = (path: readonly string[], value: JsonNode) => boolean

/** SHA-256 in hex. */
export function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/**
 * SHA-256 over canonical JSON: members sorted by name, no space, strings as JSON.stringify writes them, numbers as they
 * are written. (RFC 8785 would take numbers through a double, and two that differ could come out the same.)
 * @param without whether a member is left out, by its path and value
 */
export function parameterDigest(root: JsonNode, without: Without): string {
  return sha256(canonical(root, [], without))
}

function canonical(node: JsonNode, path: readonly string[], without: Without): string {
  if (node.kind === 'string') return JSON.stringify(node.value)
  if (node.kind === 'array') {
    return `[${node.items.map((item, at) => canonical(item, [...path, String(at)], without)).join(',')}]`
  }
  if (node.kind !== 'object') return node.text
  const members = node.members
    .filter(({ key, value }) => !without([...path, key], value))
    .toSorted((one, other) => (one.key < other.key ? -1 : 1))
    .map(({ key, value }) => `${JSON.stringify(key)}:${canonical(value, [...path, key], without)}`)
  return `{${members.join(',')}}`
}
