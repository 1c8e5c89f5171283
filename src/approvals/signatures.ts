/**
 * Signatures of reviews: flattened JWS (RFC 7515) with Ed25519 or ES256. The first key signs, all of them verify.
 *
 * A document is the gateway's statement about a call or an authenticated person. Anybody who has the public keys can
 * check it without the gateway. It is known by its name and by what it says, never by its signature: an ES256 signature
 * has a second form (`n - s`) that verifies, too, and makes no second document of it.
 * @module
 */
import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto'
import {
  calculateJwkThumbprint,
  exportJWK,
  flattenedVerify,
  type FlattenedVerifyGetKey,
  type JWK,
} from 'jose'
import { isObject, parseStrictJson } from '../lib/strict-json.ts'
import { isAnyDocument, type AnyDocument } from './documents.ts'
import { LedgerFault } from './ledger/ledger.ts'

const TYPE = 'aml-review+json'

type Algorithm = 'EdDSA' | 'ES256'

/** A key that documents are signed with, wherever its private half is. */
export interface SigningKey {
  readonly algorithm: Algorithm
  readonly public: KeyObject
  /** The signature in JWS's form (RFC 7518 section 3.4 for ES256: r and s). @throws {LedgerFault} if there is none now */
  readonly sign: (input: Buffer) => Promise<Buffer>
}

/** A public key by its thumbprint (RFC 7638). */
interface Key {
  readonly id: string
  readonly algorithm: Algorithm
  readonly public: KeyObject
  readonly jwk: JWK
}

export interface Signatures {
  /** The text of the signed document. @throws {LedgerFault} if it cannot be signed now */
  readonly sign: (document: AnyDocument) => Promise<string>
  /** Null for what no known key signed, and for what is no document. */
  readonly verify: (text: string) => Promise<AnyDocument | null>
  /** The public keys, as `/_harness/keys` publishes them. */
  readonly jwks: { readonly keys: readonly JWK[] }
}

/**
 * @param signingKeys the one that signs first; a text is an Ed25519 private key, PKCS #8 in PEM
 * @throws Error for a key that is none, or of another kind
 */
export async function createSignatures(
  signingKeys: readonly (string | SigningKey)[],
): Promise<Signatures> {
  const opened = signingKeys.map((one) => (typeof one === 'string' ? keyInPem(one) : one))
  const keys = await Promise.all(opened.map(async (one) => keyOf(one.public)))
  const [signing] = opened
  const [first] = keys
  if (signing === undefined || first === undefined) throw new Error('there is no key that signs')
  const verify = createVerify(keys)
  const header = encoded({ alg: first.algorithm, typ: TYPE, kid: first.id })
  return {
    async sign(document) {
      const payload = encoded(document)
      const signature = await signing.sign(Buffer.from(`${header}.${payload}`))
      const text = JSON.stringify({
        payload,
        protected: header,
        signature: signature.toString('base64url'),
      })
      // what a vault answers is not believed: a document that does not count would be there for ever
      if ((await verify(text)) === null)
        throw new LedgerFault('the key of reviews made a signature that does not verify')
      return text
    },
    verify,
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

function keyInPem(pem: string): SigningKey {
  const key = createPrivateKey(pem)
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error('a key of reviews that is in a file is an Ed25519 key')
  return {
    algorithm: 'EdDSA',
    public: createPublicKey(pem),
    sign: async (input) => sign(null, input, key),
  }
}

async function keyOf(key: KeyObject): Promise<Key> {
  const algorithm = algorithmOf(key)
  if (key.type !== 'public' || algorithm === null)
    throw new Error('a key of reviews is an Ed25519 key, or an EC key on P-256')
  const jwk = await exportJWK(key)
  const id = await calculateJwkThumbprint(jwk)
  return { id, algorithm, public: key, jwk: { ...jwk, kid: id, alg: algorithm, use: 'sig' } }
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): Algorithm | null {
  if (asymmetricKeyType === 'ed25519') return 'EdDSA'
  const isP256 = asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1'
  return isP256 ? 'ES256' : null
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
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
          // the key says which algorithm it is for, never the document
          if (key === undefined || header?.typ !== TYPE || header.alg !== key.algorithm)
            throw new Error('no key of this gateway')
          return key.public
        },
        { algorithms: ['EdDSA', 'ES256'] },
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
