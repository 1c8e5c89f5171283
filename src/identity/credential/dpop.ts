/**
 * DPoP proofs (RFC 9449 section 4.3): made for this request, with the token's key, a moment ago, and never seen before.
 *
 * Proofs are remembered by each replica for itself: a proof that leaks can be replayed once to every other replica,
 * for the same method, URL and token, within the window.
 * @module
 */
import { hash } from 'node:crypto'
import { calculateJwkThumbprint, errors, importJWK, jwtVerify, type JWK } from 'jose'
import { Refusal } from '../../errors.ts'
import { takeApart } from './jws.ts'
import type { Presented } from './bearer.ts'
import { isObject } from '../../lib/strict-json.ts'

/** Checks the proof of a request against the thumbprint that the token is bound to. */
export type DpopCheck = (presented: Presented, jkt: string) => Promise<void>

export interface DpopOptions {
  /** The origin that clients use, without a trailing slash. */
  readonly publicUrl: string
  readonly now: () => number
}

const ALGORITHMS = ['ES256', 'PS256', 'RS256', 'EdDSA', 'Ed25519']
const MAX_AGE_SECONDS = 60
/** Clocks of clients run ahead too. */
const MAX_AHEAD_SECONDS = 5
const MAX_JTI_LENGTH = 256
/** How long a used proof is remembered: it could be accepted no longer than this. */
const WINDOW_MS = (MAX_AGE_SECONDS + MAX_AHEAD_SECONDS) * 1_000
/** About 300 a second; above that proofs are refused, not forgotten. */
const MAX_PROOFS_OF_A_KEY = 20_000

export function createDpopCheck({ publicUrl, now }: DpopOptions): DpopCheck {
  const replays = createReplayCheck(now)
  return async ({ credential, method, url }, jkt) => {
    const { header, typ, alg, claims } = readProof(credential.proof)
    if (typ !== 'dpop+jwt' || !ALGORITHMS.includes(alg)) throw bad('its type or algorithm')
    const thumbprint = await verifyProof(credential.proof ?? '', header.get('jwk'), alg)
    if (thumbprint !== jkt) throw bad('its key')
    if (claims.get('htm') !== method) throw bad('"htm"')
    if (!isSameUrl(claims.get('htu'), publicUrl + (url.split('?')[0] ?? ''))) throw bad('"htu"')
    if (claims.get('ath') !== hash('sha256', credential.token, 'base64url')) throw bad('"ath"')
    const iat = claims.get('iat')
    const age = typeof iat === 'number' ? now() / 1_000 - iat : Number.NaN
    if (!(age <= MAX_AGE_SECONDS && age >= -MAX_AHEAD_SECONDS)) throw bad('"iat"')
    const jti = claims.get('jti')
    if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI_LENGTH) throw bad('"jti"')
    replays.use(jkt, jti)
  }
}

function readProof(proof: string | null): ReturnType<typeof takeApart> {
  try {
    return takeApart(proof ?? '')
  } catch (error) {
    throw bad('its form', error)
  }
}

/** @returns the thumbprint of the key that signed the proof */
async function verifyProof(proof: string, jwk: unknown, alg: string): Promise<string> {
  if (!isObject(jwk) || typeof jwk['kty'] !== 'string' || jwk['kty'] === 'oct' || 'd' in jwk) {
    throw bad('its key')
  }
  const key: JWK = { ...jwk, kty: jwk['kty'] }
  try {
    await jwtVerify(proof, await importJWK(key, alg), {
      algorithms: [alg],
      // Times are checked below, by the window of proofs
      currentDate: new Date(0),
      clockTolerance: Number.MAX_SAFE_INTEGER,
    })
    return await calculateJwkThumbprint(key)
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError)
      throw bad('its signature', error)
    // A malformed key makes WebCrypto throw a DOMException
    if (error instanceof DOMException) throw bad('its key', error)
    throw error
  }
}

/** RFC 9449 section 4.3, check 9: compared after the normalisation of RFC 3986, without query and fragment. */
function isSameUrl(htu: unknown, expected: string): boolean {
  if (typeof htu !== 'string' || !URL.canParse(htu) || !URL.canParse(expected)) return false
  const given = new URL(htu)
  return given.search === '' && given.hash === '' && given.href === new URL(expected).href
}

/** Proofs of one key count against that key, so that a client can only ever shut itself out. */
function createReplayCheck(now: () => number): { use(jkt: string, jti: string): void } {
  // In order of use, so that the oldest are the first
  const seen = new Map<string, { until: number; jkt: string }>()
  const perKey = new Map<string, number>()

  function forgetOld(): void {
    for (const [id, { until, jkt }] of seen) {
      if (until >= now()) return
      seen.delete(id)
      const rest = (perKey.get(jkt) ?? 1) - 1
      if (rest === 0) perKey.delete(jkt)
      else perKey.set(jkt, rest)
    }
  }

  return {
    use(jkt, jti) {
      forgetOld()
      const id = `${jkt} ${hash('sha256', jti, 'base64url')}`
      if (seen.has(id)) throw bad('that it was used before')
      const count = perKey.get(jkt) ?? 0
      if (count >= MAX_PROOFS_OF_A_KEY) throw bad('being one of too many')
      perKey.set(jkt, count + 1)
      seen.set(id, { until: now() + WINDOW_MS, jkt })
    },
  }
}

function bad(what: string, cause?: unknown): Refusal {
  return new Refusal('invalid_dpop_proof', `the dpop proof is refused for ${what}`, { cause })
}
