/**
 * What is kept of an object or array of a JSON document while it is open.
 * @module
 */
import type { PlanNode } from './json-plan.ts'

/** One open object or array. */
export interface Frame {
  readonly node: PlanNode | null
  /** The bits of the watched keys that it has had. */
  seen: number
  /** Its texts are secrets. */
  readonly secret: boolean
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
