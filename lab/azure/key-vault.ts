/**
 * Azure Key Vault: EC keys that never leave it, asked and signed with as @azure/keyvault-keys does.
 *
 * https://learn.microsoft.com/rest/api/keyvault/keys
 * @module
 */
import { createECDH, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import type { Certificates } from '../identity/ca.ts'
import type { ManagedIdentities } from '../identity/managed-identity.ts'
import { TENANT } from '../personas.ts'
import { json, type Answer, type Call } from '../server/call.ts'
import { createJournal, type Entry } from '../server/journal.ts'
import { createPart, type Part } from '../server/server.ts'

/** The name that the vault has; it leads to this machine, like all names under localhost. */
export const VAULT_HOST = 'reviews.vault.localhost'
/** Whom tokens for it are for. Its clients check that its host lies under that of the resource. */
const RESOURCE = 'https://vault.localhost'

/** What can be changed about a key. */
interface KeySettings {
  readonly enabled?: boolean
  /** Seconds since the epoch. */
  readonly exp?: number
  readonly nbf?: number
  readonly operations?: readonly string[]
}

export interface KeyVault {
  readonly part: Part
  /** Makes a key, or a version of one. @returns its id */
  create(name: string, settings?: KeySettings & { readonly curve?: string }): string
  /** Changes a key from now on. */
  change(id: string, settings: KeySettings): void
  /** Its signatures are of something else, from now on. */
  lie(): void
  requests(): readonly Entry[]
  close(): Promise<void>
}

interface Key {
  readonly privateKey: KeyObject
  readonly jwk: { readonly crv?: string; readonly x?: string; readonly y?: string }
  readonly created: number
  settings: KeySettings
}

const ROUTE = /^\/keys\/([\w-]+)\/([0-9a-f]{32})(\/sign)?$/
const VERSION = /^(7\.\d|\d{4}-\d{2}-\d{2})(-preview(\.\d)?)?$/

function fault(status: number, code: string, message: string, inner?: string): Answer {
  const innererror = inner === undefined ? {} : { innererror: { code: inner } }
  return json(status, { error: { code, message, ...innererror } })
}

function challenge(): Answer {
  const answer = fault(401, 'Unauthorized', 'AKV10000: Request is missing a Bearer or PoP token.')
  const authorization = `https://login.windows.net/${TENANT}`
  return {
    ...answer,
    headers: {
      ...answer.headers,
      'www-authenticate': `Bearer authorization="${authorization}", resource="${RESOURCE}"`,
    },
  }
}

/** What keeps a key from signing now. */
function refusal({ settings: { enabled, exp, nbf, operations } }: Key): Answer | null {
  const now = Date.now() / 1_000
  if (enabled === false)
    return fault(
      403,
      'Forbidden',
      'Operation sign is not allowed on a disabled key.',
      'KeyDisabled',
    )
  if ((exp !== undefined && exp <= now) || (nbf !== undefined && nbf > now))
    return fault(403, 'Forbidden', 'Operation sign is not allowed now.', 'KeyNotYetValidOrExpired')
  return operations === undefined || operations.includes('sign')
    ? null
    : fault(
        403,
        'Forbidden',
        'Operation sign is not permitted on this key.',
        'OperationNotPermitted',
      )
}

function shown(id: string, { jwk, created, settings }: Key): Answer {
  const { enabled = true, exp, nbf, operations = ['sign', 'verify'] } = settings
  if (!enabled)
    return fault(403, 'Forbidden', 'Operation get is not allowed on a disabled key.', 'KeyDisabled')
  return json(200, {
    key: { kid: id, kty: 'EC', key_ops: operations, crv: jwk.crv, x: jwk.x, y: jwk.y },
    attributes: { enabled, exp, nbf, created, updated: created, recoveryLevel: 'Recoverable' },
  })
}

/** Order of P-256 (SEC 2, section 2.4.2). */
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

const numberOf = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`)
const bytesOf = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex')

/** By Fermat: N is prime. */
function inverse(value: bigint): bigint {
  let [result, base, exponent] = [1n, value % N, N - 2n]
  for (; exponent > 0n; exponent >>= 1n) {
    if ((exponent & 1n) === 1n) result = (result * base) % N
    base = (base * base) % N
  }
  return result
}

/** ECDSA of a digest (FIPS 186-5 section 6.4.1): Node signs what it has hashed itself, a vault does not. */
function signDigest(key: KeyObject, digest: Buffer): Buffer {
  const secret = numberOf(Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url'))
  const once = createECDH('prime256v1')
  // an uncompressed point: 04, x, y
  const r = numberOf(once.generateKeys().subarray(1, 33)) % N
  const s = (inverse(numberOf(once.getPrivateKey())) * (numberOf(digest) + r * secret)) % N
  return Buffer.concat([bytesOf(r), bytesOf(s)])
}

export async function startKeyVault(
  certificates: Certificates,
  identities: Pick<ManagedIdentities, 'verify'>,
): Promise<KeyVault> {
  const keys = new Map<string, Key>()
  const state = { lies: false }
  const journal = createJournal()
  const part = await createPart({
    name: 'key-vault',
    journal,
    host: '127.0.0.1',
    port: 0,
    publicHost: VAULT_HOST,
    tls: certificates,
    bodies: 'read',
  })

  part.serve(async (call: Call) => {
    const bearer = /^Bearer ([^\s]+)$/i.exec(call.headers.authorization ?? '')?.[1]
    if (bearer === undefined || (await identities.verify(bearer, [RESOURCE])) === null)
      return challenge()
    if (!VERSION.test(call.params.get('api-version') ?? ''))
      return fault(400, 'BadParameter', 'api-version is not supported.')
    const [, name = '', version = '', signs] = ROUTE.exec(call.path) ?? []
    const id = `${part.url}/keys/${name}/${version}`
    const key = keys.get(id)
    if (key === undefined) return fault(404, 'KeyNotFound', 'A key with that name was not found.')
    if (signs === undefined) return shown(id, key)
    const { alg, value } = JSON.parse((await call.body()).content?.toString() ?? '{}') as {
      alg?: string
      value?: string
    }
    const digest = Buffer.from(value ?? '', 'base64url')
    if (alg !== 'ES256' || digest.byteLength !== 32)
      return fault(400, 'BadParameter', 'alg and value do not fit this key.')
    const signature = signDigest(key.privateKey, state.lies ? randomBytes(32) : digest)
    return refusal(key) ?? json(200, { kid: id, value: signature.toString('base64url') })
  })

  return {
    part,
    create(name, { curve = 'P-256', ...settings } = {}) {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve })
      const id = `${part.url}/keys/${name}/${randomBytes(16).toString('hex')}`
      const created = Math.floor(Date.now() / 1_000)
      keys.set(id, { privateKey, jwk: publicKey.export({ format: 'jwk' }), created, settings })
      return id
    },
    change(id, settings) {
      const key = keys.get(id)
      if (key === undefined) throw new TypeError(`the vault has no key ${id}`)
      key.settings = { ...key.settings, ...settings }
    },
    lie: () => void (state.lies = true),
    requests: () => journal.entries(),
    close: () => part.close(),
  }
}
