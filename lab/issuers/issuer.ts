/**
 * An OpenID provider (oidc-provider) that issues tokens in the shape of Entra ID or Okta.
 *
 * Discovery, keys, token endpoint, code and device flow, introspection and revocation are
 * oidc-provider's own. Two things are the lab's: the claims, and a grant by which a test or a
 * person at a keyboard becomes one of the personas without a browser.
 * @module
 */
import { generateKeyPair, randomUUID, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { Provider } from 'oidc-provider'
import type {
  AccessToken,
  ClientCredentials,
  ClientMetadata,
  Configuration,
  JWK,
  KoaContextWithOIDC,
  ResourceServerInstance,
} from 'oidc-provider'
import { PERSONAS, type Persona } from '../personas.ts'
import { json, type Call, type Handler } from '../part.ts'
import { createAdapterFactory } from './adapter.ts'
import { createStructuredTokens, describe } from './structured.ts'
import { clientOf, type Claims, type TokenFacts } from './claims.ts'

/** The lab's own grant: `persona`, and what to change in its token. */
export const PERSONA_GRANT = 'urn:azureml-harness:lab:persona'
const TTL_SECONDS = 3600
const SCOPES = ['openid', 'offline_access', 'profile', 'email', 'groups']

export interface IssuerOptions {
  /** Origin of the part that serves it. */
  readonly origin: string
  /** Path of the issuer, e.g. `/<tenant>/v2.0`. */
  readonly mount: string
  readonly personas: readonly Persona['kind'][]
  readonly audience: string
  readonly resource: string
  readonly scopes: readonly string[]
  readonly claims: (persona: Persona, facts: TokenFacts) => Claims
  /** Header of access tokens besides `alg` and `kid`. */
  readonly header: Readonly<Record<string, unknown>>
  readonly clients: readonly ClientMetadata[]
}

export interface Issuer {
  readonly url: string
  readonly handler: Handler
  readonly routes: Readonly<Record<string, Handler>>
  /** The key that signs now, for tests that forge tokens. */
  signing(): { readonly kid: string; readonly privateKey: KeyObject }
  /** Claims of an access token that one of its keys signed; null otherwise. */
  verify(token: string): Promise<Claims | null>
  /** A new signing key; the old ones stay published if `keep`. */
  rotate(keep: boolean): Promise<void>
}

function personaOf(name: unknown): Persona {
  const persona = typeof name === 'string' ? PERSONAS.get(name) : undefined
  if (persona === undefined) throw new TypeError(`no persona "${String(name)}" in the lab`)
  return persona
}

/** The persona behind a token: named by the lab's grant, by the login, or by the client itself. */
function subjectOf(ctx: KoaContextWithOIDC, token: AccessToken | ClientCredentials): Persona {
  const named = ctx.oidc.params?.['persona']
  if (named !== undefined) return personaOf(named)
  if (token.kind === 'AccessToken') return personaOf(token.accountId)
  for (const persona of PERSONAS.values()) {
    if (clientOf(persona) === token.clientId) return persona
  }
  throw new TypeError(`no persona of the lab has the client id ${token.clientId}`)
}

function patchOf(ctx: KoaContextWithOIDC, name: string): Claims {
  const text = ctx.oidc.params?.[name]
  return typeof text === 'string' ? (JSON.parse(text) as Claims) : {}
}

function patched(value: Claims, patch: Claims): Claims {
  const entries = Object.entries({ ...value, ...patch })
  return Object.fromEntries(entries.filter(([, one]) => one !== null))
}

async function generateKey(): Promise<{ kid: string; privateKey: KeyObject; jwk: JWK }> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  const kid = randomUUID()
  const jwk: JWK = { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }
  return { kid, privateKey, jwk }
}

export async function createIssuer(options: IssuerOptions): Promise<Issuer> {
  const url = `${options.origin}${options.mount}`
  const cookieKeys = [randomUUID()]
  const adapter = createAdapterFactory()
  const structured = createStructuredTokens(() => keys)
  let keys = [await generateKey()]

  const resourceServer = (format: 'jwt' | 'opaque'): ResourceServerInstance => ({
    identifier: () => options.resource,
    audience: options.audience,
    scope: options.scopes.join(' '),
    scopes: new Set(options.scopes),
    accessTokenFormat: format,
    accessTokenTTL: TTL_SECONDS,
    ...(format === 'jwt' ? { jwt: { sign: { alg: 'RS256' as const } } } : {}),
  })

  const configuration = (): Configuration => ({
    adapter,
    jwks: { keys: keys.map((key) => key.jwk) },
    clients: [...options.clients],
    scopes: SCOPES.concat(options.scopes),
    cookies: { keys: cookieKeys },
    // Entra ID and Okta give refresh tokens without being asked for consent each time, and past the browser's session
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: () => false,
    pkce: { required: (_ctx, client) => client.clientAuthMethod === 'none' },
    ttl: {
      AccessToken: TTL_SECONDS,
      ClientCredentials: TTL_SECONDS,
      AuthorizationCode: 60,
      DeviceCode: 600,
      Grant: 86_400,
      IdToken: TTL_SECONDS,
      Interaction: 600,
      Session: 86_400,
      RefreshToken: 86_400,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => options.resource,
        useGrantedResource: () => true,
        getResourceServerInfo: () => resourceServer('jwt'),
      },
    },
    // what introspection tells of a token that is not a JWT
    extraTokenClaims: (ctx, token) => {
      if (ctx.oidc.params?.['format'] !== 'opaque') return undefined
      const iat = Math.floor(Date.now() / 1000)
      const client = token.clientId ?? ''
      const facts = { issuer: url, iat, exp: iat + TTL_SECONDS, client, scope: token.scope }
      return patched(options.claims(subjectOf(ctx, token), facts), patchOf(ctx, 'claims'))
    },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    // everybody in the lab has consented to everything
    loadExistingGrant: async (ctx) => {
      const { client, session, provider } = ctx.oidc
      if (client === undefined || session?.accountId === undefined) return undefined
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
      grant.addOIDCScope(SCOPES.concat(options.scopes).join(' '))
      grant.addResourceScope(options.resource, options.scopes.join(' '))
      await grant.save()
      return grant
    },
    interactions: { url: (_ctx, { uid }) => `${options.mount}/interaction/${uid}` },
    formats: {
      customizers: {
        jwt: (ctx, token, parts) => {
          const { iat, exp } = parts.payload
          const facts: TokenFacts = {
            issuer: url,
            iat: Number(iat),
            exp: Number(exp),
            client: token.clientId ?? '',
            scope: token.scope,
          }
          const claims = options.claims(subjectOf(ctx, token), facts)
          parts.payload = patched(claims, patchOf(ctx, 'claims'))
          // undefined, and not left out, keeps oidc-provider from adding its own `typ`
          const header = Object.entries({ ...options.header, ...patchOf(ctx, 'header') })
          parts.header = Object.fromEntries(header.map(([k, v]) => [k, v ?? undefined]))
        },
      },
    },
  })

  function build(): Provider {
    const provider = new Provider(url, configuration())
    provider.use(structured)
    provider.registerGrantType<{ persona?: string; format?: string }>(
      PERSONA_GRANT,
      async (ctx) => {
        const { client, params } = ctx.oidc
        const persona = PERSONAS.get(params.persona ?? '')
        if (persona === undefined || !options.personas.includes(persona.kind)) {
          ctx.status = 400
          ctx.body = { error: 'invalid_request', error_description: 'no such persona here' }
          return
        }
        const { AccessToken, Client, Grant } = provider
        const own = (await Client.find(clientOf(persona))) ?? client
        const accountId = params.persona ?? ''
        const isOpaque = params.format === 'opaque'
        // introspection answers only for tokens of a grant that still stands
        const grant = new Grant({ clientId: own.clientId, accountId })
        const token = new AccessToken({
          client: own,
          accountId,
          grantId: isOpaque ? await grant.save() : randomUUID(),
          gty: 'lab',
          scope: options.scopes[0],
          resourceServer: resourceServer(isOpaque ? 'opaque' : 'jwt'),
        })
        ctx.body = {
          access_token: await token.save(),
          token_type: 'Bearer',
          expires_in: token.expiration,
          scope: token.scope,
        }
      },
      ['persona', 'claims', 'header', 'format'],
    )
    return provider
  }

  let provider = build()
  let callback = provider.callback()

  async function interaction(call: Call): Promise<null> {
    const { request, response } = call.raw
    const details = await provider.interactionDetails(request, response)
    if (details.prompt.name === 'consent') {
      // native clients are always asked (RFC 8252 section 8.6); in the lab the answer is yes
      const merge = { mergeWithLastSubmission: true }
      await provider.interactionFinished(request, response, { consent: {} }, merge)
      return null
    }
    const hint = call.params.get('persona') ?? details.params['login_hint']
    if (typeof hint === 'string' && PERSONAS.has(hint)) {
      await provider.interactionFinished(request, response, { login: { accountId: hint } })
      return null
    }
    const links = [...PERSONAS].filter(([, persona]) => options.personas.includes(persona.kind))
    const items = links.map(
      ([name, { about }]) => `<li><a href="?persona=${name}">${name}</a>: ${about}</li>`,
    )
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
    response.end(
      `<!doctype html><title>Lab sign-in</title><h1>Sign in as</h1><ul>${items.join('')}</ul>`,
    )
    return null
  }

  async function handler(call: Call): Promise<null> {
    const { request, response } = call.raw
    const target = request.url ?? ''
    if (call.path.startsWith(`${options.mount}/interaction/`)) {
      await interactionOrError(call)
      return null
    }
    if (!target.startsWith(`${options.mount}/`)) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('no such issuer here\n')
      return null
    }
    // oidc-provider is mounted: it sees the rest of the path and finds its prefix in originalUrl
    Object.assign(request, { originalUrl: target })
    request.url = target.slice(options.mount.length)
    await callback(request, response)
    return null
  }

  async function interactionOrError(call: Call): Promise<void> {
    try {
      await interaction(call)
    } catch (error) {
      const text = error instanceof Error ? error.message : 'sign-in failed'
      call.raw.response.writeHead(400, { 'content-type': 'text/plain' }).end(`${text}\n`)
    }
  }

  async function rotate(keep: boolean): Promise<void> {
    const fresh = await generateKey()
    keys = keep ? [fresh, ...keys] : [fresh]
    provider = build()
    callback = provider.callback()
  }

  return {
    url,
    handler,
    routes: {
      rotate: async (call) => {
        await rotate(call.params.get('keep') !== 'false')
        return json(200, { kids: keys.map((key) => key.kid) })
      },
    },
    signing() {
      const key = keys[0]
      if (key === undefined) throw new Error('an issuer always has a key')
      return { kid: key.kid, privateKey: key.privateKey }
    },
    async verify(token) {
      const claims = await describe(token, keys)
      return claims['active'] === true && claims['iss'] === url ? claims : null
    },
    rotate,
  }
}
