/**
 * The digest of a document's parameters: the same for the same document, however it is written.
 * @module
 */
import { hash } from 'node:crypto'
import type { JsonMember, JsonNode } from '../../lib/json/document.ts'

/** Where a member or item stands: its name in lower case, that of what it is in, and how far down. */
export interface Place {
  readonly outer: Place | null
  readonly last: string
  readonly within: string
  readonly depth: number
}

type Without = (place: Place, value: JsonNode) => boolean

const ROOT: Place = { outer: null, last: '', within: '', depth: 0 }

/** The place of a member. */
export function placeIn(outer: Place, key: string): Place {
  return { outer, last: key.toLowerCase(), within: outer.last, depth: outer.depth + 1 }
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
  if (node.kind === 'string') return quoted(node.value)
  if (node.kind === 'array') {
    return `[${node.items.map((item, at) => canonical(item, placeIn(place, String(at)), without)).join(',')}]`
  }
  if (node.kind !== 'object') return node.text
  let text = '{'
  for (const { key, value } of byName(node.members)) {
    const inner = placeIn(place, key)
    if (without(inner, value)) continue
    if (text.length > 1) text += ','
    text += quoted(key)
    text += ':'
    text += canonical(value, inner, without)
  }
  return `${text}}`
}

/** Printable ASCII that stands for itself. */
const PLAIN = /^[ !#-[\]-~]*$/

/** As JSON.stringify writes it; most texts need no look at what has to be escaped. */
function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text)
}

/** So many members are sorted faster by putting each in its place. */
const FEW = 16

/** Members sorted by name. */
function byName(members: readonly JsonMember[]): readonly JsonMember[] {
  if (members.length > FEW) return members.toSorted((one, other) => (one.key < other.key ? -1 : 1))
  const sorted: JsonMember[] = []
  for (const member of members) {
    let at = sorted.length
    sorted.push(member)
    for (; at > 0; at -= 1) {
      const before = sorted[at - 1]
      if (before === undefined || before.key < member.key) break
      sorted[at] = before
    }
    sorted[at] = member
  }
  return sorted
}
