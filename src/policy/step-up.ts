/**
 * `@stepup` on a forbid: what it forbids becomes possible by a sign-in that is recent or strong enough.
 *
 * Cedar evaluates such a forbid like any other. The sign-in decides only if nothing but such forbids keeps a permit from
 * applying. The function that judges sign-ins is passed in, because tokens belong to another stage.
 * @module
 */
import { Refusal } from '../errors.ts'
import type { Principal } from '../identity/principal.ts'
import type { SignInRequirement } from '../identity/sign-in.ts'
import type { Facts } from './facts.ts'
import type { Rule } from './load/rules.ts'

/** Null if the sign-in behind the principal's token meets the requirement; else the refusal, if possible a challenge. */
export type CheckSignIn = (principal: Principal, requirement: SignInRequirement) => Refusal | null

/** The same for a sign-in that people or records describe, as of a moment in milliseconds since the epoch. */
export type CheckSignInAt = (
  principal: Principal,
  requirement: SignInRequirement,
  now: number,
) => Refusal | null

/** What all forbids that keep a permit from applying ask for together. */
export interface StepUp {
  readonly requirement: SignInRequirement
  readonly policies: readonly string[]
  readonly reason: string
}

/** What these rules ask for together, so that one sign-in meets them all; null if none of them asks for one. */
export function stepUpOf(rules: readonly Rule[]): StepUp | null {
  const refusing = rules.filter(({ policy }) => policy.stepUp !== null)
  const asked = refusing.flatMap(({ policy }) => policy.stepUp ?? [])
  if (asked.length === 0) return null
  const ages = asked.flatMap(({ maxAgeSeconds }) => maxAgeSeconds ?? [])
  const methods = [...new Set(asked.flatMap((one) => one.methods ?? []))]
  return {
    requirement: {
      ...(ages.length === 0 ? {} : { maxAgeSeconds: Math.min(...ages) }),
      ...(methods.length === 0 ? {} : { methods }),
    },
    policies: refusing.map(({ id }) => id),
    reason: [...new Set(refusing.map(({ policy }) => policy.reason))].join('; '),
  }
}

/** The refusal, with the policies that ask, or null if the sign-in is good enough. Without `check` it never is. */
export function refuseSignIn(
  { requirement, policies, reason }: StepUp,
  principal: Principal,
  check: CheckSignIn | undefined,
): Refusal | null {
  if (check === undefined) return new Refusal('policy_refused', reason, { policies })
  const refusal = check(principal, requirement)
  if (refusal === null) return null
  return new Refusal(refusal.code, `${reason}: ${refusal.message}`, { ...refusal.detail, policies })
}

/** Sign-in facts stored with a decision that depends on them, so that `explain` can replay it. */
export function signInFacts({ methods }: Principal, given: Facts): Facts {
  const ages = ['signInAgeSeconds', 'tokenAgeSeconds'].flatMap((name) => {
    const age = Object.hasOwn(given, name) ? given[name] : undefined
    return typeof age === 'number' ? [[name, age] as const] : []
  })
  return { ...Object.fromEntries(ages), methods: [...methods] }
}
