/**
 * Collects the facts of a body. Each fact is bounded, and one that cannot be determined is marked unusable.
 * @module
 */
import { Refusal } from '../../errors.ts'

/** No job that somebody wrote has more, and each value costs time in every decision. */
const MAX_VALUES = 1_000
const MAX_CHARACTERS = 2_048

/** Facts of a body, as Cedar's context has them. */
export type BodyFacts = Record<string, string | number | boolean | readonly string[]>

export interface Collector {
  add(fact: string, value: string): void
  set(fact: string, value: string | number | boolean): void
  /** True if any of the values given is true. */
  any(fact: string, value: boolean): void
  /** The largest of all values given. */
  max(fact: string, value: number): void
  /** The fact cannot be determined: a call is refused if policy asks for it. */
  markUnusable(fact: string, why: string): void
  /**
   * All facts that were looked for.
   * @param asked facts that policies ask for; null for all of them
   * @throws {Refusal} `bad_body` if one that is asked for is unusable
   */
  finish(asked: ReadonlySet<string> | null): BodyFacts
}

/** Values of one fact that are looked through without an index. */
const FEW = 16

/** Different values, in the order in which they came. */
class Values {
  readonly all: string[] = []
  #index: Set<string> | null = null

  has(value: string): boolean {
    return this.#index === null ? this.all.includes(value) : this.#index.has(value)
  }

  /** @param value one that is not there */
  add(value: string): void {
    this.all.push(value)
    if (this.#index !== null) this.#index.add(value)
    else if (this.all.length > FEW) this.#index = new Set(this.all)
  }
}

/**
 * @param nothing the facts of an empty document: those that are sets are present even then
 * @param sought the facts that are kept; null for all of them
 */
export function createCollector(
  nothing: Readonly<BodyFacts>,
  sought: ReadonlySet<string> | null,
): Collector {
  const collected = new Map<string, Values>()
  const single = new Map<string, string | number | boolean>()
  const unusable = new Map<string, string>()

  const isSought = (fact: string): boolean => sought === null || sought.has(fact)
  const markUnusable = (fact: string, why: string): void => {
    if (isSought(fact) && !unusable.has(fact)) unusable.set(fact, why)
  }

  return {
    add(fact, value) {
      if (!isSought(fact)) return
      let values = collected.get(fact)
      if (values === undefined) collected.set(fact, (values = new Values()))
      if (value.length > MAX_CHARACTERS)
        markUnusable(fact, `a value of more than ${MAX_CHARACTERS} characters`)
      else if (values.has(value)) return
      else if (values.all.length < MAX_VALUES) values.add(value)
      else markUnusable(fact, `more than ${MAX_VALUES} different values`)
    },
    set(fact, value) {
      if (!isSought(fact)) return
      const known = single.get(fact)
      if (known !== undefined && known !== value) markUnusable(fact, 'two different values')
      else single.set(fact, value)
    },
    any(fact, value) {
      if (isSought(fact)) single.set(fact, single.get(fact) === true || value)
    },
    max(fact, value) {
      if (!isSought(fact)) return
      const known = single.get(fact)
      single.set(fact, typeof known === 'number' ? Math.max(known, value) : value)
    },
    markUnusable,
    finish(asked) {
      for (const [fact, why] of unusable) {
        if (asked !== null && !asked.has(fact)) continue
        throw new Refusal('bad_body', `the body has ${why} where policy asks for "${fact}"`)
      }
      const all: BodyFacts = { ...nothing }
      for (const [fact, values] of collected) all[fact] = values.all.toSorted()
      for (const [fact, value] of single) all[fact] = value
      return all
    },
  }
}

/** Keeps nothing: for a document of which no fact is asked for. */
export const UNASKED: Collector = {
  add() {},
  set() {},
  any() {},
  max() {},
  markUnusable() {},
  finish: () => ({}),
}
