/**
 * A client with a DPoP key (RFC 9449): proofs that are right, or wrong in one member.
 * @module
 */
import { createHash } from 'node:crypto'
import { calculateJwkThumbprint, SignJWT } from 'jose'
import { makeKey } from './issuer.ts'
import { PUBLIC_URL } from './world.ts'

export interface DpopClient {
  jkt: string
  /** @param seconds now, since the epoch */
  prove(
    token: string,
    seconds: number,
    changes?: Record<string, unknown>,
    header?: Record<string, unknown>,
  ): Promise<string>
}

let count = 0

export async function makeDpopClient(): Promise<DpopClient> {
  const { privateKey, jwk } = await makeKey('dpop', 'ES256')
  const { kty = 'EC', crv = '', x = '', y = '' } = jwk
  const publicJwk = { kty, crv, x, y }
  return {
    jkt: await calculateJwkThumbprint(publicJwk),
    prove(token, seconds, changes = {}, header = {}) {
      const ath = createHash('sha256').update(token).digest('base64url')
      const claims = {
        jti: `proof-${(count += 1)}`,
        htm: 'GET',
        htu: `${PUBLIC_URL}/subscriptions/x`,
        iat: seconds,
        ath,
        ...changes,
      }
      return new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: publicJwk, ...header })
        .sign(privateKey)
    },
  }
}

/** A request with a DPoP token and its proof. */
export function dpop(token: string, proof: string, method = 'GET') {
  return {
    method,
    url: '/subscriptions/x?api-version=1',
    rawHeaders: ['Host', 'gateway.test', 'Authorization', `DPoP ${token}`, 'DPoP', proof],
  }
}
