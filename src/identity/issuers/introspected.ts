/**
 * An introspection answer in the words that the profiles read, and the times that jose would have checked.
 * @module
 */
import type { IssuerConfig } from '../../config/schema/schema.ts'
import { Refusal } from '../../errors.ts'
import { readTime, readWords, requireTime } from '../credential/claims.ts'
import type { Members } from '../../lib/strict-json.ts'

/** RFC 7662 members become the claims of the issuer's access tokens; what is there already stays. */
export function toClaims(answer: Members, profile: IssuerConfig['profile']): Members {
  if (profile !== 'okta') return answer
  const claims = new Map(answer)
  if (!claims.has('cid')) claims.set('cid', answer.get('client_id'))
  if (!claims.has('scp')) claims.set('scp', readWords(answer, 'scope'))
  if (!claims.has('ver')) claims.set('ver', 1)
  return claims
}

/**
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
