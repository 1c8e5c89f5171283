/**
 * Calls that wait for their review while their author polls. They are kept in the ledger, where every replica finds them,
 * encrypted: a body may hold what only Azure is to see.
 * @module
 */
import { hkdfSync } from 'node:crypto'
import { CompactEncrypt, compactDecrypt } from 'jose'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import type { HeldCall } from '../http/kept-reply.ts'
import { parseStrictJson } from '../lib/strict-json.ts'
import { NAMES } from './documents.ts'
import type { Ledger } from './ledger/ledger.ts'

const Kept = Type.Object(
  {
    /** Of its review, so that one cannot be put in the place of another. */
    id: Type.String(),
    method: Type.String(),
    target: Type.String(),
    headers: Type.Record(Type.String(), Type.String()),
    /** Base64. */
    body: Type.String(),
  },
  { additionalProperties: false },
)

/** Of what a caller sends besides the body, what says how it is to be read and when it is to be made. */
const HEADERS = ['accept', 'content-type', 'if-match', 'if-none-match', 'x-ms-client-request-id']

/** A larger one is not held. */
export const MAX_HELD_BYTES = 262_144

export interface HeldCalls {
  /** Keeps a call, unless the same is kept already. @throws {LedgerFault} */
  readonly keep: (id: string, call: HeldCall) => Promise<void>
  /** Null for what is not there, or was kept with another key. @throws {LedgerFault} */
  readonly read: (id: string) => Promise<HeldCall | null>
  /** Forgets a call that is of no use any more. @throws {LedgerFault} */
  readonly forget: (id: string) => Promise<void>
}

/** @param secret shared by all replicas */
export function createHeldCalls(
  ledger: Pick<Ledger, 'create' | 'read' | 'remove'>,
  secret: Buffer,
): HeldCalls {
  const key = new Uint8Array(hkdfSync('sha256', secret, '', 'azureml-harness held calls', 32))

  return {
    async keep(id, { method, target, headers, body }) {
      const kept: Static<typeof Kept> = {
        id,
        method,
        target,
        headers: Object.fromEntries(
          HEADERS.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
        ),
        body: body.toString('base64'),
      }
      const jwe = await new CompactEncrypt(Buffer.from(JSON.stringify(kept)))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .encrypt(key)
      await ledger.create(NAMES.held(id), jwe)
    },

    async read(id) {
      const jwe = await ledger.read(NAMES.held(id))
      const kept = jwe === null ? null : await decrypted(jwe, key)
      if (kept === null || kept.id !== id) return null
      const { method, target, headers, body } = kept
      return { method, target, headers, body: Buffer.from(body, 'base64') }
    },

    forget: async (id) => ledger.remove(NAMES.held(id)),
  }
}

async function decrypted(jwe: string, key: Uint8Array): Promise<Static<typeof Kept> | null> {
  try {
    const { plaintext } = await compactDecrypt(jwe, key, {
      keyManagementAlgorithms: ['dir'],
      contentEncryptionAlgorithms: ['A256GCM'],
    })
    const kept = parseStrictJson(plaintext)
    return Value.Check(Kept, kept) ? kept : null
  } catch {
    return null
  }
}
