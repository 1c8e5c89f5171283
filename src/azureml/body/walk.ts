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

/**
 * Plain names from the root down, without positions; an empty string for a key that the caller chose. Each is its last
 * name and what is above it, so that a value deep down costs no more than one at the top.
 */
export class Chain {
  readonly #outer: Chain | null
  readonly #name: string

  constructor(outer: Chain | null, name: string) {
    this.#outer = outer
    this.#name = name
  }

  /** The last name (-1) or the one before it (-2); undefined above the root. */
  at(position: -1 | -2): string | undefined {
    const found = position === -1 ? this : this.#outer
    return found === null || found.#outer === null ? undefined : found.#name
  }

  /** From the last name up. */
  toReversed(): readonly string[] {
    const names: string[] = []
    this.some((name) => {
      names.push(name)
      return false
    })
    return names
  }

  includes(name: string): boolean {
    return this.some((one) => one === name)
  }

  some(holds: (name: string) => boolean): boolean {
    return this.#outer !== null && (holds(this.#name) || this.#outer.some(holds))
  }
}

/** A step of a path, and those before it. */
interface Step {
  readonly before: Step | null
  readonly step: string | number
}

/** One value and its place in the document. */
export interface Occurrence {
  readonly node: JsonNode
  /** As written, with positions in arrays; see `pathTo`. */
  readonly last: Step | null
  readonly chain: Chain
  /** The nearest object around it. */
  readonly parent: JsonObject | null
  /** It is inside a field in which Azure follows no references. */
  readonly inert: boolean
}

/** The way from the root to a step. */
export function pathTo(last: Step | null): readonly (string | number)[] {
  const path: (string | number)[] = []
  for (let at = last; at !== null; at = at.before) path.push(at.step)
  return path.toReversed()
}

/**
 * Every value, parents first.
 * @param type Cedar type of what the document describes
 * @throws {Refusal} `bad_body` if an object has a name that matters in two spellings
 */
export function walk(root: JsonNode, type: string): readonly Occurrence[] {
  const occurrences: Occurrence[] = []
  const chain = new Chain(null, '')
  visit({ node: root, last: null, chain, parent: null, inert: false }, type, occurrences)
  return occurrences
}

function visit(occurrence: Occurrence, type: string, occurrences: Occurrence[]): void {
  occurrences.push(occurrence)
  const { node, last, chain, parent, inert } = occurrence
  if (node.kind === 'array') {
    for (const [step, item] of node.items.entries()) {
      const place = { before: last, step }
      visit({ node: item, last: place, chain, parent, inert }, type, occurrences)
    }
  }
  if (node.kind !== 'object') return
  const free = isNamedByCaller(chain, type)
  const names = free ? null : plainNames(node, last)
  for (const [at, { key, value }] of node.members.entries()) {
    const next = new Chain(chain, names?.[at] ?? '')
    const within = inert || isNotFollowed(next)
    const place = { before: last, step: key }
    visit({ node: value, last: place, chain: next, parent: node, inert: within }, type, occurrences)
  }
}

/** The names of an object's members; one that matters may have one spelling only. */
function plainNames({ members }: JsonObject, last: Step | null): readonly string[] {
  const names = members.map(({ key }) => plainName(key))
  if (new Set(names).size === names.length) return names
  const seen = new Set<string>()
  const twice = names.findIndex((name) => {
    if (seen.has(name) && isRead(name)) return true
    seen.add(name)
    return false
  })
  if (twice === -1) return names
  const place = showPointer([...pathTo(last), members[twice]?.key ?? ''])
  throw new Refusal('bad_body', `the body has the same name in two spellings at ${place}`)
}
