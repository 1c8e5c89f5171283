/**
 * What the profiles have in common: claims of one issuer in, one principal out, nothing else.
 * @module
 */
import type { Members } from '../../../lib/strict-json.ts'
import type { MatchedIssuer } from '../issuers.ts'
import type { Principal } from '../../principal.ts'
import type { Unverified } from '../../credential/jws.ts'
import { readStrings, readTime, requireTime } from '../../credential/claims.ts'

/** A principal, and whether its groups are still to be asked for because the token had no room for them. */
export interface Profiled {
  readonly principal: Principal
  readonly overage: boolean
}

/**
 * Verified claims become a principal. Pure: no I/O and no clock.
 *
 * @throws Refusal
 */
export type Profile = (token: Pick<Unverified, 'typ' | 'claims'>, issuer: MatchedIssuer) => Profiled

/** The facts that every issuer words alike. */
export function readCommon(
  claims: Members,
): Pick<Principal, 'methods' | 'issuedAt' | 'expiresAt' | 'authenticatedAt'> {
  return {
    methods: readStrings(claims, 'amr') ?? [],
    issuedAt: requireTime(claims, 'iat'),
    expiresAt: requireTime(claims, 'exp'),
    authenticatedAt: readTime(claims, 'auth_time'),
  }
}

/** Puts each value into the issuer's own name space. */
export function prefix(values: readonly string[] | null, space: string): readonly string[] {
  return (values ?? []).map((value) => `${space}/${value}`)
}
