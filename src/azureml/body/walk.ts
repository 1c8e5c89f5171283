/**
 * Every value of a document, each with the names that lead to it.
 * @module
 */
import { Refusal } from '../../errors.ts'
import type { JsonNode, JsonObject } from '../../lib/json/document.ts'
import { isNamedByCaller, isNotFollowed, isRead, plainName } from './names.ts'
import type { Api } from './places.ts'
import { showPointer } from '../../lib/json/pointer.ts'

/** What a document describes. */
export interface DocumentContext {
  /** Lower-cased id of the workspace or registry of the call. */
  readonly scope: string | null
  /** Cedar type of the resource. */
  readonly type: string
  /** Whose schema the document follows; ARM's if nothing is said. */
  readonly api?: Api
  /** The document is the whole resource: a field that it leaves out has Azure's default. */
  readonly whole: boolean
}

/** One value and its place in the document. */
export interface Occurrence {
  readonly node: JsonNode
  /** As written, with positions in arrays. */
  readonly path: readonly (string | number)[]
  /** Plain names from the root down, without positions; an empty string for a key that the caller chose. */
  readonly chain: readonly string[]
  /** The nearest object around it. */
  readonly parent: JsonObject | null
  /** It is inside a field in which Azure follows no references. */
  readonly inert: boolean
}

/**
 * Every value, parents first.
 * @param type Cedar type of what the document describes
 * @throws {Refusal} `bad_body` if an object has a name that matters in two spellings
 */
export function walk(root: JsonNode, type: string): readonly Occurrence[] {
  const occurrences: Occurrence[] = []
  visit({ node: root, path: [], chain: [], parent: null, inert: false }, type, occurrences)
  return occurrences
}

function visit(occurrence: Occurrence, type: string, occurrences: Occurrence[]): void {
  occurrences.push(occurrence)
  const { node, path, chain, parent, inert } = occurrence
  if (node.kind === 'array') {
    for (const [at, item] of node.items.entries()) {
      visit({ node: item, path: [...path, at], chain, parent, inert }, type, occurrences)
    }
  }
  if (node.kind !== 'object') return
  const free = isNamedByCaller(chain, type)
  if (!free) checkSpellings(node, path)
  for (const { key, value } of node.members) {
    const next = [...chain, free ? '' : plainName(key)]
    const within = inert || isNotFollowed(next)
    visit(
      { node: value, path: [...path, key], chain: next, parent: node, inert: within },
      type,
      occurrences,
    )
  }
}

function checkSpellings(node: JsonObject, path: readonly (string | number)[]): void {
  const seen = new Set<string>()
  for (const { key } of node.members) {
    const name = plainName(key)
    if (seen.has(name) && isRead(name)) {
      const place = showPointer([...path, key])
      throw new Refusal('bad_body', `the body has the same name in two spellings at ${place}`)
    }
    seen.add(name)
  }
}
