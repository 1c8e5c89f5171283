/**
 * What a profile has to say about the issuers of its kind, and what the profiles have in common.
 * @module
 */
import type { IssuerConfig } from '../../../config/schema/schema.ts'
import type { Members } from '../../../lib/strict-json.ts'
import { readStrings, readTime, requireTime } from '../../credential/claims.ts'
import type { Unverified } from '../../credential/jws.ts'
import type { VerificationKey } from '../../keys/key-set.ts'
import type { Principal } from '../../principal.ts'

/** A token's `iss`, matched. */
export interface MatchedIssuer {
  readonly config: IssuerConfig
  /** The exact `iss` that this token must have. */
  readonly iss: string
  /** The tenant that a multi-tenant `iss` names, lower case; null for an issuer that is one tenant's. */
  readonly tenant: string | null
}

/** What of a token is read, once it is believed. */
export type TokenParts = Pick<Unverified, 'typ' | 'claims'>

/** A principal, and whether its groups are still to be asked for because the token had no room for them. */
export interface Profiled {
  readonly principal: Principal
  readonly overage: boolean
}

/** A fault of an issuer's configuration. */
export interface IssuerFault {
  /** Below the issuer's entry. */
  readonly path: readonly (string | number)[]
  /** What is wrong, as the end of a sentence that begins with the path. */
  readonly message: string
}

/** How the command line signs a person in at an issuer, and gets tokens on compute. */
export interface SignInProfile {
  /** The host in the redirect URI of a sign-in by browser. */
  readonly loopbackHost: 'localhost' | '127.0.0.1'
  /** The `prompt` that a refresh token takes; null if the issuer gives one without. */
  readonly prompt: 'consent' | null
  /** The `scope` of a refresh; null to leave it out, which means the scopes granted (RFC 6749 section 6). */
  readonly refreshScope: (scopes: readonly string[]) => string | null
  /** The scopes to ask for where the gateway publishes none; null if they cannot be known. */
  readonly defaultScopes: (audience: string) => readonly string[] | null
  /** Whether the managed identities of Azure's compute get their tokens here. */
  readonly hasManagedIdentities: boolean
}

/** All that differs from one kind of issuer to another. Pure: no I/O and no clock. */
export interface Profile {
  /** The parts of an issuer's configuration that have a meaning with this profile. */
  readonly supports: {
    /** `{tenantid}` in `issuer`, and `tenants`. */
    readonly tenants: boolean
    readonly introspection: boolean
    readonly graph: boolean
  }
  /** Faults beyond those that every profile has. The configured `issuer` is a safe URL. */
  readonly configFaults: (config: IssuerConfig) => readonly IssuerFault[]
  /** Whether nobody but the issuer itself may validate its tokens, so that each has to be introspected. */
  readonly introspectedOnly: (config: IssuerConfig) => boolean
  /** Why this key, which is in the issuer's key set, may not sign for the issuer; null if it may. */
  readonly keyFault: (key: VerificationKey, issuer: MatchedIssuer) => string | null
  /** Members of an introspection answer (RFC 7662) become the claims that `read` reads. */
  readonly introspected: (answer: Members) => Members
  /** Verified claims become a principal. @throws Refusal */
  readonly read: (token: TokenParts, issuer: MatchedIssuer) => Profiled
  readonly signIn: SignInProfile
}

/** By which clocks of one issuer may differ, in seconds. */
const ISSUER_CLOCKS = 60

/** The facts that every issuer words alike. */
export function readCommon(
  claims: Members,
): Pick<Principal, 'methods' | 'issuedAt' | 'expiresAt' | 'authenticatedAt'> {
  const issuedAt = requireTime(claims, 'iat')
  const authenticatedAt = readTime(claims, 'auth_time')
  // nobody signs in after the token was issued: such a time, in milliseconds for instance, says nothing
  const isLater = authenticatedAt !== null && authenticatedAt > issuedAt + ISSUER_CLOCKS
  return {
    methods: readStrings(claims, 'amr') ?? [],
    issuedAt,
    expiresAt: requireTime(claims, 'exp'),
    authenticatedAt: isLater ? null : authenticatedAt,
  }
}

/** Puts each value into the issuer's own name space. */
export function prefix(values: readonly string[] | null, space: string): readonly string[] {
  return (values ?? []).map((value) => `${space}/${value}`)
}
