/**
 * Asking an issuer about a token that cannot be verified here (RFC 7662): opaque tokens, Okta organisation servers,
 * and tokens whose revocation must be seen within half a minute. If the issuer does not answer, the token is refused.
 * @module
 */
import * as client from 'openid-client'
import type { IssuerConfig } from '../../config/schema/schema.ts'
import { Refusal } from '../../errors.ts'
import { readString } from '../credential/claims.ts'
import { discover } from '../discovery.ts'
import { createGuard, type Guard } from '../../lib/guard.ts'
import { createNegativeCache } from '../../lib/caches/negative-cache.ts'
import { fetchBounded, isLoopback, nameFailure, type Answer } from '../../lib/http.ts'
import { membersOf, type Members } from '../../lib/strict-json.ts'

/** How long an answer is cached, also a negative one. */
export const ANSWER_MS = 30_000

export interface IntrospectorOptions {
  readonly config: IssuerConfig
  readonly clientSecret: string
  readonly now: () => number
  readonly timeoutMs: number
}

export interface Introspector {
  /**
   * What the issuer says of an active token of its own.
   *
   * @throws Refusal `invalid_token` (not active, or not its own), `idp_unavailable` (it does not answer)
   */
  introspect(token: string, digest: string): Promise<Members>
  counts: Guard['counts']
  /** @throws Error if the issuer's discovery document names another issuer */
  start(): Promise<void>
}

export function createIntrospector({
  config,
  clientSecret,
  now,
  timeoutMs,
}: IntrospectorOptions): Introspector {
  const { name, issuer, introspection } = config
  const inactive = createNegativeCache(ANSWER_MS, now)
  const guard = createGuard({
    now,
    waitMs: timeoutMs,
    refuse: (retryAfter, inner) =>
      new Refusal('idp_unavailable', `issuer "${name}" cannot be asked about tokens now`, {
        retryAfter,
        inner,
      }),
  })
  let server: client.Configuration | null = null

  async function connect(): Promise<client.Configuration | { foreign: boolean; why: string }> {
    if (server !== null) return server
    let endpoint = introspection?.endpoint ?? null
    if (endpoint === null) {
      const discovered = await discover(issuer, AbortSignal.timeout(timeoutMs))
      if (!discovered.ok) return discovered
      endpoint = discovered.metadata.introspectionEndpoint
    }
    if (endpoint === null) return { foreign: false, why: 'no introspection endpoint' }
    server = configure(issuer, endpoint, introspection?.clientId ?? '', clientSecret, timeoutMs)
    return server
  }

  async function ask(token: string): Promise<Answer> {
    const connected = await connect()
    if (!(connected instanceof client.Configuration)) return { ok: false, why: connected.why }
    try {
      const body = await client.tokenIntrospection(connected, token, {
        token_type_hint: 'access_token',
      })
      return { ok: true, status: 200, body, retryAfter: null }
    } catch (error) {
      // Also when it refuses our own credential: our fault must not become "the token is not active"
      return { ok: false, why: nameFailure(error) }
    }
  }

  return {
    async introspect(token, digest) {
      if (inactive.has(digest)) throw notActive()
      const { body } = await guard.run(() => ask(token))
      const answer = membersOf(body)
      if (answer?.get('active') !== true) {
        inactive.add(digest)
        throw notActive()
      }
      if (answer.get('iss') !== issuer) {
        throw new Refusal('invalid_token', 'the token is not of the issuer that was asked about it')
      }
      // A refresh token is active too; only an access token has a type (RFC 7662 section 2.2)
      const type = readString(answer, 'token_type')?.toLowerCase()
      if (type !== 'bearer' && type !== 'dpop') {
        throw new Refusal('invalid_token', 'the token is no access token')
      }
      return answer
    },
    counts: () => guard.counts(),
    async start() {
      const connected = await connect()
      if (!(connected instanceof client.Configuration) && connected.foreign) {
        throw new Error(`issuer "${name}": its discovery document names another issuer`)
      }
    },
  }
}

function configure(
  issuer: string,
  endpoint: string,
  clientId: string,
  secret: string,
  timeoutMs: number,
): client.Configuration {
  const server = new client.Configuration(
    { issuer, introspection_endpoint: endpoint },
    clientId,
    undefined,
    client.ClientSecretBasic(secret),
  )
  server.timeout = timeoutMs / 1_000
  server[client.customFetch] = (url, { body, ...init }) =>
    fetchBounded(url, body === undefined ? init : { ...init, body })
  // The configuration lets http through for this machine alone
  if (isLoopback(new URL(endpoint).hostname)) client.allowInsecureRequests(server)
  return server
}

function notActive(): Refusal {
  return new Refusal('invalid_token', 'the issuer says that the token is not active')
}
