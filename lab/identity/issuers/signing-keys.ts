/**
 * The keys that an issuer of the lab signs with.
 * @module
 */
import { generateKeyPair, randomUUID, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { JWK } from 'oidc-provider'

export interface IssuerKey {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly jwk: JWK
}

export async function generateKey(): Promise<IssuerKey> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  const kid = randomUUID()
  const jwk: JWK = { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }
  return { kid, privateKey, jwk }
}
