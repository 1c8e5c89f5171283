/**
 * One verifier for every issuer: signature, issuer, audience and times, with nothing left to a library's default.
 * @module
 */
import { errors, jwtVerify } from 'jose'
import { Refusal } from '../../errors.ts'
import { malformed, readAudiences, readTime, requireTime } from '../credential/claims.ts'
import type { Unverified } from '../credential/jws.ts'
import type { KeyStore } from '../keys/key-store.ts'
import type { VerificationKey } from '../keys/key-set.ts'
import type { Members } from '../../lib/strict-json.ts'
import { nameMistake } from '../credential/mistake.ts'
import type { MatchedIssuer } from './profiles/profile.ts'
import { PROFILES } from './profiles/profiles.ts'

/** Long-lived Entra tokens (CAE) last 20 to 28 hours; nothing lasts longer. */
const MAX_LIFETIME_SECONDS = 28 * 3_600
const REQUIRED_CLAIMS = ['exp', 'iat', 'iss', 'aud']

/**
 * Verifies a token that claims to be from `issuer`. What can be refused without a signature check is refused first.
 *
 * @param now milliseconds since the epoch
 * @returns the key that signed it
 * @throws Refusal
 */
export async function verifyToken(
  token: string,
  unverified: Unverified,
  issuer: MatchedIssuer,
  keys: Pick<KeyStore, 'find'>,
  now: number,
): Promise<VerificationKey> {
  const { config, iss } = issuer
  const algorithms = config.algorithms
  const { alg } = unverified
  if (!algorithms.some((allowed) => allowed === alg)) {
    throw new Refusal('invalid_token', 'the token’s algorithm is not accepted for its issuer')
  }
  checkAudiences(unverified, config.audiences)
  checkLifetime(unverified)
  try {
    const { key, described } = await keys.find(alg, unverified.kid)
    await jwtVerify(token, key, {
      algorithms,
      issuer: iss,
      audience: config.audiences,
      requiredClaims: REQUIRED_CLAIMS,
      clockTolerance: config.clockToleranceSeconds,
      maxTokenAge: MAX_LIFETIME_SECONDS,
      currentDate: new Date(now),
    })
    const fault = PROFILES[config.profile].keyFault(described, issuer)
    if (fault !== null) throw new Refusal('invalid_token', fault)
    return described
  } catch (error) {
    throw translate(error)
  }
}

/** All audiences must be ours: a token that is also for somebody else can be replayed by them. */
export function checkAudiences(
  unverified: Pick<Unverified, 'typ' | 'claims'>,
  accepted: readonly string[],
): void {
  const audiences = readAudiences(unverified.claims)
  if (audiences.length > 0 && audiences.every((one) => accepted.includes(one))) return
  throw (
    nameMistake(unverified) ??
    new Refusal('wrong_audience', 'the token is not for this gateway', {
      remedy: 'ask for a token whose audience is this gateway',
    })
  )
}

/** jose accepts an `exp` of 1e300; a lifetime that no issuer gives is refused. */
export function checkLifetime({ claims }: Pick<Unverified, 'claims'>): void {
  const lifetime = requireTime(claims, 'exp') - requireTime(claims, 'iat')
  if (lifetime > MAX_LIFETIME_SECONDS) throw malformed('exp', 'within 28 hours of "iat"')
}

/**
 * The times that jose would have checked of a signed token, for one that was introspected.
 *
 * @param now milliseconds since the epoch
 * @throws Refusal `expired_token`, `invalid_token`, `malformed_claims`
 */
export function checkTimes(claims: Members, toleranceSeconds: number, now: number): void {
  const seconds = now / 1_000
  if (requireTime(claims, 'exp') <= seconds - toleranceSeconds) {
    throw new Refusal('expired_token', 'the token has expired')
  }
  for (const name of ['iat', 'nbf']) {
    if ((readTime(claims, name) ?? 0) > seconds + toleranceSeconds) {
      throw new Refusal('invalid_token', `the claim "${name}" does not hold now`)
    }
  }
}

/** jose's errors become ours by their kind; a refusal stays, and so does a fault of the gateway. */
function translate(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) {
    return new Refusal('expired_token', 'the token has expired', { cause: error })
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason } = error
    if (claim === 'aud') return new Refusal('wrong_audience', 'the token is not for this gateway')
    if (reason !== 'check_failed') return malformed(claim, 'what it must be')
    return new Refusal('invalid_token', `the claim "${claim}" does not hold now`, { cause: error })
  }
  if (error instanceof errors.JOSEError) {
    return new Refusal('invalid_token', 'the token’s signature does not verify', {
      cause: error,
      inner: error.code,
    })
  }
  return error
}
