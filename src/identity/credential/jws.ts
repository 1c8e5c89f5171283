/**
 * A compact JWS split into header and claims, which may be read before the signature is checked but not trusted.
 * @module
 */
import { Refusal } from '../../errors.ts'
import { membersOf, parseStrictJson, type Members } from '../../lib/strict-json.ts'

/** Header and claims of a token whose signature nobody has checked. */
export interface Unverified {
  readonly alg: string
  readonly kid: string | null
  /** `typ`, lower-cased, without an `application/` prefix (RFC 7515 section 4.1.9). */
  readonly typ: string | null
  readonly header: Members
  readonly claims: Members
}

const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/
const MAX_KID_LENGTH = 256

/** Whether `token` has the three base64url segments of a signed token. */
export function isCompactJws(token: string): boolean {
  return COMPACT.test(token)
}

/**
 * Takes a compact JWS apart.
 *
 * `jwk`, `jku`, `x5u` and `x5c` are never read: keys come from the issuer's key set alone (RFC 8725 section 3.10).
 *
 * @throws Refusal `invalid_token`
 */
export function takeApart(token: string): Unverified {
  const [first = '', second = '', third = '', ...more] = token.split('.')
  if (!isCompactJws(token) || more.length > 0) throw bad('the token is not a signed JWT')
  decode(third)
  const header = membersOf(parseStrictJson(decode(first)))
  const claims = membersOf(parseStrictJson(decode(second)))
  if (header === null) throw bad('the token’s header is not an unambiguous JSON object')
  if (claims === null) throw bad('the token’s claims are not an unambiguous JSON object')
  // RFC 7515 section 4.1.11 and RFC 7797: no extension is understood here, so none may be critical
  if (header.has('crit') || header.has('b64')) throw bad('the token’s header demands an extension')
  const alg = header.get('alg')
  const kid = header.get('kid')
  const typ = header.get('typ')
  if (typeof alg !== 'string') throw bad('the token’s header has no algorithm')
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > MAX_KID_LENGTH)) {
    throw bad('the token’s key id cannot be one')
  }
  if (typ !== undefined && typeof typ !== 'string') throw bad('the token’s type is not a string')
  return {
    alg,
    kid: kid ?? null,
    typ: typ?.toLowerCase().replace(/^application\//, '') ?? null,
    header,
    claims,
  }
}

/** Refuses a segment that is not canonical: it would be a second spelling of the same token. */
function decode(segment: string): Buffer {
  const bytes = Buffer.from(segment, 'base64url')
  if (bytes.toString('base64url') !== segment) throw bad('the token is not canonical base64url')
  return bytes
}

function bad(message: string): Refusal {
  return new Refusal('invalid_token', message)
}
