/**
 * Signing in at one of the configured issuers, with a browser: authorization code with PKCE, state and nonce.
 *
 * The issuer's access token is looked at by the same code as a caller's, and then forgotten.
 * @module
 */
import { createPrivateKey, type webcrypto } from 'node:crypto'
import * as client from 'openid-client'
import { LRUCache } from 'lru-cache'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { IssuerConfig, SecretSource } from '../config/schema/schema.ts'
import { Refusal } from '../errors.ts'
import { issuerUrl } from '../identity/discovery.ts'
import type { Principal } from '../identity/principal.ts'
import { isLoopback, isSafeUrl } from '../lib/http.ts'
import { createSingleFlight } from '../lib/single-flight.ts'
import { cookie, cookieIn, MAX_COOKIE_VALUE, SIGN_IN_COOKIE } from './cookies.ts'
import { CALLBACK, HOME, isPagePath } from './paths.ts'
import type { Seals } from './sealed.ts'

/** For one sign-in, from its beginning to its end. */
const SIGN_IN_SECONDS = 600
/** Of one browser at a time: one a tab. */
const MAX_PENDING = 4
/** For how long an issuer's endpoints are remembered. */
const DISCOVERED_MS = 600_000
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

type ConsoleConfig = NonNullable<IssuerConfig['console']>
type Issuer = IssuerConfig & { readonly console: ConsoleConfig }

export interface SignInOptions {
  readonly issuers: readonly IssuerConfig[]
  readonly publicUrl: string
  readonly seals: Pick<Seals, 'seal' | 'open'>
  readonly secrets: (source: SecretSource) => string
  /** What a managed identity's token is for where it stands for an application's secret. */
  readonly exchangeScope: string
  /** A token of one of the gateway's own identities. */
  readonly tokenOf: (identity: string, scope: string) => Promise<string>
  /** The stage that looks at callers' tokens. @throws Refusal */
  readonly identify: (accessToken: string) => Promise<Principal>
  /** For one call to an issuer. */
  readonly timeoutMs: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** Where to send a browser, and the cookies to give it. */
export interface Sent {
  readonly location: string
  readonly cookies: readonly string[]
}

export interface SignIn {
  /** Names of the issuers at which people sign in. */
  readonly issuers: readonly string[]
  /**
   * @param to the page to come back to
   * @param again also if the issuer still knows the person
   * @throws Refusal `not_found` for an issuer that is none, `idp_unavailable`
   */
  readonly begin: (
    issuer: string,
    to: string,
    again: boolean,
    cookieHeader: string | undefined,
  ) => Promise<Sent>
  /**
   * What the issuer sent a browser back with.
   * @throws Refusal `sign_in_failed`, `idp_unavailable`, and those of tokens
   */
  readonly finish: (
    target: string,
    cookieHeader: string | undefined,
  ) => Promise<{ readonly principal: Principal; readonly to: string; readonly cookie: string }>
  /** Where a person signs out at the issuer, too; null if it has no such page, or does not answer. */
  readonly signOutAt: (issuer: string) => Promise<string | null>
}

const Pending = Type.Object(
  {
    issuer: Type.String(),
    state: Type.String(),
    nonce: Type.String(),
    verifier: Type.String(),
    to: Type.String(),
    /** Seconds since the epoch. */
    ends: Type.Number(),
  },
  { additionalProperties: false },
)

export function createSignIn(options: SignInOptions): SignIn {
  const { publicUrl, seals, now } = options
  const issuers = new Map(
    options.issuers.flatMap((one) => (isWithConsole(one) ? [[one.name, one] as const] : [])),
  )
  const metadataOf = createDiscovery(options)
  const redirectUri = `${publicUrl}${CALLBACK}`

  return {
    issuers: [...issuers.keys()],

    async begin(name, to, again, cookieHeader) {
      const issuer = issuers.get(name)
      if (issuer === undefined) throw new Refusal('not_found', 'nobody signs in at such an issuer')
      const verifier = client.randomPKCECodeVerifier()
      const [state, nonce] = [client.randomState(), client.randomNonce()]
      const config = new client.Configuration(await metadataOf(issuer), issuer.console.clientId)
      const url = client.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: ['openid', ...issuer.console.scopes].join(' '),
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
        ...(again ? { prompt: 'login' } : {}),
      })
      const ends = Math.floor(now() / 1_000) + SIGN_IN_SECONDS
      const pending = { issuer: name, state, nonce, verifier, to: isPagePath(to) ? to : HOME, ends }
      const value = await sealedOf(seals, pending)
      return {
        location: url.href,
        cookies: [
          ...leftOver(cookieHeader).map((one) => cookie(one, '', 0)),
          cookie(cookieOf(state), value, SIGN_IN_SECONDS),
        ],
      }
    },

    async finish(target, cookieHeader) {
      const url = new URL(target, publicUrl)
      const name = cookieOf(url.searchParams.get('state') ?? '')
      const value = cookieIn(cookieHeader, name)
      const pending = value === null ? undefined : await seals.open('sign-in', value)
      if (!Value.Check(Pending, pending) || pending.ends <= now() / 1_000)
        throw failed('this browser has not begun this sign-in, or it took longer than ten minutes')
      const issuer = issuers.get(pending.issuer)
      if (issuer === undefined) throw failed('nobody signs in at this issuer any more')
      const accessToken = await exchange(options, await metadataOf(issuer), issuer, url, pending)
      const principal = await options.identify(accessToken)
      if (principal.issuer !== issuer.name) throw failed('the token is from another issuer')
      return { principal, to: pending.to, cookie: cookie(name, '', 0) }
    },

    async signOutAt(name) {
      const issuer = issuers.get(name)
      if (issuer === undefined) return null
      const metadata = await metadataOf(issuer).catch(() => null)
      const url = metadata?.end_session_endpoint
      return url !== undefined && isSafeUrl(url) ? url : null
    },
  }
}

function isWithConsole(issuer: IssuerConfig): issuer is Issuer {
  return issuer.console !== undefined
}

/** One a tab, named by its state: base64url of 32 bytes. */
function cookieOf(state: string): string {
  const [start = 'none'] = /^[\w-]{12}/u.exec(state) ?? []
  return `${SIGN_IN_COOKIE}-${start}`
}

/** Sign-ins that were begun and never ended, once there are too many of them. */
function leftOver(header: string | undefined): readonly string[] {
  const names = (header ?? '')
    .split(';')
    .map((one) => one.trim().split('=')[0] ?? '')
    .filter((name) => name.startsWith(`${SIGN_IN_COOKIE}-`) && /^[\w-]{1,64}$/u.test(name))
  return names.length < MAX_PENDING ? [] : names
}

/** Where the page to come back to is too long for a cookie, it is the first one. */
async function sealedOf(seals: SignInOptions['seals'], pending: object): Promise<string> {
  const value = await seals.seal('sign-in', pending)
  return value.length <= MAX_COOKIE_VALUE ? value : seals.seal('sign-in', { ...pending, to: HOME })
}

function createDiscovery({
  timeoutMs,
}: SignInOptions): (at: Issuer) => Promise<client.ServerMetadata> {
  const known = new LRUCache<string, client.ServerMetadata>({ max: 100, ttl: DISCOVERED_MS })
  const once = createSingleFlight<client.ServerMetadata>()
  return async (at) => {
    const found = known.get(at.name)
    if (found !== undefined) return found
    return once(at.name, async () => {
      const server = new URL(issuerUrl(at.issuer))
      const config = await translated(at, () =>
        client.discovery(server, at.console.clientId, undefined, client.None(), {
          timeout: timeoutMs / 1_000,
          ...(isLocal(server) ? { execute: [client.allowInsecureRequests] } : {}),
        }),
      )
      const metadata = config.serverMetadata()
      known.set(at.name, metadata)
      return metadata
    })
  }
}

function isLocal(server: URL): boolean {
  return server.protocol === 'http:' && isLoopback(server.hostname)
}

/** The access token for a code. */
async function exchange(
  options: SignInOptions,
  metadata: client.ServerMetadata,
  issuer: Issuer,
  url: URL,
  {
    verifier,
    state,
    nonce,
  }: { readonly verifier: string; readonly state: string; readonly nonce: string },
): Promise<string> {
  const authentication = await authenticationOf(options, issuer)
  const config = new client.Configuration(
    metadata,
    issuer.console.clientId,
    undefined,
    authentication,
  )
  config.timeout = options.timeoutMs / 1_000
  if (isLocal(new URL(issuerUrl(issuer.issuer)))) client.allowInsecureRequests(config)
  const answer = await translated(issuer, () =>
    client.authorizationCodeGrant(config, url, {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
      idTokenExpected: true,
    }),
  )
  return answer.access_token
}

/** How the gateway shows the issuer that it is the application that people sign in to. */
async function authenticationOf(
  { secrets, tokenOf, exchangeScope }: SignInOptions,
  { console: { authentication } }: Issuer,
): Promise<client.ClientAuth> {
  if ('secret' in authentication) return client.ClientSecretPost(secrets(authentication.secret))
  if ('privateKey' in authentication) {
    const { privateKey, keyId } = authentication
    const key = signingKey(secrets(privateKey))
    return client.PrivateKeyJwt(keyId === undefined ? key : { key, kid: keyId })
  }
  // RFC 7523 section 2.2, with the token of a managed identity in the place of one that the client signs
  const assertion = await tokenOf(authentication.federatedBy, exchangeScope)
  return (_server, { client_id: id }, body) => {
    body.set('client_id', id)
    body.set('client_assertion_type', ASSERTION_TYPE)
    body.set('client_assertion', assertion)
  }
}

/** @throws Error for a key that signs neither RS256 nor ES256 */
export function signingKey(pem: string): webcrypto.CryptoKey {
  const key = createPrivateKey(pem)
  const { namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa')
    return key.toCryptoKey({ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['sign'])
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1')
    return key.toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
  throw new Error('a private key of the console is neither RSA nor EC P-256')
}

function failed(why: string, cause?: unknown, inner?: string): Refusal {
  return new Refusal('sign_in_failed', `you are not signed in: ${why}`, {
    remedy: 'sign in again',
    ...(cause === undefined ? {} : { cause }),
    ...(inner === undefined ? {} : { inner }),
  })
}

/** Errors of openid-client, without what an issuer says of itself: that goes to the record, if it is a plain word. */
async function translated<T>(at: Issuer, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    const told =
      error instanceof client.ResponseBodyError ||
      error instanceof client.AuthorizationResponseError
    const word = told && /^\w{1,60}$/u.test(error.error) ? error.error : undefined
    if (word === 'access_denied' || word === 'consent_required')
      throw failed('the issuer refused, or you have cancelled', error, word)
    if (told || (error instanceof client.ClientError && isAboutAnswer(error)))
      throw failed(`issuer "${at.name}" did not confirm it`, error, word ?? codeIn(error))
    throw new Refusal('idp_unavailable', `issuer "${at.name}" cannot be asked now`, {
      remedy: 'try again later; who is signed in stays so',
      cause: error,
      inner: codeIn(error),
    })
  }
}

/** openid-client found an answer not to be what was asked for; all else is that there was none. */
function isAboutAnswer({ code }: client.ClientError): boolean {
  return code !== undefined && !['OAUTH_TIMEOUT', 'OAUTH_ABORT', 'OAUTH_RESPONSE_IS_NOT_CONFORM', 'OAUTH_RESPONSE_IS_NOT_JSON', 'OAUTH_HTTP_REQUEST_FORBIDDEN'].includes(code) // prettier-ignore
}

function codeIn(error: unknown): string {
  return error instanceof client.ClientError
    ? (error.code ?? error.name)
    : error instanceof Error
      ? error.name
      : typeof error
}
