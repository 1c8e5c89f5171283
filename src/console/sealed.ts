/**
 * What a browser keeps for the console and cannot read or change: JSON, encrypted with keys that all replicas share.
 * @module
 */
import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { CompactEncrypt, compactDecrypt } from 'jose'
import { parseStrictJson } from '../lib/strict-json.ts'

/** What is sealed, so that nothing of one kind is taken for another. */
export type Purpose = 'session' | 'sign-in'

export interface Seals {
  /** A compact JWE of the JSON (RFC 7516; `dir`, A256GCM, not compressed). */
  readonly seal: (purpose: Purpose, value: unknown) => Promise<string>
  /** Undefined for what was not sealed with one of the keys for this purpose. Never throws. */
  readonly open: (purpose: Purpose, text: string) => Promise<unknown>
  /** HMAC over a text, for forms. */
  readonly sign: (text: string) => string
  readonly isSigned: (text: string, signature: string) => boolean
}

interface Key {
  readonly id: string
  readonly session: Uint8Array
  readonly 'sign-in': Uint8Array
  readonly form: Uint8Array
}

const utf8 = new TextEncoder()

function keyOf(secret: Buffer): Key {
  const derived = (what: string): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', secret, '', `azureml-harness console ${what}`, 32))
  const id = createHash('sha256').update(derived('key id')).digest('base64url').slice(0, 8)
  return { id, session: derived('session'), 'sign-in': derived('sign-in'), form: derived('form') }
}

const mac = (key: Key, text: string): Buffer => createHmac('sha256', key.form).update(text).digest()

/** @param secrets at least one; the first seals, all of them open */
export function createSeals(secrets: readonly Buffer[]): Seals {
  const keys = secrets.map(keyOf)
  const [first] = keys
  if (first === undefined) throw new TypeError('a console without a key')

  return {
    seal: (purpose, value) =>
      new CompactEncrypt(utf8.encode(JSON.stringify(value)))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: first.id })
        .encrypt(first[purpose]),
    async open(purpose, text) {
      try {
        const { plaintext } = await compactDecrypt(
          text,
          ({ kid }) => {
            const key = keys.find(({ id }) => id === kid)
            if (key === undefined) throw new Error('sealed with another key')
            return key[purpose]
          },
          { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] },
        )
        return parseStrictJson(plaintext)
      } catch {
        return undefined
      }
    },
    sign: (text) => mac(first, text).toString('base64url'),
    isSigned(text, signature) {
      const given = Buffer.from(signature, 'base64url')
      return keys.some((key) => {
        const expected = mac(key, text)
        return given.byteLength === expected.byteLength && timingSafeEqual(given, expected)
      })
    },
  }
}
