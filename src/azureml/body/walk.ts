/**
 * Every value of a document, each with the names that lead to it.
 * @module
 */
import { Refusal } from '../../errors.ts'
import type { JsonNode, JsonObject } from '../../lib/json/document.ts'
import { isNamedByCaller, isNotFollowed, NO_NAME, nameOf, type Name } from './names.ts'
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
 * Names from the root down, without positions; an empty one for a key that the caller chose. Each is its last name and
 * what is above it, so that a value deep down costs no more than one at the top.
 */
export class Chain {
  readonly #outer: Chain | null
  /** The last name. */
  readonly name: Name

  constructor(outer: Chain | null, name: Name) {
    this.#outer = outer
    this.name = name
  }

  /** The last name (-1) or one before it, as a plain one; undefined above the root. */
  at(position: -1 | -2 | -3): string | undefined {
    if (this.#outer === null) return undefined
    if (position === -1) return this.name.plain
    return this.#outer.at(position === -2 ? -1 : -2)
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
    if (this.#outer === null) return false
    return this.name.plain === name || this.#outer.includes(name)
  }

  some(holds: (name: string) => boolean): boolean {
    return this.#outer !== null && (holds(this.name.plain) || this.#outer.some(holds))
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
  const chain = new Chain(null, NO_NAME)
  visit({ node: root, last: null, chain, parent: null, inert: false }, type, occurrences)
  return occurrences
}

function visit(occurrence: Occurrence, type: string, occurrences: Occurrence[]): void {
  occurrences.push(occurrence)
  const { node, last, chain, parent, inert } = occurrence
  if (node.kind === 'array') {
    let step = 0
    for (const item of node.items) {
      const place = { before: last, step }
      step += 1
      visit({ node: item, last: place, chain, parent, inert }, type, occurrences)
    }
  }
  if (node.kind !== 'object') return
  const names = isNamedByCaller(chain, type) ? null : namesOf(node, last)
  let at = 0
  for (const { key, value } of node.members) {
    const next = new Chain(chain, names?.[at] ?? NO_NAME)
    at += 1
    const within = inert || isNotFollowed(next)
    const place = { before: last, step: key }
    visit({ node: value, last: place, chain: next, parent: node, inert: within }, type, occurrences)
  }
}

/** The names of an object's members; one that matters may have one spelling only. */
function namesOf({ members }: JsonObject, last: Step | null): readonly Name[] {
  // no longer than the list of all names that matter
  const mattering: string[] = []
  return members.map(({ key }) => {
    const name = nameOf(key)
    if (!name.isRead) return name
    if (mattering.includes(name.plain)) {
      const place = showPointer([...pathTo(last), key])
      throw new Refusal('bad_body', `the body has the same name in two spellings at ${place}`)
    }
    mattering.push(name.plain)
    return name
  })
}
