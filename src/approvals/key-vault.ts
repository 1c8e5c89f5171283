/**
 * A key that never leaves its vault (Azure Key Vault or Managed HSM): documents are signed there with ES256, and verified
 * here with the public key that is read at the start.
 * @module
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import type { PipelinePolicy } from '@azure/core-rest-pipeline'
import { CryptographyClient, KeyClient, type KeyVaultKey } from '@azure/keyvault-keys'
import { codeOf } from '../lib/error-code.ts'
import { retryAfterMs } from '../lib/http.ts'
import { isObject } from '../lib/strict-json.ts'
import { LedgerFault } from './ledger/ledger.ts'
import type { SigningKey } from './signatures.ts'

/** The head of the last answer to one question: the client's errors have it only where the body is one that it expects. */
interface Noted {
  status: number | null
  retryAfter: string | undefined
}

const noted = new AsyncLocalStorage<Noted>()
const noting: PipelinePolicy = {
  name: 'noting',
  async sendRequest(request, next) {
    const note = noted.getStore()
    // a question is asked twice, where the first answer is for whom the token has to be
    if (note !== undefined) note.status = null
    const response = await next(request)
    if (note !== undefined)
      Object.assign(note, {
        status: response.status,
        retryAfter: response.headers.get('retry-after'),
      })
    return response
  },
}

export interface VaultKeyOptions {
  /** `https://{vault}/keys/{name}/{version}` */
  readonly id: string
  readonly credential: {
    readonly getToken: (
      scopes: string | string[],
    ) => Promise<{ token: string; expiresOnTimestamp: number }>
  }
  /** It is the key that signs; others only have to be readable. */
  readonly signs: boolean
  /** Milliseconds, for one answer of the vault. */
  readonly timeoutMs: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** @throws Error that says in words why the key cannot be used */
export async function openVaultKey(options: VaultKeyOptions): Promise<SigningKey> {
  const { id, credential, signs, timeoutMs, now } = options
  const { origin, pathname } = new URL(id)
  const [, , name = '', version = ''] = pathname.split('/')
  // a caller waits, and is told when to try again
  const settings = {
    retryOptions: { maxRetries: 0 },
    additionalPolicies: [{ policy: noting, position: 'perRetry' as const }],
  }
  const within = () => ({ abortSignal: AbortSignal.timeout(timeoutMs) })
  const reading: Noted = { status: null, retryAfter: undefined }
  const key = await noted
    .run(reading, async () =>
      new KeyClient(origin, credential, settings).getKey(name, { version, ...within() }),
    )
    .catch((error: unknown) => {
      throw new Error(`the key ${id} cannot be read: ${wordsOf(error, reading)}`)
    })
  const fault = faultOf(key, signs, now())
  if (fault !== null) throw new Error(`the key ${id} cannot be used: ${fault}`)
  // when it begins and ends can be changed at the vault, which looks at it each time
  const { expiresOn: _end, notBefore: _begin, ...properties } = key.properties
  const client = new CryptographyClient({ ...key, properties }, credential, settings)
  return {
    algorithm: 'ES256',
    public: publicKeyOf(key),
    async sign(input) {
      const digest = createHash('sha256').update(input).digest()
      const note: Noted = { status: null, retryAfter: undefined }
      try {
        const { result } = await noted.run(note, async () => client.sign('ES256', digest, within()))
        return Buffer.from(result)
      } catch (error) {
        throw new LedgerFault('the key vault does not sign reviews', {
          inner: `${name}/${version}: ${wordsOf(error, note)}`,
          ...retryIn(note, now()),
        })
      }
    },
  }
}

/** What keeps a key from being used; null if nothing does. */
function faultOf(
  { keyType, key, keyOperations, properties }: KeyVaultKey,
  signs: boolean,
  now: number,
) {
  if (keyType !== 'EC' && keyType !== 'EC-HSM')
    return `its type is ${keyType ?? 'unknown'}, and reviews are signed with EC`
  if (key?.crv !== 'P-256') return `its curve is ${key?.crv ?? 'unknown'}, and not P-256`
  if (!signs) return null
  const { enabled, notBefore, expiresOn } = properties
  if (!(keyOperations ?? []).includes('sign')) return 'signing is none of its operations'
  if (enabled === false) return 'it is disabled'
  if (notBefore !== undefined && notBefore.getTime() > now) return 'it is not valid yet'
  if (expiresOn !== undefined && expiresOn.getTime() <= now) return 'it has expired'
  return null
}

function publicKeyOf({ key }: KeyVaultKey): KeyObject {
  const [x = '', y = ''] = [key?.x, key?.y].map((part) =>
    Buffer.from(part ?? []).toString('base64url'),
  )
  return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' })
}

/** How a vault failed: its status and codes, and nothing of a request, which has a token. */
function wordsOf(error: unknown, { status }: Noted): string {
  const { name, details } = isObject(error) ? error : {}
  if (name === 'AbortError') return 'the vault did not answer in time'
  if (status === null || status < 400)
    return `the vault cannot be reached (${codeOf(error, 'failed')})`
  const codes = codesIn(details)
  const what = `the vault answered ${[status, ...codes].join(' ')}`
  return status === 403 && codes.length < 2
    ? `${what}; the identity needs the role Key Vault Crypto User`
    : what
}

/** Codes of the vault's errors, the outer one first, such as `Forbidden` and `KeyDisabled`. */
function codesIn(details: unknown): readonly string[] {
  const error = isObject(details) && isObject(details['error']) ? details['error'] : {}
  const inner = isObject(error['innerError']) ? error['innerError']['code'] : undefined
  return [error['code'], inner].filter(
    (code): code is string => typeof code === 'string' && /^\w{1,64}$/.test(code),
  )
}

function retryIn({ retryAfter }: Noted, now: number): { retryAfter?: number } {
  const wait = retryAfterMs(retryAfter, now)
  return wait === undefined ? {} : { retryAfter: Math.ceil(wait / 1_000) }
}
