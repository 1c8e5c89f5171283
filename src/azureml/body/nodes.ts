/**
 * Small questions about values of a document.
 * @module
 */
import type { JsonNode, JsonObject } from '../../lib/json/document.ts'
import { plainName } from './names.ts'

/** Members by plain name, the first of each: a wide object is asked once for each of its members. */
const indexes = new WeakMap<JsonObject, ReadonlyMap<string, JsonNode>>()

/** The member with that plain name. */
export function child(node: JsonNode | null, name: string): JsonNode | null {
  if (node?.kind !== 'object') return null
  let index = indexes.get(node)
  if (index === undefined) {
    // of two spellings of one name the first counts, so it is set last
    index = new Map(node.members.toReversed().map(({ key, value }) => [plainName(key), value]))
    indexes.set(node, index)
  }
  return index.get(name) ?? null
}

/** The text of a string; null for anything else, an empty one too. */
export function text(node: JsonNode | null): string | null {
  return node?.kind === 'string' && node.value.trim() !== '' ? node.value.trim() : null
}
