/**
 * The issuer's side of signing in, through openid-client: device code, browser, refresh, revocation.
 * @module
 */
import * as client from 'openid-client'
import { PROFILES } from '../../identity/issuers/profiles/profiles.ts'
import { isLoopback, isSafeUrl } from '../../lib/http.ts'
import type { ProfileName } from '../../vocabulary/profiles.ts'
import { isPlain, Problem } from '../problem.ts'
import { awaitRedirect } from './loopback.ts'
import type { Fetch } from './network.ts'

/** A public client at an issuer. */
export interface Registration {
  readonly issuer: string
  readonly profile: ProfileName
  readonly clientId: string
  readonly scopes: readonly string[]
}

/** The result of signing in; times in milliseconds since the epoch. */
export interface Tokens {
  readonly accessToken: string
  readonly expiresAt: number
  readonly refreshToken: string | null
  /** A name to show; null if the issuer tells none. */
  readonly who: string | null
}

/** What a flow needs of its surroundings. */
export interface Around {
  readonly fetch: Fetch
  readonly now: () => number
  readonly signal: AbortSignal
  /** Shown to the person who signs in. */
  readonly say: (line: string) => void
}

export interface BrowserAround extends Around {
  /** 0 picks a free port. */
  readonly port: number
  readonly open: (url: string) => void
}

const TIMEOUT_SECONDS = 10

/** Finds the issuer's endpoints; every one that may be called must be https, or http on this machine. */
async function connect(at: Registration, fetch: Fetch): Promise<client.Configuration> {
  const server = new URL(at.issuer)
  const local = server.protocol === 'http:' && isLoopback(server.hostname)
  const config = await translate(at, () =>
    client.discovery(server, at.clientId, undefined, client.None(), {
      timeout: TIMEOUT_SECONDS,
      [client.customFetch]: (url, { body, ...init }) =>
        fetch(url, body instanceof URLSearchParams ? { ...init, body: body.toString() } : init),
      ...(local ? { execute: [client.allowInsecureRequests] } : {}),
    }),
  )
  return config
}

/** RFC 8628: the person signs in on any device, with a short code. @throws Problem */
export async function signInByDevice(at: Registration, around: Around): Promise<Tokens> {
  const config = await connect(at, around.fetch)
  if (config.serverMetadata().device_authorization_endpoint === undefined)
    throw new Problem('the issuer offers no device code flow', 'sign in with --flow browser')
  const started = await translate(at, () =>
    client.initiateDeviceAuthorization(config, { scope: scopeOf(at) }),
  )
  const { verification_uri: uri, user_code: code } = started
  const complete = started.verification_uri_complete
  if (!isSafeUrl(uri) || !isPlain(uri + code))
    throw new Problem('the issuer’s device code answer is not sound', 'sign in with --flow browser')
  around.say(`To sign in, open ${uri} in a browser and enter the code ${code}`)
  if (complete !== undefined && isSafeUrl(complete) && isPlain(complete))
    around.say(`or open ${complete}`)
  const answer = await translate(at, () =>
    client.pollDeviceAuthorizationGrant(config, started, undefined, { signal: around.signal }),
  )
  return tokensOf(answer, around.now(), null)
}

/** Authorization code with PKCE, back to a loopback port (RFC 8252 section 7.3). @throws Problem */
export async function signInByBrowser(at: Registration, around: BrowserAround): Promise<Tokens> {
  const config = await connect(at, around.fetch)
  const verifier = client.randomPKCECodeVerifier()
  const [state, nonce] = [client.randomState(), client.randomNonce()]
  const { loopbackHost: host, prompt } = PROFILES[at.profile].signIn
  const back = await awaitRedirect({ host, port: around.port, state, signal: around.signal })
  try {
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: back.redirectUri,
      scope: scopeOf(at),
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
      ...(prompt === null ? {} : { prompt }),
    })
    around.say(`To sign in, open ${url.href}`)
    around.open(url.href)
    const landed = await back.landed
    const answer = await translate(at, () =>
      client.authorizationCodeGrant(config, landed, {
        pkceCodeVerifier: verifier,
        expectedState: state,
        expectedNonce: nonce,
        idTokenExpected: true,
      }),
    )
    return tokensOf(answer, around.now(), null)
  } finally {
    back.close()
  }
}

/** New tokens for a refresh token; an issuer that rotates gives a new one of those, too. @throws Problem */
export async function refresh(
  at: Registration,
  refreshToken: string,
  around: Pick<Around, 'fetch' | 'now'>,
): Promise<Tokens> {
  const config = await connect(at, around.fetch)
  const scope = PROFILES[at.profile].signIn.refreshScope(at.scopes)
  const parameters = scope === null ? {} : { scope }
  const answer = await translate(at, () =>
    client.refreshTokenGrant(config, refreshToken, parameters),
  )
  return tokensOf(answer, around.now(), refreshToken)
}

/** Whether the issuer could be told: Entra has no revocation endpoint. @throws Problem */
export async function revoke(
  at: Registration,
  tokens: Pick<Tokens, 'accessToken' | 'refreshToken'>,
  fetch: Fetch,
): Promise<boolean> {
  const config = await connect(at, fetch)
  if (config.serverMetadata().revocation_endpoint === undefined) return false
  const { refreshToken, accessToken } = tokens
  if (refreshToken !== null) {
    await translate(at, () =>
      client.tokenRevocation(config, refreshToken, { token_type_hint: 'refresh_token' }),
    )
  }
  // RFC 7009 section 2.2.1: a server may not know how to revoke access tokens, and these end by themselves
  await client
    .tokenRevocation(config, accessToken, { token_type_hint: 'access_token' })
    .catch(() => undefined)
  return true
}

function scopeOf({ scopes }: Registration): string {
  return ['openid', 'offline_access', ...scopes].join(' ')
}

function tokensOf(
  answer: Awaited<ReturnType<typeof client.refreshTokenGrant>>,
  now: number,
  before: string | null,
): Tokens {
  const seconds = answer.expiresIn() ?? 300
  const claims = answer.claims()
  const who = claims?.['preferred_username'] ?? claims?.['email'] ?? claims?.['name'] ?? claims?.sub
  return {
    accessToken: answer.access_token,
    expiresAt: now + seconds * 1000,
    refreshToken: answer.refresh_token ?? before,
    who: typeof who === 'string' && isPlain(who) ? who : null,
  }
}

/** Errors of the issuer in words for the person who signs in; what it says about itself is shown if it is plain. */
async function translate<T>(at: Registration, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof Problem) throw error
    const inner = error instanceof Error ? error.cause : undefined
    if (inner instanceof Problem) throw inner
    throw problemOf(at, error)
  }
}

function problemOf(at: Registration, error: unknown): Problem {
  const answered =
    error instanceof client.ResponseBodyError || error instanceof client.AuthorizationResponseError
  const code = answered ? error.error : ''
  // Entra ends the sentence for people with a line break, and ids for its operators follow
  const [detail = ''] = answered ? (error.error_description ?? '').split(/[\r\n]/) : []
  const said = isPlain(code + detail) ? [code, detail].filter((one) => one !== '').join(': ') : ''
  if (code === 'invalid_grant')
    return new Problem(
      `the sign-in is over (${said})`,
      'sign in again: azureml-harness login',
      error,
    )
  if (code === 'access_denied')
    return new Problem('the sign-in was refused or cancelled', 'try again, or ask who may', error)
  if (code === 'expired_token')
    return new Problem('the code was not entered in time', 'run login again', error)
  if (answered)
    return new Problem(
      `the issuer refused: ${said === '' ? 'no reason given' : said}`,
      `check client "${at.clientId}" at ${at.issuer}: public client, this flow, redirect URI and scopes`,
      error,
    )
  const message = error instanceof Error && isPlain(error.message) ? error.message : 'failed'
  return new Problem(
    `${at.issuer} does not answer as an OpenID provider (${message})`,
    'check the issuer, then try again',
    error,
  )
}
