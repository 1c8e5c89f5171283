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
  readonly outer: Chain | null
  /** The last name. */
  readonly name: Name

  constructor(outer: Chain | null, name: Name) {
    this.outer = outer
    this.name = name
  }

  /** The last name (-1) or one before it, as a plain one; undefined above the root. */
  at(position: -1 | -2 | -3): string | undefined {
    if (this.outer === null) return undefined
    if (position === -1) return this.name.plain
    return this.outer.at(position === -2 ? -1 : -2)
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
    if (this.outer === null) return false
    return this.name.plain === name || this.outer.includes(name)
  }

  some(holds: (name: string) => boolean): boolean {
    return this.outer !== null && (holds(this.name.plain) || this.outer.some(holds))
  }
}

/**
 * One value and its place in the document. It is the chain of names that leads to it, too: a document has many values, and
 * each is one object.
 */
export class Occurrence extends Chain {
  readonly node: JsonNode
  /** What it is in; null for the root. */
  readonly above: Occurrence | null
  /** Its name as written, or its position in an array; null for the root. */
  readonly step: string | number | null
  /** It is inside a field in which Azure follows no references. */
  readonly inert: boolean

  constructor(
    node: JsonNode,
    above: Occurrence | null,
    step: string | number | null,
    name: Name,
    inert: boolean,
  ) {
    // an item has the names of its array
    super(typeof step === 'number' ? (above?.outer ?? null) : above, name)
    this.node = node
    this.above = above
    this.step = step
    this.inert = inert || (typeof step === 'string' && isNotFollowed(this))
  }

  get chain(): Chain {
    return this
  }

  /** The nearest object around it. */
  get parent(): JsonObject | null {
    const node = this.above?.node
    return node?.kind === 'object' ? node : (this.above?.parent ?? null)
  }

  /** The way from the root to it, as written. */
  get path(): readonly (string | number)[] {
    return this.above === null || this.step === null ? [] : [...this.above.path, this.step]
  }
}

/**
 * Every value, parents first.
 * @param type Cedar type of what the document describes
 * @throws {Refusal} `bad_body` if an object has a name that matters in two spellings
 */
export function walk(root: JsonNode, type: string): readonly Occurrence[] {
  const occurrences: Occurrence[] = []
  visit(new Occurrence(root, null, null, NO_NAME, false), type, occurrences)
  return occurrences
}

function visit(occurrence: Occurrence, type: string, occurrences: Occurrence[]): void {
  occurrences.push(occurrence)
  const { node, name, inert } = occurrence
  if (node.kind === 'array') {
    let step = 0
    for (const item of node.items) {
      visit(new Occurrence(item, occurrence, step, name, inert), type, occurrences)
      step += 1
    }
  }
  if (node.kind !== 'object') return
  const isFree = isNamedByCaller(occurrence, type)
  // no longer than the list of all names that matter
  const mattering: string[] = []
  for (const { key, value } of node.members) {
    const own = isFree ? NO_NAME : nameOf(key)
    if (own.isRead) {
      if (mattering.includes(own.plain)) throw twoSpellings(occurrence, key)
      mattering.push(own.plain)
    }
    visit(new Occurrence(value, occurrence, key, own, inert), type, occurrences)
  }
}

/** A name that matters may have one spelling only in an object. */
function twoSpellings(object: Occurrence, key: string): Refusal {
  const place = showPointer([...object.path, key])
  return new Refusal('bad_body', `the body has the same name in two spellings at ${place}`)
}
