/**
 * The digest of a document's parameters: the same for the same document, however it is written.
 * @module
 */
import { hash } from 'node:crypto'
import type { JsonMember, JsonNode } from '../../lib/json/document.ts'

/** Where a member stands: in lower case, the names from the root down, the last one, and the one before it. */
export interface Place {
  readonly path: string
  readonly last: string
  readonly within: string
  readonly depth: number
}

type Without = (place: Place, value: JsonNode) => boolean

const ROOT: Place = { path: '', last: '', within: '', depth: 0 }

/** The place of a member. */
export function placeIn({ path, last, depth }: Place, key: string): Place {
  const lower = key.toLowerCase()
  return {
    path: depth === 0 ? lower : `${path}/${lower}`,
    last: lower,
    within: last,
    depth: depth + 1,
  }
}

/** SHA-256 in hex. */
export function sha256(bytes: Buffer | string): string {
  return hash('sha256', bytes)
}

/**
 * SHA-256 over canonical JSON: members sorted by name, no space, strings as JSON.stringify writes them, numbers as they
 * are written. (RFC 8785 would take numbers through a double, and two that differ could come out the same.)
 * @param without whether a member is left out, by its place and value
 */
export function parameterDigest(root: JsonNode, without: Without): string {
  return sha256(canonical(root, ROOT, without))
}

function canonical(node: JsonNode, place: Place, without: Without): string {
  if (node.kind === 'string') return JSON.stringify(node.value)
  if (node.kind === 'array') {
    return `[${node.items.map((item, at) => canonical(item, placeIn(place, String(at)), without)).join(',')}]`
  }
  if (node.kind !== 'object') return node.text
  let text = ''
  for (const { key, value } of node.members.toSorted(byKey)) {
    const inner = placeIn(place, key)
    if (without(inner, value)) continue
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonical(value, inner, without)}`
  }
  return `{${text}}`
}

function byKey(one: JsonMember, other: JsonMember): number {
  return one.key < other.key ? -1 : 1
}
