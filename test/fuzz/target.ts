/**
 * What the fuzzer is pointed at: a property over generated input, made ready and put away around the run.
 * @module
 */
import type * as fc from 'fast-check'

/** A property that is ready to run. It fails by throwing, with what was wrong in the message. */
export interface Ready {
  readonly property: fc.IRawProperty<unknown>
  /** Ends what the property needed. */
  readonly close: () => Promise<void>
}

export interface FuzzTarget {
  /** What must hold, in one line, for `--help`. */
  readonly holds: string
  /** Cases of the bounded run in the tests. */
  readonly cases: number
  readonly open: () => Promise<Ready>
}

/** A target that needs nothing around it. */
export function pure(
  holds: string,
  cases: number,
  property: () => fc.IRawProperty<unknown>,
): FuzzTarget {
  return {
    holds,
    cases,
    open: () => Promise.resolve({ property: property(), close: () => Promise.resolve() }),
  }
}

/** @throws {Error} saying what, unless `holds` */
export function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}
