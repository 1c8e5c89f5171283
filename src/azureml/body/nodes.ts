/**
 * Small questions about values of a document.
 * @module
 */
import type { JsonNode } from '../../lib/json/document.ts'
import { plainName } from './names.ts'

/** The member with that plain name. */
export function child(node: JsonNode | null, name: string): JsonNode | null {
  if (node?.kind !== 'object') return null
  return node.members.find(({ key }) => plainName(key) === name)?.value ?? null
}

/** The text of a string; null for anything else, an empty one too. */
export function text(node: JsonNode | null): string | null {
  return node?.kind === 'string' && node.value.trim() !== '' ? node.value.trim() : null
}
