/**
 * What a policy may require of the sign-in behind a token, and how the client is told to meet it.
 * @module
 */
import { Refusal } from '../errors.ts'
import type { Principal } from './principal.ts'

/** A policy's requirement. */
export interface SignInRequirement {
  /** The sign-in must not be older; a token that does not tell when it was (`auth_time`) does not meet this. */
  readonly maxAgeSeconds?: number
  /** All of these must be among the authentication methods (`amr`). */
  readonly methods?: readonly string[]
}

/**
 * @param now milliseconds since the epoch
 * @returns null if the requirement is met; else the refusal: a claims challenge where the client can take one
 *   (401 `insufficient_claims`), a plain 403 where it cannot
 */
export function checkSignIn(
  principal: Principal,
  requirement: SignInRequirement,
  now: number,
): Refusal | null {
  const { maxAgeSeconds, methods = [] } = requirement
  const { authenticatedAt: signedInAt } = principal
  // `iat` is that of a token that was refreshed, long after the sign-in
  const isUntold = maxAgeSeconds !== undefined && signedInAt === null
  const isOld =
    maxAgeSeconds !== undefined && (signedInAt === null || now / 1_000 - signedInAt > maxAgeSeconds)
  const isWeak = !methods.every((method) => principal.methods.includes(method))
  if (!isOld && !isWeak) return null
  const message = isUntold
    ? 'this needs a recent sign-in, and the token does not say when its owner signed in (`auth_time`)'
    : isWeak
      ? 'this needs a stronger sign-in than the token has'
      : 'this needs a more recent sign-in than the token has'
  const remedy = isUntold
    ? 'ask who runs the gateway: the issuer has to put "auth_time" into access tokens, and "azureml-harness doctor" says how'
    : 'sign in again and retry with the new token'
  if (!principal.challengeable) return new Refusal('insufficient_scope', message, { remedy })
  // OpenID Connect Core 1.0 section 5.5: the claims request that Entra's clients hand back to it
  const wanted = {
    ...(isOld ? { nbf: { essential: true, value: String(Math.floor(now / 1_000)) } } : {}),
    ...(isUntold ? { auth_time: { essential: true } } : {}),
    ...(isWeak ? { amr: { essential: true, values: methods } } : {}),
  }
  const claims = Buffer.from(JSON.stringify({ access_token: wanted })).toString('base64')
  return new Refusal('insufficient_claims', message, { remedy, claims })
}
