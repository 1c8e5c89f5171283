/**
 * How oidc-provider is set up to be an issuer of the lab.
 * @module
 */
import type {
  Account,
  AdapterFactory,
  ClientMetadata,
  Configuration,
  ResourceServerInstance,
} from 'oidc-provider'
import { PERSONAS, type Persona } from '../../personas.ts'
import type { Claims, TokenFacts } from './claims.ts'
import type { VerifyFederated } from './console-client.ts'
import type { IssuerKey } from './signing-keys.ts'
import type { RefreshedForStorage } from './refreshed-for-storage.ts'
import { patched, patchOf, subjectOf } from './subject.ts'

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
  /** As Entra ID, which gives tokens for other resources for a refresh token. */
  readonly refreshesForStorage?: true
  /** Whether this issuer takes tokens of managed identities for secrets of applications. */
  readonly verifyFederated?: VerifyFederated
}

/** What a new signing key does not change. */
interface Kept {
  readonly storage: RefreshedForStorage
  readonly adapter: AdapterFactory
  readonly cookieKey: string
}

/** The API that tokens of this issuer are for. */
export function resourceServer(
  options: IssuerOptions,
  format: 'jwt' | 'opaque',
): ResourceServerInstance {
  return {
    identifier: () => options.resource,
    audience: options.audience,
    scope: options.scopes.join(' '),
    scopes: new Set(options.scopes),
    accessTokenFormat: format,
    accessTokenTTL: TTL_SECONDS,
    ...(format === 'jwt' ? { jwt: { sign: { alg: 'RS256' as const } } } : {}),
  }
}

/** What ID tokens say of a person, by the scope that is asked for: Azure's clients keep the account by it. */
const OF_ID_TOKENS = {
  openid: ['sub', 'oid', 'tid', 'ver'],
  profile: ['name', 'preferred_username'],
  email: ['email'],
}

const NAMES = Object.values(OF_ID_TOKENS).flat()

function accountOf(options: IssuerOptions, issuer: string, id: string): Account {
  const persona = PERSONAS.get(id)
  const facts = { issuer, iat: 0, exp: 0, client: '', scope: undefined }
  const claims = persona === undefined ? {} : options.claims(persona, facts)
  const told = Object.fromEntries(NAMES.map((name) => [name, claims[name]]))
  return { accountId: id, claims: () => ({ ...told, sub: id }) }
}

export function configurationOf(
  options: IssuerOptions,
  url: string,
  keys: readonly IssuerKey[],
  kept: Kept,
): Configuration {
  return {
    adapter: kept.adapter,
    jwks: { keys: keys.map((key) => key.jwk) },
    clients: [...options.clients],
    scopes: SCOPES.concat(options.scopes),
    cookies: { keys: [kept.cookieKey] },
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
        getResourceServerInfo: () => resourceServer(options, 'jwt'),
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
    claims: OF_ID_TOKENS,
    // as Entra ID, whose clients do not ask for claims elsewhere
    conformIdTokenClaims: false,
    findAccount: (_ctx, id) => accountOf(options, url, id),
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
          const other = { ...kept.storage.claims(ctx.req), ...patchOf(ctx, 'claims') }
          parts.payload = patched(claims, other)
          // undefined, and not left out, keeps oidc-provider from adding its own `typ`
          const header = Object.entries({ ...options.header, ...patchOf(ctx, 'header') })
          parts.header = Object.fromEntries(header.map(([k, v]) => [k, v ?? undefined]))
        },
      },
    },
  }
}
