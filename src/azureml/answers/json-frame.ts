/**
 * What is kept of the objects and arrays of a JSON document that are open.
 * @module
 */
import type { PlanNode } from './json-plan.ts'

/** One open object or array. */
export interface Frame {
  node: PlanNode | null
  /** The bits of the watched keys that it has had. */
  seen: number
  /** Its texts are secrets. */
  secret: boolean
  /** Its member `key` or `name` says that its member `value` is a secret, or an item of a list that the next one is. */
  isPair: boolean
  /** Where in what is kept back the values are that a name may yet follow; null if there are none. */
  values: PairValue[] | null
}

/** A member `value`: its pieces of what is to be given out, the last one not included; -1 until it has ended. */
export interface PairValue {
  readonly from: number
  to: number
}

/** Those that are open, each in the others. A closed one is used again: a document opens and closes thousands. */
export class Frames {
  readonly #all: Frame[] = []
  depth = 0
  /** The innermost; null outside of all. */
  top: Frame | null = null

  open(node: PlanNode | null, secret: boolean): void {
    const known = this.#all[this.depth]
    this.depth += 1
    if (known === undefined) {
      this.top = { node, seen: 0, secret, isPair: false, values: null }
      this.#all.push(this.top)
      return
    }
    known.node = node
    known.seen = 0
    known.secret = secret
    known.isPair = false
    known.values = null
    this.top = known
  }

  /** @returns the one that was closed */
  close(): Frame | null {
    const closed = this.top
    this.depth -= 1
    this.top = this.depth > 0 ? (this.#all[this.depth - 1] ?? null) : null
    return closed
  }
}
