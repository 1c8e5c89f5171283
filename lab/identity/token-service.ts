/**
 * Entra ID's token endpoint as the gateway's own identities use it: workload identity, and on behalf of a caller
 * with a managed identity in place of a secret.
 *
 * https://learn.microsoft.com/entra/workload-id/workload-identity-federation
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow
 * @module
 */
import { generateKeyPair, randomUUID, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { decodeJwt, jwtVerify, SignJWT } from 'jose'
import type { ManagedIdentities } from './managed-identity.ts'
import { json, type Answer, type Call, type Handler } from '../server/call.ts'
import { IDENTITIES, ON_BEHALF_OF_CLIENT, TENANT } from '../personas.ts'

const EXCHANGE = 'api://AzureADTokenExchange'
const SUBJECT = 'system:serviceaccount:azureml-harness:gateway'
const CLUSTER = 'https://cluster.lab.example'
const LIFETIME_SECONDS = 3600

export interface TokenServiceOptions {
  readonly origin: string
  readonly identities: ManagedIdentities
  /** Claims of a token that Entra ID issued to a caller of the gateway; null if it did not. */
  readonly verifyCaller: (token: string) => Promise<Readonly<Record<string, unknown>> | null>
}

export interface TokenService {
  readonly handler: Handler
  /** The service account's token that a Kubernetes cluster projects into a pod. */
  workloadToken(lifetimeSeconds?: number): Promise<string>
}

class Declined extends Error {
  readonly answer: Answer
  constructor(error: string, code: number, text: string) {
    super(text)
    const description = `AADSTS${code}: ${text}`
    const timestamp = new Date().toISOString()
    const ids = {
      timestamp,
      trace_id: randomUUID(),
      correlation_id: randomUUID(),
      error_codes: [code],
    }
    this.answer = json(400, { error, error_description: description, ...ids })
  }
}

function resourceOf(scope: string | null): string {
  const found = scope?.split(' ').find((one) => one.endsWith('/.default'))
  if (found === undefined) throw new Declined('invalid_scope', 70011, 'The scope is not valid.')
  return found.slice(0, -'/.default'.length)
}

const APPLICATION_UNKNOWN = [
  'unauthorized_client',
  700016,
  'The application was not found.',
] as const
const NOT_FEDERATED = [
  'invalid_client',
  700211,
  'No matching federated identity record found.',
] as const

/** Workload identity: the assertion of a Kubernetes cluster becomes a token of the identity that it federates with. */
async function workload(
  form: URLSearchParams,
  identities: ManagedIdentities,
  cluster: KeyObject,
): Promise<string> {
  const identity = IDENTITIES.find((one) => one.clientId === form.get('client_id'))
  if (identity === undefined) throw new Declined(...APPLICATION_UNKNOWN)
  try {
    await jwtVerify(form.get('client_assertion') ?? '', cluster, {
      issuer: CLUSTER,
      subject: SUBJECT,
      audience: EXCHANGE,
    })
  } catch {
    throw new Declined(...NOT_FEDERATED)
  }
  const resource = resourceOf(form.get('scope'))
  return identities.mint(identity, resource, { lifetimeSeconds: LIFETIME_SECONDS })
}

/** On behalf of: a caller's token and a managed identity's assertion become a token in the caller's name. */
async function onBehalfOf(form: URLSearchParams, options: TokenServiceOptions): Promise<string> {
  if (form.get('client_id') !== ON_BEHALF_OF_CLIENT) throw new Declined(...APPLICATION_UNKNOWN)
  const assertion = form.get('client_assertion') ?? ''
  const federated = await options.identities.verify(assertion, [EXCHANGE])
  if (federated === null) throw new Declined(...NOT_FEDERATED)
  const caller = await options.verifyCaller(form.get('assertion') ?? '')
  if (caller === null) throw new Declined('invalid_grant', 50013, 'Assertion failed validation.')
  if (caller['idtyp'] === 'app')
    throw new Declined('invalid_grant', 50027, 'App-only tokens cannot be exchanged.')
  const person = {
    name: 'on-behalf-of',
    clientId: ON_BEHALF_OF_CLIENT,
    oid: String(caller['oid']),
    may: 'write' as const,
  }
  const claims = { idtyp: 'user', scp: 'user_impersonation', xms_mirid: null }
  const resource = resourceOf(form.get('scope'))
  return options.identities.mint(person, resource, { lifetimeSeconds: LIFETIME_SECONDS, claims })
}

export async function createTokenService(options: TokenServiceOptions): Promise<TokenService> {
  const { origin, identities } = options
  const cluster = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  const base = `${origin}/${TENANT}`

  async function token(call: Call): Promise<Answer> {
    const form = new URLSearchParams((await call.body()).content?.toString('utf8') ?? '')
    const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
    try {
      if (form.get('client_assertion_type') !== type)
        throw new Declined('invalid_client', 7000218, 'The request needs a client_assertion.')
      const isExchange = form.get('requested_token_use') === 'on_behalf_of'
      const accessToken = await (isExchange
        ? onBehalfOf(form, options)
        : workload(form, identities, cluster.publicKey))
      const seconds = (decodeJwt(accessToken).exp ?? 0) - Math.floor(Date.now() / 1000)
      return json(200, {
        token_type: 'Bearer',
        expires_in: seconds,
        ext_expires_in: seconds,
        scope: form.get('scope'),
        access_token: accessToken,
      })
    } catch (error) {
      if (error instanceof Declined) return error.answer
      throw error
    }
  }

  async function handler(call: Call): Promise<Answer> {
    const { path } = call
    if (path === `/${TENANT}/oauth2/v2.0/token` && call.method === 'POST') return token(call)
    if (path === `/${TENANT}/v2.0/.well-known/openid-configuration`) {
      return json(200, {
        issuer: `${base}/v2.0`,
        authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
        token_endpoint: `${base}/oauth2/v2.0/token`,
        jwks_uri: `${base}/discovery/v2.0/keys`,
      })
    }
    return json(404, { error: 'invalid_tenant' })
  }

  return {
    handler,
    workloadToken: (lifetimeSeconds = 86_400) =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'RS256', kid: 'lab-cluster' })
        .setIssuer(CLUSTER)
        .setSubject(SUBJECT)
        .setAudience(EXCHANGE)
        .setIssuedAt()
        .setExpirationTime(Math.floor(Date.now() / 1000) + lifetimeSeconds)
        .sign(cluster.privateKey),
  }
}
