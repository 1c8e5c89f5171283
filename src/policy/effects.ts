/**
 * What a permit brings along besides "yes": the annotations of the policies that permitted.
 * @module
 */

import type { Rule } from './load/rules.ts'

/** Resolved effects of one decision. */
export interface Effects {
  /** `@identity`: name of the managed identity, in the configuration's `identities`. */
  readonly identity: string
  /** `@pin`: replace `@latest` and labels by the version that they mean now. */
  readonly pin: boolean
  /** `@stamp`: add tags that name principal, policy version and parameter digest. */
  readonly stamp: boolean
  /** `@redact`: remove secret fields from the answer. */
  readonly redact: boolean
  /** `@record("body")`: keep the body's allow-listed fields in the record. */
  readonly recordBody: boolean
}

/** Several permits apply, and nothing says which identity is the least privileged of theirs. */
export class AmbiguousIdentity extends Error {
  override readonly name = 'AmbiguousIdentity'
}

/**
 * The effects of the rules that permitted, together. Identity: the least privileged of those named, by the order
 * that `bindings.yaml` states. All else: in effect if any of the rules asks for it.
 * @throws AmbiguousIdentity if the order does not decide; loading refuses policies for which that could happen
 */
export function resolveEffects(permits: readonly Rule[], order: readonly string[]): Effects {
  const policies = permits.map(({ policy }) => policy)
  const identities = [...new Set(policies.flatMap(({ identity }) => identity ?? []))]
  const [only] = identities
  const identity = identities.length === 1 ? only : order.find((name) => identities.includes(name))
  if (
    identity === undefined ||
    (identities.length > 1 && !identities.every((name) => order.includes(name)))
  ) {
    throw new AmbiguousIdentity(`no order among the identities ${identities.join(', ')}`)
  }
  return {
    identity,
    pin: policies.some(({ pin }) => pin),
    stamp: policies.some(({ stamp }) => stamp),
    redact: policies.some(({ redact }) => redact),
    recordBody: policies.some(({ recordBody }) => recordBody),
  }
}
