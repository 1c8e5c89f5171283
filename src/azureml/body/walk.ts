/**
 * A walk over everything in a document, each value with the names that lead to it.
 * @module
 */
import { Refusal } from '../../errors.ts'
import type { JsonNode, JsonObject } from '../../lib/json/document.ts'
import { isNamedByCaller, isNotFollowed, isRead, plainName } from './names.ts'
import { showPointer } from '../../lib/json/pointer.ts'

/** What a document is of. */
export interface DocumentContext {
  /** Lower-cased id of the workspace or registry of the call. */
  readonly scope: string | null
  /** Cedar type of the resource. */
  readonly type: string
  /** The document is all of the resource, so that what it does not say has Azure's default. */
  readonly whole: boolean
}

/** One value and where it stands. */
export interface Sight {
  readonly node: JsonNode
  /** As written, with positions in arrays. */
  readonly path: readonly (string | number)[]
  /** Plain names from the root down; empty for a name that is the caller's own. Positions are left out. */
  readonly chain: readonly string[]
  /** The nearest object around it. */
  readonly parent: JsonObject | null
  /** It is within something that Azure does not follow. */
  readonly inert: boolean
}

/**
 * Every value, parents first.
 * @throws {Refusal} `bad_body` if an object has a name that matters in two spellings
 */
export function walk(root: JsonNode): readonly Sight[] {
  const sights: Sight[] = []
  visit({ node: root, path: [], chain: [], parent: null, inert: false }, sights)
  return sights
}

function visit(sight: Sight, sights: Sight[]): void {
  sights.push(sight)
  const { node, path, chain, parent, inert } = sight
  if (node.kind === 'array') {
    for (const [at, item] of node.items.entries()) {
      visit({ node: item, path: [...path, at], chain, parent, inert }, sights)
    }
  }
  if (node.kind !== 'object') return
  const free = isNamedByCaller(chain)
  if (!free) checkSpellings(node, path)
  for (const { key, value } of node.members) {
    const next = [...chain, free ? '' : plainName(key)]
    const within = inert || isNotFollowed(next)
    visit({ node: value, path: [...path, key], chain: next, parent: node, inert: within }, sights)
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
