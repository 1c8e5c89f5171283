/**
 * Checks one issuer's published key set: which keys may verify tokens, and whether the set is acceptable at all.
 * @module
 */
import { calculateJwkThumbprint, createLocalJWKSet, importJWK } from 'jose'
import type { CryptoKey, JWK } from 'jose'
import { isObject } from '../../lib/strict-json.ts'
import { rsaFault } from './weak-rsa.ts'

/** A key that may verify this issuer's tokens. */
export interface VerificationKey {
  readonly kid: string | null
  /** RFC 7638 thumbprint: the key itself, whatever it is called. */
  readonly thumbprint: string
  /** The key's own issuer, as Entra publishes it (it may hold `{tenantid}`). */
  readonly issuer: string | null
}

/** A set that was accepted. */
export interface KeySet {
  readonly keys: readonly VerificationKey[]
  /** Key ids that are in the set and may not verify tokens: for encryption, weak, or there twice. */
  readonly unusable: ReadonlySet<string>
  /** For the operator's log. */
  readonly warnings: readonly string[]
  /** The key itself, for jose; `kid` must name one of `keys`, or be null if there is only one. */
  resolve(alg: string, kid: string | null): Promise<CryptoKey>
}

const MAX_KEYS = 100
/** Members that only a private or a symmetric key has (RFC 7518 sections 6.2.2, 6.3.2, 6.4). */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/**
 * Checks a key set document.
 *
 * @returns the set, or why the whole document is refused: a set that is empty, oversized or holds secrets must not
 *   replace good keys, so it counts as an outage
 */
export async function readKeySet(
  document: unknown,
  algorithms: readonly string[],
): Promise<KeySet | string> {
  if (!isObject(document) || !Array.isArray(document['keys'])) return 'not a key set'
  const entries: readonly unknown[] = document['keys']
  if (entries.length > MAX_KEYS) return 'too many keys'
  const jwks: JWK[] = []
  for (const entry of entries) {
    if (!isObject(entry) || typeof entry['kty'] !== 'string') return 'a member that is no key'
    if (entry['kty'] === 'oct') return 'a symmetric key'
    if (SECRET_MEMBERS.some((name) => Object.hasOwn(entry, name))) return 'a private key'
    jwks.push({ ...entry, kty: entry['kty'] })
  }
  return select(jwks, algorithms)
}

async function select(jwks: readonly JWK[], algorithms: readonly string[]) {
  const counts = new Map<unknown, number>()
  for (const { kid } of jwks) counts.set(kid, (counts.get(kid) ?? 0) + 1)
  const usable: JWK[] = []
  const keys: VerificationKey[] = []
  const unusable = new Set<string>()
  const warnings: string[] = []
  for (const jwk of jwks) {
    const fault = (counts.get(jwk.kid) ?? 0) > 1 ? 'its id twice' : await findFault(jwk, algorithms)
    if (fault === null) {
      usable.push(jwk)
      keys.push(await describe(jwk))
    } else {
      if (fault !== 'another use') warnings.push(`the key set has a key with ${fault}`)
      if (typeof jwk.kid === 'string') unusable.add(jwk.kid)
    }
  }
  if (usable.length === 0) return 'no usable key'
  const find = createLocalJWKSet({ keys: usable })
  return {
    keys,
    unusable,
    warnings,
    resolve: (alg: string, kid: string | null) => find({ alg, ...(kid === null ? {} : { kid }) }),
  }
}

async function findFault(jwk: JWK, algorithms: readonly string[]): Promise<string | null> {
  if (jwk.use !== undefined && jwk.use !== 'sig') return 'another use'
  if (jwk.kid !== undefined && typeof jwk.kid !== 'string') return 'an id that is not a string'
  // A key is bound to one family of algorithms (RFC 8725 section 3.1); others are of no use here
  const alg = algorithms.find((name) => fits(jwk, name))
  if (alg === undefined) return 'another use'
  try {
    const key = await importJWK(jwk, alg)
    if (key instanceof Uint8Array) return 'secret material'
    if (jwk.kty === 'RSA') return rsaFault(jwk.n, jwk.e)
  } catch {
    return 'malformed material'
  }
  return null
}

function fits(jwk: JWK, alg: string): boolean {
  if (jwk.alg !== undefined && jwk.alg !== alg) return false
  return alg === 'ES256' ? jwk.kty === 'EC' && jwk.crv === 'P-256' : jwk.kty === 'RSA'
}

async function describe(jwk: JWK): Promise<VerificationKey> {
  const issuer: unknown = 'issuer' in jwk ? jwk.issuer : null
  return {
    kid: jwk.kid ?? null,
    thumbprint: await calculateJwkThumbprint(jwk),
    issuer: typeof issuer === 'string' ? issuer : null,
  }
}
