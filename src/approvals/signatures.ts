/**
 * Signatures of reviews: flattened JWS (RFC 7515) with Ed25519. The first key signs, all of them verify.
 *
 * A document is the gateway's statement about a call or an authenticated person. Anybody who has the public keys can
 * check it without the gateway.
 * @module
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import {
  calculateJwkThumbprint,
  exportJWK,
  FlattenedSign,
  flattenedVerify,
  type FlattenedVerifyGetKey,
  type JWK,
} from 'jose'
import { isObject, parseStrictJson } from '../lib/strict-json.ts'
import { isAnyDocument, type AnyDocument } from './documents.ts'

const TYPE = 'aml-review+json'
const ALGORITHM = 'EdDSA'

/** A key by its thumbprint (RFC 7638). */
interface Key {
  readonly id: string
  readonly public: KeyObject
  readonly jwk: JWK
}

export interface Signatures {
  /** The text of the signed document. */
  readonly sign: (document: AnyDocument) => Promise<string>
  /** Null for what no known key signed, and for what is no document. */
  readonly verify: (text: string) => Promise<AnyDocument | null>
  /** The public keys, as `/_harness/keys` publishes them. */
  readonly jwks: { readonly keys: readonly JWK[] }
}

/**
 * @param privateKeys PKCS #8 in PEM, the one that signs first
 * @throws Error for a key that is none, or of another kind
 */
export async function createSignatures(privateKeys: readonly string[]): Promise<Signatures> {
  const secret = privateKeys.map((pem) => createPrivateKey(pem))
  const keys = await Promise.all(secret.map(async (one) => keyOf(createPublicKey(one))))
  const [signing] = secret
  const [first] = keys
  if (signing === undefined || first === undefined) throw new Error('there is no key that signs')
  return {
    async sign(document) {
      const signed = await new FlattenedSign(Buffer.from(JSON.stringify(document)))
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: first.id })
        .sign(signing)
      return JSON.stringify(signed)
    },
    verify: createVerify(keys),
    jwks: { keys: keys.map(({ jwk }) => jwk) },
  }
}

/** Verifies with public keys alone. @throws Error for a key of another kind */
export async function createVerifier(jwks: readonly JWK[]): Promise<Signatures['verify']> {
  const keys = await Promise.all(
    jwks.map(async (jwk) => keyOf(createPublicKey({ key: { ...jwk }, format: 'jwk' }))),
  )
  return createVerify(keys)
}

async function keyOf(key: KeyObject): Promise<Key> {
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('a key of reviews is an Ed25519 key')
  const jwk = await exportJWK(key)
  const id = await calculateJwkThumbprint(jwk)
  return { id, public: key, jwk: { ...jwk, kid: id, alg: ALGORITHM, use: 'sig' } }
}

function createVerify(keys: readonly Key[]): Signatures['verify'] {
  return async (text) => {
    const jws = parseStrictJson(Buffer.from(text))
    if (!isFlattened(jws)) return null
    try {
      const { payload } = await flattenedVerify(
        jws,
        (header: Header) => {
          const key = keys.find(({ id }) => id === header?.kid)
          if (key === undefined || header?.typ !== TYPE) throw new Error('no key of this gateway')
          return key.public
        },
        { algorithms: [ALGORITHM] },
      )
      const document = parseStrictJson(payload)
      return isAnyDocument(document) ? document : null
    } catch {
      return null
    }
  }
}

type Header = Parameters<FlattenedVerifyGetKey>[0]

interface Flattened {
  readonly payload: string
  readonly protected: string
  readonly signature: string
}

/** Nothing but what is signed: an unprotected header would be somebody else's word. */
function isFlattened(value: unknown): value is Flattened {
  return (
    isObject(value) &&
    Object.keys(value).length === 3 &&
    ['payload', 'protected', 'signature'].every((name) => typeof value[name] === 'string')
  )
}
