/**
 * Managed identities: the App Service endpoint that @azure/identity speaks, and the tokens it gives.
 *
 * The protocol of Azure ML compute (`MSI_ENDPOINT`, header `secret`) is served at `/MSI/auth`.
 * https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
 * @module
 */
import { generateKeyPair, randomUUID, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { jwtVerify, SignJWT, type JWTPayload } from 'jose'
import {
  IDENTITIES,
  ON_BEHALF_OF_CLIENT,
  RESOURCE_GROUP,
  SUBSCRIPTION,
  TENANT,
  type LabIdentity,
} from '../personas.ts'
import { json, type Answer, type Call, type Handler } from '../server/call.ts'

const ISSUER = `https://sts.windows.net/${TENANT}/`
const KID = 'lab-managed-identity'
/** Entra ID gives managed identities tokens for a day. */
const LIFETIME_SECONDS = 86_400
const EARLY_SECONDS = 300

interface MintOptions {
  readonly lifetimeSeconds?: number
  /** Replaces claims; null removes one. */
  readonly claims?: Readonly<Record<string, unknown>>
}

export interface ManagedIdentities {
  /** Value that `IDENTITY_HEADER` (and `MSI_SECRET`) must have. */
  readonly secret: string
  readonly handler: Handler
  readonly routes: Readonly<Record<string, Handler>>
  /** Token requests answered with a token since the start, by `client id resource`. */
  counts(): Readonly<Record<string, number>>
  mint(identity: LabIdentity, resource: string, options?: MintOptions): Promise<string>
  /** The identity that a token was issued to; null if the lab did not issue it for one of these audiences. */
  verify(token: string, audiences: readonly string[]): Promise<LabIdentity | null>
}

export interface ManagedIdentityOptions {
  /** A random GUID if absent. */
  readonly secret?: string
  readonly lifetimeSeconds?: number
  /** A token for the compute identity with this client id; null if there is none. */
  readonly compute: (clientId: string) => Promise<string | null>
}

function resourceIdOf(identity: LabIdentity): string {
  return (
    `/subscriptions/${SUBSCRIPTION}/resourcegroups/${RESOURCE_GROUP}` +
    `/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${identity.name}`
  )
}

function refused(status: number, code: string, message: string): Answer {
  return json(status, { statusCode: status, message, correlationId: randomUUID(), code })
}

/** One of the gateway's identities, or the person in whose name a token was issued (on behalf of). */
function identityOf(payload: JWTPayload): LabIdentity | null {
  const { oid, appid } = payload
  if (payload['idtyp'] === 'user' && appid === ON_BEHALF_OF_CLIENT)
    return { name: 'on-behalf-of', clientId: ON_BEHALF_OF_CLIENT, oid: String(oid), may: 'write' }
  return IDENTITIES.find((one) => one.oid === oid) ?? null
}

function mintWith(key: KeyObject, lifetimeSeconds: number): ManagedIdentities['mint'] {
  return async (identity, resource, options = {}) => {
    const now = Math.floor(Date.now() / 1000)
    const claims: Record<string, unknown> = {
      aud: resource,
      iss: ISSUER,
      iat: now - EARLY_SECONDS,
      nbf: now - EARLY_SECONDS,
      exp: now + (options.lifetimeSeconds ?? lifetimeSeconds),
      appid: identity.clientId,
      appidacr: '2',
      idp: ISSUER,
      idtyp: 'app',
      oid: identity.oid,
      sub: identity.oid,
      tid: TENANT,
      uti: randomUUID().replaceAll('-', '').slice(0, 22),
      ver: '1.0',
      xms_mirid: resourceIdOf(identity),
      ...options.claims,
    }
    const kept = Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== null))
    return new SignJWT(kept).setProtectedHeader({ typ: 'JWT', alg: 'RS256', kid: KID }).sign(key)
  }
}

/** Signatures are verified once a token: the lab is asked with the same tokens over and over. */
function verifyWith(key: KeyObject): ManagedIdentities['verify'] {
  const verified = new Map<
    string,
    { readonly identity: LabIdentity; readonly payload: JWTPayload }
  >()
  return async (token, audiences) => {
    let known = verified.get(token)
    if (known === undefined) {
      try {
        const { payload } = await jwtVerify(token, key, { issuer: ISSUER, algorithms: ['RS256'] })
        const identity = identityOf(payload)
        if (identity === null) return null
        known = { identity, payload }
        if (verified.size > 1000) verified.clear()
        verified.set(token, known)
      } catch {
        return null
      }
    }
    const { aud, exp } = known.payload
    if (exp === undefined || exp * 1000 < Date.now()) return null
    return typeof aud === 'string' && audiences.includes(aud.replace(/\/+$/, ''))
      ? known.identity
      : null
  }
}

/** What is wrong with a call to either endpoint; null if nothing is. */
function faultOf(call: Call, isCompute: boolean, secret: string): Answer | null {
  if (!isCompute && call.path !== '/msi/token') return refused(404, 'NotFound', 'no such endpoint')
  if (call.method !== 'GET') return refused(405, 'MethodNotAllowed', 'only GET')
  const given = call.headers[isCompute ? 'secret' : 'x-identity-header']
  if (given !== secret) return refused(401, 'Unauthorized', 'the identity header is wrong')
  const version = isCompute ? '2017-09-01' : '2019-08-01'
  if (call.params.get('api-version') !== version)
    return refused(400, 'UnsupportedApiVersion', `api-version must be ${version}`)
  return (call.params.get('resource') ?? '') === ''
    ? refused(400, 'InvalidResource', 'resource is missing')
    : null
}

export async function createManagedIdentities(
  options: ManagedIdentityOptions,
): Promise<ManagedIdentities> {
  const keys = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  const secret = options.secret ?? randomUUID()
  const lifetimeSeconds = options.lifetimeSeconds ?? LIFETIME_SECONDS
  const mint = mintWith(keys.privateKey, lifetimeSeconds)
  const counts = new Map<string, number>()
  let patch: Record<string, unknown> = {}

  async function answer(identity: LabIdentity, resource: string): Promise<Answer> {
    const token = await mint(identity, resource, { claims: patch })
    const key = `${identity.clientId} ${resource}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
    return json(200, {
      access_token: token,
      client_id: identity.clientId,
      expires_on: String(Math.floor(Date.now() / 1000) + lifetimeSeconds),
      not_before: String(Math.floor(Date.now() / 1000) - EARLY_SECONDS),
      resource,
      token_type: 'Bearer',
    })
  }

  async function answerCompute(clientId: string, resource: string): Promise<Answer> {
    const token = await options.compute(clientId)
    if (token === null) return refused(400, 'IdentityNotFound', `no identity ${clientId}`)
    return json(200, {
      access_token: token,
      client_id: clientId,
      expires_on: String(Math.floor(Date.now() / 1000) + 3600),
      resource,
      token_type: 'Bearer',
    })
  }

  async function handler(call: Call): Promise<Answer> {
    const isCompute = call.path === '/MSI/auth'
    const fault = faultOf(call, isCompute, secret)
    if (fault !== null) return fault
    const resource = call.params.get('resource') ?? ''
    if (isCompute) return answerCompute(call.params.get('clientid') ?? '', resource)
    const clientId = call.params.get('client_id')
    const objectId = call.params.get('object_id') ?? call.params.get('principal_id')
    const found = IDENTITIES.find((one) => one.clientId === clientId || one.oid === objectId)
    if (found !== undefined) return answer(found, resource)
    // what App Service says if an identity is not assigned to the app, or if none is named and there are several
    const message = 'No User Assigned or Delegated Managed Identity found'
    return refused(400, 'IdentityNotFound', message)
  }

  return {
    secret,
    handler,
    routes: {
      counts: (call) => {
        if (call.method === 'DELETE') counts.clear()
        return json(200, Object.fromEntries(counts))
      },
      // claims of all further tokens, for tests of a wrong audience or identity; {} undoes it
      claims: async (call) => {
        const text = (await call.body()).content?.toString('utf8') ?? ''
        patch = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
        return { status: 204 }
      },
    },
    counts: () => Object.fromEntries(counts),
    mint,
    verify: verifyWith(keys.publicKey),
  }
}
