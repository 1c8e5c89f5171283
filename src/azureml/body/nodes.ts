/**
 * Small questions about values of a document.
 * @module
 */
import type { JsonNode, JsonObject } from '../../lib/json/document.ts'
import { plainName } from './names.ts'

/** Members by plain name, the first of each: a wide object is asked once for each of its members. */
const indexes = new WeakMap<JsonObject, ReadonlyMap<string, JsonNode>>()
/** Members that are looked through without an index. */
const FEW = 16

/** The member with that plain name. */
export function child(node: JsonNode | null, name: string): JsonNode | null {
  if (node?.kind !== 'object') return null
  const { members } = node
  if (members.length > FEW) return indexOf(node).get(name) ?? null
  return (
    members.find(({ key }) => key.length >= name.length && plainName(key) === name)?.value ?? null
  )
}

function indexOf(node: JsonObject): ReadonlyMap<string, JsonNode> {
  const known = indexes.get(node)
  if (known !== undefined) return known
  // of two spellings of one name the first counts, so it is set last
  const made = new Map(node.members.toReversed().map(({ key, value }) => [plainName(key), value]))
  indexes.set(node, made)
  return made
}

/** The text of a string; null for anything else, an empty one too. */
export function text(node: JsonNode | null): string | null {
  if (node?.kind !== 'string') return null
  const trimmed = node.value.trim()
  return trimmed === '' ? null : trimmed
}
