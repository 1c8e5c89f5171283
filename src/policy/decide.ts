/**
 * The decision: Cedar's answer, its reasons, and the only place where a permit can be made.
 * @module
 */
import type { Effects } from './effects.ts'
import type { Operation } from '../azureml/operation.ts'
import type { Principal } from '../identity/principal.ts'

/** What policy said of one request, permit or refusal alike: the same fields, so that both can be explained. */
export interface Decision {
  readonly verdict: 'permit' | 'refuse'
  /** Ids of the policies that decided; for a default deny, none. */
  readonly policies: readonly string[]
  /** `@reason` of the deciding policies, or what would have been needed. */
  readonly reason: string
  /** Content hash of everything that policy was loaded from. */
  readonly version: string
  /** Shadow policies that would have decided otherwise. */
  readonly shadow: readonly string[]
}

/** Facts of a call that policies may ask for (design.md: Context). Flat, typed, no secrets. */
export type Facts = Readonly<Record<string, string | number | boolean | readonly string[]>>

/**
 * Proof that policy permitted this operation to this principal. The class is not exported as a value:
 * nothing but `decide` can make one, and nothing but a permit can become a grant.
 */
class Permit {
  readonly #minted = true
  readonly principal: Principal
  readonly operation: Operation
  readonly decision: Decision
  readonly effects: Effects

  constructor(principal: Principal, operation: Operation, decision: Decision, effects: Effects) {
    this.principal = principal
    this.operation = operation
    this.decision = decision
    this.effects = effects
  }

  /** Private names make the type nominal: no object literal can pass for a permit. */
  static isPermit(value: unknown): value is Permit {
    return typeof value === 'object' && value !== null && #minted in value
  }
}

export type { Permit }
