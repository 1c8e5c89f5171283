/**
 * The digest of a document's parameters: the same for the same document, however it is written.
 * @module
 */
import { hash } from 'node:crypto'
import type { JsonMember, JsonNode } from '../../lib/json/document.ts'

/**
 * Whether a member is left out.
 * @param within names in lower case, and positions, that lead to what the member is in
 * @param name of the member, in lower case
 */
export type Without = (within: readonly string[], name: string, value: JsonNode) => boolean

/** SHA-256 in hex. */
export function sha256(bytes: Buffer | string): string {
  return hash('sha256', bytes)
}

/**
 * SHA-256 over canonical JSON: members sorted by name, no space, strings as JSON.stringify writes them, numbers as they
 * are written. (RFC 8785 would take numbers through a double, and two that differ could come out the same.)
 */
export function parameterDigest(root: JsonNode, without: Without): string {
  return sha256(canonical(root, [], without))
}

/** @param within the same list for all of a document: what leads to the value, while that is written */
function canonical(node: JsonNode, within: string[], without: Without): string {
  if (node.kind === 'string') return quoted(node.value)
  if (node.kind === 'array') return canonicalItems(node.items, within, without)
  if (node.kind !== 'object') return node.text
  let text = ''
  for (const { key, value } of byName(node.members)) {
    const name = key.toLowerCase()
    if (without(within, name, value)) continue
    within.push(name)
    const written = canonical(value, within, without)
    within.pop()
    // few texts are joined at a time: each joint is an object
    text += text === '' ? `{${quoted(key)}:${written}` : `,${quoted(key)}:${written}`
  }
  return text === '' ? '{}' : `${text}}`
}

function canonicalItems(items: readonly JsonNode[], within: string[], without: Without): string {
  let text = '['
  let at = 0
  for (const item of items) {
    within.push(String(at))
    text += at === 0 ? canonical(item, within, without) : `,${canonical(item, within, without)}`
    within.pop()
    at += 1
  }
  return `${text}]`
}

/** Printable ASCII that stands for itself. */
const PLAIN = /^[ !#-[\]-~]*$/

/** As JSON.stringify writes it; most texts need no look at what has to be escaped. */
export function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text)
}

/** So many members are sorted faster by putting each in its place. */
const FEW = 16

/** Members sorted by name. */
function byName(members: readonly JsonMember[]): readonly JsonMember[] {
  if (members.length > FEW) return members.toSorted((one, other) => (one.key < other.key ? -1 : 1))
  if (members.length < 2) return members
  const sorted = members.slice()
  let done = 0
  for (const member of members) {
    let at = done
    for (; at > 0; at -= 1) {
      const before = sorted[at - 1]
      if (before === undefined || before.key < member.key) break
      sorted[at] = before
    }
    sorted[at] = member
    done += 1
  }
  return sorted
}
