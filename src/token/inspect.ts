/**
 * Checks that a token from our own identity endpoint is the one that was asked for, before it is used.
 *
 * The signature is not verified: the token comes straight from the endpoint, is meant for Azure and is judged
 * there. This check prevents sending Azure a token of another identity, for another audience, or of another
 * caller, because an endpoint was misconfigured or impersonated.
 * @module
 */
import { Refusal } from '../errors.ts'
import type { IdentityConfig } from '../config/schema/schema.ts'
import { isGuid } from '../lib/guid.ts'
import { membersOf, type Members } from '../lib/strict-json.ts'

/**
 * Resources whose tokens name the audience by its application id as well: Entra does so in v2 tokens, and a
 * managed identity's token for the token exchange has the id of Entra's own exchange application.
 */
const APPLICATION_IDS: ReadonlyMap<string, string> = new Map([
  ['api://AzureADTokenExchange', 'fb60f99c-7a34-4190-8149-302f77469936'],
])

/** `https://management.azure.com/.default` is the scope of the resource `https://management.azure.com`. */
export function resourceOf(scope: string): string {
  return scope.endsWith('/.default') ? scope.slice(0, -'/.default'.length) : scope
}

/** What is worth knowing of a token that is the one asked for. */
export interface Inspected {
  /** The end of its life, in milliseconds since the epoch. */
  readonly expiresAt: number
  /** `oid`, in lower case: what Azure's own logs call the caller. Null if it names none. */
  readonly objectId: string | null
}

/**
 * Looks into a token before it is used.
 *
 * Opaque tokens are refused: ARM, Azure ML, Azure Monitor, Graph and the token exchange, which are all that the
 * gateway asks for, give JWTs, and what cannot be looked into cannot be told from another identity's token.
 * @throws Refusal `identity_mismatch`, which names the claim but neither its value nor the token
 */
export function inspectToken(
  token: string,
  expected: {
    name: string
    identity: IdentityConfig
    scope: string
    /** The caller's token that it was exchanged for. */
    assertion: string | null
  },
  now: number,
): Inspected {
  const refuse = (inner: string): never => {
    throw new Refusal(
      'identity_mismatch',
      `the token that was issued for identity "${expected.name}" is not the one asked for`,
      { inner },
    )
  }
  const claims = payload(token)
  if (claims === null) return refuse('the token is no JWT')
  const { identity, scope } = expected
  if (!isAudience(claims.get('aud'), resourceOf(scope)))
    return refuse('aud is not the resource of the scope')
  // v1 tokens say appid, v2 tokens azp
  const client = claims.get('appid') ?? claims.get('azp')
  if (identity.clientId !== undefined && !isSame(client, identity.clientId)) {
    return refuse('appid is not the configured clientId')
  }
  if (identity.kind === 'managed-identity') {
    if (identity.objectId !== undefined && !isSame(claims.get('oid'), identity.objectId)) {
      return refuse('oid is not the configured objectId')
    }
  } else if (!isSame(claims.get('tid'), identity.tenantId)) {
    return refuse('tid is not the configured tenantId')
  }
  if (expected.assertion !== null) {
    const caller = payload(expected.assertion)?.get('oid')
    if (typeof caller !== 'string' || !isSame(claims.get('oid'), caller))
      return refuse('oid is not the caller’s')
  }
  const exp = claims.get('exp')
  if (typeof exp !== 'number' || !Number.isSafeInteger(exp)) return refuse('exp is missing')
  if (exp * 1000 <= now) return refuse('exp is in the past')
  const oid = claims.get('oid')
  const objectId = typeof oid === 'string' && isGuid(oid) ? oid.toLowerCase() : null
  return { expiresAt: exp * 1000, objectId }
}

function isAudience(aud: unknown, resource: string): boolean {
  if (typeof aud !== 'string') return false
  const bare = withoutSlash(resource)
  return withoutSlash(aud) === bare || aud === APPLICATION_IDS.get(bare)
}

function withoutSlash(text: string): string {
  return text.endsWith('/') ? text.slice(0, -1) : text
}

/** GUIDs compare without regard to case. */
function isSame(claim: unknown, configured: string): boolean {
  return typeof claim === 'string' && claim.toLowerCase() === configured.toLowerCase()
}

function payload(token: string): Members | null {
  const segments = token.split('.')
  if (segments.length !== 3) return null
  try {
    return membersOf(JSON.parse(Buffer.from(segments[1] ?? '', 'base64url').toString('utf8')))
  } catch {
    // the parser's message quotes what it read, which here is a token: it goes nowhere
    return null
  }
}
