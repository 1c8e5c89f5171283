/**
 * Sets of facts while they are collected, with a bound on each and with what makes one of them unusable.
 * @module
 */
import { Refusal } from '../../errors.ts'

/** More would be no job that anybody wrote, and each of them costs in every decision. */
const MOST_VALUES = 1_000
const MOST_CHARACTERS = 2_048

/** Facts of a body, as Cedar's context has them. */
export type BodyFacts = Record<string, string | number | boolean | readonly string[]>

export interface Collector {
  add(fact: string, value: string): void
  set(fact: string, value: string | number | boolean): void
  /** True if any of the values given is. */
  either(fact: string, value: boolean): void
  /** The largest of all values given. */
  most(fact: string, value: number): void
  /** A fact that cannot be told: whoever asks for it is refused. */
  spoil(fact: string, why: string): void
  /**
   * All facts.
   * @param asked facts that policies ask for; null for all of them
   * @throws {Refusal} `bad_body` if one that is asked for cannot be told
   */
  finish(asked: ReadonlySet<string> | null): BodyFacts
}

/** @param sets facts that are sets: they are there even if they are empty */
export function createCollector(sets: readonly string[]): Collector {
  const collected = new Map<string, Set<string>>(sets.map((name) => [name, new Set()]))
  const single = new Map<string, string | number | boolean>()
  const spoilt = new Map<string, string>()

  const spoil = (fact: string, why: string): void => {
    if (!spoilt.has(fact)) spoilt.set(fact, why)
  }

  return {
    add(fact, value) {
      const values = collected.get(fact) ?? new Set()
      collected.set(fact, values)
      if (value.length > MOST_CHARACTERS)
        spoil(fact, `a value of more than ${MOST_CHARACTERS} characters`)
      else if (values.size >= MOST_VALUES && !values.has(value)) {
        spoil(fact, `more than ${MOST_VALUES} different values`)
      } else values.add(value)
    },
    set(fact, value) {
      const known = single.get(fact)
      if (known !== undefined && known !== value) spoil(fact, 'two different values')
      else single.set(fact, value)
    },
    either(fact, value) {
      single.set(fact, single.get(fact) === true || value)
    },
    most(fact, value) {
      const known = single.get(fact)
      single.set(fact, typeof known === 'number' ? Math.max(known, value) : value)
    },
    spoil,
    finish(asked) {
      for (const [fact, why] of spoilt) {
        if (asked !== null && !asked.has(fact)) continue
        throw new Refusal('bad_body', `the body has ${why} where policy asks for "${fact}"`)
      }
      const all: [string, BodyFacts[string]][] = [...collected].map(([fact, values]) => [
        fact,
        [...values].sort(),
      ])
      return Object.fromEntries([...all, ...single])
    },
  }
}
