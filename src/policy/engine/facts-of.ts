/**
 * The facts of a request that can matter. Most requests have equal ones, which are kept as one object with a number.
 * @module
 */
import type { Operation } from '../../vocabulary/operation.ts'
import type { Principal } from '../../identity/principal.ts'
import { ABSENT, absentIn, FACT_NAMES, type Facts } from '../facts.ts'

/** The facts that a request is judged by. */
export interface Mattering {
  readonly facts: Facts
  /** Equal facts have one number; null for lists and long texts, which have none. No number is used for others again. */
  readonly number: number | null
}

export type FactsOf = (principal: Principal, operation: Operation, facts: Facts) => Mattering

type Value = Facts[string]

/** Facts that come with the principal and the operation themselves; nothing that is passed in can replace them. */
type Own = (principal: Principal, operation: Operation) => Value | null

const OWN: ReadonlyMap<string, Own> = new Map<string, Own>([
  ['issuer', ({ issuer }) => issuer],
  ['tenant', ({ tenant }) => tenant],
  ['client', ({ client }) => client],
  ['methods', ({ methods }) => methods],
  ['scopes', ({ scopes }) => scopes],
  ['family', (_, { family }) => family],
])

/** Steps that are kept; then all are forgotten. */
const MAX_STEPS = 10_000
/** Characters of a text that facts are found by. */
const MAX_TEXT = 256

/** One value after the other leads to the facts that have them. */
interface Step {
  readonly next: Map<Value | null, Step>
  found: Mattering | null
}

const createStep = (): Step => ({ next: new Map(), found: null })

/**
 * Only the facts that policies ask for, in a fixed order: one that none asks for cannot change a decision.
 * @param asked null for all of them
 */
export function createFactsOf(asked: ReadonlySet<string> | null): FactsOf {
  const names = (asked === null ? [...FACT_NAMES] : [...asked]).sort()
  const sources = names.map((name) => ({ name, own: OWN.get(name) }))
  let first = createStep()
  let steps = 0
  let numbers = 0

  function after({ next }: Step, value: Value | null): Step {
    const known = next.get(value)
    if (known !== undefined) return known
    const made = createStep()
    next.set(value, made)
    steps += 1
    return made
  }

  function collected(principal: Principal, operation: Operation, given: Facts): Facts {
    const found: Record<string, Value> = {}
    for (const source of sources) {
      const value = valueOf(source, principal, operation, given)
      if (value !== null) found[source.name] = value
    }
    const absent = absentIn(given)
    const known = names.filter((name) => absent.includes(name))
    if (known.length > 0) found[ABSENT] = known
    return Object.freeze(found)
  }

  return (principal, operation, given) => {
    if (steps > MAX_STEPS) {
      first = createStep()
      steps = 0
    }
    let step = first
    for (const source of sources) {
      const value = valueOf(source, principal, operation, given)
      if (!isShort(value)) return { facts: collected(principal, operation, given), number: null }
      step = after(step, value)
    }
    step = after(step, absentAmong(names, given))
    return (step.found ??= { facts: collected(principal, operation, given), number: numbers++ })
  }
}

function valueOf(
  { name, own }: { readonly name: string; readonly own: Own | undefined },
  principal: Principal,
  operation: Operation,
  given: Facts,
): Value | null {
  if (own !== undefined) return own(principal, operation)
  return Object.hasOwn(given, name) ? (given[name] ?? null) : null
}

function isShort(value: Value | null): boolean {
  if (typeof value === 'string') return value.length <= MAX_TEXT
  return typeof value !== 'object' || value === null
}

/** The names that are known to be absent, as one text; empty for none. */
function absentAmong(names: readonly string[], given: Facts): string {
  const absent = absentIn(given)
  let known = ''
  for (const name of names) if (absent.includes(name)) known += ` ${name}`
  return known
}
