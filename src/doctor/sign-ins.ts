/**
 * `@stepup` with an age: whether the tokens of each issuer can say when their owner signed in.
 *
 * No issuer publishes which claims its access tokens have, so this says what to look at.
 * @module
 */
import type { Config, IssuerConfig } from '../config/schema/schema.ts'
import { actionsOf, covers } from '../policy/engine/covers.ts'
import type { PolicySet } from '../policy/load/rules.ts'
import { findingsOf, type Finding } from './finding.ts'

const signIns = findingsOf('sign-ins')

/** What to switch on, by profile. */
const NEXT = {
  entra:
    'add the optional claim "auth_time" for access tokens: app registration of the gateway, Token configuration',
  okta: 'add the claim "auth_time" to access tokens: API, Authorization Servers, Claims',
  oidc: 'have the issuer put "auth_time" into access tokens',
} as const satisfies Record<IssuerConfig['profile'], string>

/** One finding an issuer, if a policy asks how long ago somebody signed in who does what is permitted to anybody at all. */
export function checkSignIns({ issuers }: Config, { rules, words }: PolicySet): Finding[] {
  const inForce = [...rules.values()].filter(({ shadow }) => !shadow)
  const permits = inForce.filter(({ policy }) => policy.effect === 'permit')
  const asking = inForce.filter(
    ({ policy }) =>
      policy.stepUp?.maxAgeSeconds !== undefined &&
      actionsOf(policy, words).some((action) =>
        permits.some((permit) => covers(permit.policy, action, words.resourceTypes)),
      ),
  )
  const [first] = asking
  if (first === undefined) return []
  return issuers.map(({ name, profile }, index) =>
    signIns.unverified(
      `issuers[${index}] (${name})`,
      `policy ${first.id} asks when the caller signed in, and tokens without "auth_time" never meet it`,
      NEXT[profile],
    ),
  )
}
