/**
 * From a request's credential to its principal: the whole stage in order.
 *
 * A token that was verified before costs a hash, a cache lookup and a deny-list lookup.
 * @module
 */
import { hash } from 'node:crypto'
import type { IssuerConfig, SecretSource } from '../config/schema/schema.ts'
import { Refusal } from '../errors.ts'
import { createAuthorities, type IssuerState } from './issuers/authorities.ts'
import { checkToken, readCredential, type Credential } from './credential/bearer.ts'
import type { DenyList } from './deny-list.ts'
import { createDpopCheck } from './credential/dpop.ts'
import { createSingleFlight } from '../lib/single-flight.ts'
import { counter, gauge, single, type Metric } from '../lib/metric.ts'
import type { Principal } from './principal.ts'
import { checkSender } from './credential/sender.ts'
import { createTokenCache, type VerifiedToken } from './token-cache.ts'
import type { Log } from '../lib/log.ts'
import { isPending, type Pending } from '../lib/pending.ts'

export interface IdentifyOptions {
  readonly issuers: readonly IssuerConfig[]
  /** The origin that clients use: what a DPoP proof must be for. */
  readonly publicUrl: string
  readonly secrets: (source: SecretSource) => string
  readonly denyList: DenyList
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** For one call to an issuer or to Graph. */
  readonly timeoutMs: number
  /** A token of one of the gateway's own identities, for Graph. */
  readonly graphToken: (identityName: string, scope: string) => Promise<string>
  readonly log: Log
}

export interface IdentifyRequest {
  readonly method: string
  /** As received: path and query. */
  readonly url: string
  readonly rawHeaders: readonly string[]
  /** What is there as long as the connection that it came on. */
  readonly connection?: object
  /** DER of a certificate that the TLS layer verified the possession of. */
  readonly clientCertificate?: Buffer | null
}

export interface Identify {
  /** @throws Refusal */
  identify(request: IdentifyRequest): Promise<Principal>
  /** The same, at once for a token that was verified before. @throws Refusal, or rejects with it */
  identified(request: IdentifyRequest): Pending<Principal>
  /** First keys of all issuers. @throws Error if an issuer's discovery document names another issuer */
  start(): Promise<void>
  /** Ready if any issuer's tokens can be judged; `reasons` names each whose keys cannot be refreshed, with their age. */
  ready(): { readonly ok: boolean; readonly reasons: readonly string[] }
  issuers(): readonly IssuerState[]
  metrics(): readonly Metric[]
  /** Forgets all verified tokens. */
  flush(): void
  close(): void
}

/** @throws Error naming the issuer that cannot be trusted as it is configured */
export function createIdentify(options: IdentifyOptions): Identify {
  const { denyList, now } = options
  const cache = createTokenCache()
  const credentials = createCredentials()
  // A verification that began before a flush must not end up in the cache after it
  let flushes = 0
  const authorities = createAuthorities(options.issuers, {
    ...options,
    onWithdrawn(thumbprints) {
      flushes += 1
      cache.dropKeys(thumbprints)
    },
  })
  const admit = createAdmit(createDpopCheck(options))
  const verifyOnce = createSingleFlight<VerifiedToken>()

  const flush = () => {
    flushes += 1
    cache.clear()
  }
  denyList.onChange(flush)

  /** However many requests bring a new token at once, it is verified once. */
  async function judge(digest: string, token: string): Promise<VerifiedToken> {
    return verifyOnce(digest, async () => {
      const before = flushes
      const judged = await authorities.judge(token, digest)
      return before === flushes ? cache.set(digest, judged) : judged
    })
  }

  function identified(request: IdentifyRequest): Pending<Principal> {
    const presented = credentials.read(request)
    const { credential, digest, verified } = presented
    const time = now()
    const known = cache.again(verified, time) ?? cache.get(digest, time)
    if (known === null) {
      // one that was verified has passed this
      checkToken(credential.token)
      return judge(digest, credential.token).then((made) => accept(made, credential, request))
    }
    if (known !== verified) credentials.keep(request, { credential, digest, verified: known })
    return accept(known, credential, request)
  }

  /** The principal of a verified token, if this caller may use it now. */
  function accept(
    verified: VerifiedToken,
    credential: Credential,
    request: IdentifyRequest,
  ): Pending<Principal> {
    const denied = denyList.denies(verified.principal)
    return isPending(denied)
      ? denied.then((known) => admit(known, verified, credential, request))
      : admit(denied, verified, credential, request)
  }

  return {
    identify: async (request) => identified(request),
    identified,
    start: () => authorities.start(),
    ready() {
      const { ok, reasons } = authorities.ready()
      const { fault } = denyList.state()
      return { ok, reasons: fault === null ? reasons : [...reasons, `the deny list: ${fault}`] }
    },
    issuers: () => authorities.states(),
    metrics() {
      const { size, hits, misses } = cache.counts()
      return [
        gauge('token_cache_entries', single(size)),
        counter('token_cache_hits_total', single(hits)),
        counter('token_cache_misses_total', single(misses)),
        gauge('deny_list_entries', single(denyList.state().entries)),
        ...authorities.metrics(),
      ]
    },
    flush,
    close: () => {
      authorities.close()
    },
  }
}

type Admit = (
  denied: boolean,
  verified: VerifiedToken,
  credential: Credential,
  request: IdentifyRequest,
) => Pending<Principal>

/** Lets in who is not denied and, if the token is bound to a key, proves to have that. */
function createAdmit(checkDpop: ReturnType<typeof createDpopCheck>): Admit {
  return (denied, { principal, binding }, credential, request) => {
    if (denied) throw new Refusal('revoked', 'this principal, client or token is on the deny list')
    if (binding === null && credential.scheme !== 'dpop') return principal
    const clientCertificate = request.clientCertificate ?? null
    const presented = { ...request, credential, clientCertificate }
    return checkSender(binding, presented, checkDpop).then(() => principal)
  }
}

/** A credential as it was read, with the SHA-256 of its token, and what that was found to be. */
interface KnownCredential {
  readonly credential: Credential
  readonly digest: string
  readonly verified: VerifiedToken | null
}

const NO_CONNECTION: object = {}

/** Reads credentials. The last one of each connection is kept with it: the next request most often brings it again. */
function createCredentials(): {
  readonly read: (request: IdentifyRequest) => KnownCredential
  readonly keep: (request: IdentifyRequest, known: KnownCredential) => void
} {
  // on the connection itself: a WeakMap would be asked for each call, and told of each other caller
  const LAST = Symbol('credential')
  interface Connection {
    [LAST]?: KnownCredential
  }
  return {
    read({ rawHeaders, url, connection }) {
      const { [LAST]: earlier }: Connection = connection ?? NO_CONNECTION
      const credential = readCredential(rawHeaders, url, earlier?.credential)
      if (credential === earlier?.credential) return earlier
      // The whole hash: a shorter one could be made to collide
      return { credential, digest: hash('sha256', credential.token, 'base64'), verified: null }
    },
    keep({ connection }, known) {
      const of: Connection = connection ?? {}
      of[LAST] = known
    },
  }
}
