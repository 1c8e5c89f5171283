/**
 * The issuers that are trusted side by side: a token goes to the one that its `iss` names and to no other.
 * @module
 */
import type { IssuerConfig } from '../../config/schema/schema.ts'
import { Refusal } from '../../errors.ts'
import { createAuthority, type Authority, type AuthorityOptions } from './authority.ts'
import { createIssuerMatcher } from './issuers.ts'
import { isCompactJws, takeApart } from '../credential/jws.ts'
import { counter, gauge, single, type Metric } from '../../lib/metric.ts'
import { nameMistake, opaqueRefusal } from '../credential/mistake.ts'
import type { VerifiedToken } from '../token-cache.ts'

/** An issuer, for operators. */
export interface IssuerState {
  readonly name: string
  /** Whether its tokens can be verified now. */
  readonly usable: boolean
  /** Null without keys of its own, and before they are there. */
  readonly keyAgeSeconds: number | null
  /** How the last attempt to fetch its keys failed; null if it did not. */
  readonly lastFailure: string | null
}

export interface Authorities {
  /** @param digest SHA-256 of the token @throws Refusal */
  judge(token: string, digest: string): Promise<VerifiedToken>
  start(): Promise<void>
  ready(): { readonly ok: boolean; readonly reasons: readonly string[] }
  states(): readonly IssuerState[]
  metrics(): readonly Metric[]
  close(): void
}

/** @throws Error naming the issuer that cannot be trusted as it is configured */
export function createAuthorities(
  issuers: readonly IssuerConfig[],
  options: AuthorityOptions,
): Authorities {
  const matchIssuer = createIssuerMatcher(issuers)
  const authorities = new Map<IssuerConfig, Authority>()
  for (const config of issuers) authorities.set(config, createAuthority(config, options))

  /** An opaque token names no issuer. It is sent to the only one that can introspect, never to several. */
  async function judgeOpaque(token: string, digest: string): Promise<VerifiedToken> {
    const [one, ...others] = [...authorities].filter(([, authority]) => authority.canIntrospect)
    if (one === undefined) throw opaqueRefusal()
    if (others.length > 0) {
      throw new Refusal('invalid_token', 'the token does not tell which issuer to ask about it')
    }
    const [config, authority] = one
    return authority.judgeOpaque(token, digest, { config, iss: config.issuer, tenant: null })
  }

  return {
    async judge(token, digest) {
      if (!isCompactJws(token)) return judgeOpaque(token, digest)
      const parts = takeApart(token)
      const matched = matchIssuer(parts.claims)
      const authority = matched === null ? undefined : authorities.get(matched.config)
      if (matched === null || authority === undefined) {
        throw (
          nameMistake(parts) ?? new Refusal('unknown_issuer', 'the token’s issuer is not trusted')
        )
      }
      return authority.judgeSigned(token, digest, parts, matched)
    },
    async start() {
      await Promise.all([...authorities.values()].map((authority) => authority.start()))
    },
    ready() {
      const reasons: string[] = []
      let usable = 0
      for (const [{ name }, authority] of authorities) {
        const keys = authority.keys()
        if (keys === null || keys.usable) usable += 1
        if (keys?.lastFailure == null) continue
        const age = keys.ageSeconds === null ? 'none' : `${Math.round(keys.ageSeconds)} s old`
        reasons.push(`issuer "${name}": keys ${age}, last refresh failed: ${keys.lastFailure}`)
      }
      // One issuer's outage must not take the callers of the others with it
      return { ok: usable > 0, reasons }
    },
    states: () =>
      [...authorities].map(([{ name }, authority]) => {
        const keys = authority.keys()
        const { ageSeconds = null, lastFailure = null } = keys ?? {}
        return { name, usable: keys?.usable ?? true, keyAgeSeconds: ageSeconds, lastFailure }
      }),
    metrics: () => [...authorities].flatMap(([{ name }, authority]) => metricsOf(name, authority)),
    close() {
      for (const authority of authorities.values()) authority.close()
    },
  }
}

function metricsOf(issuer: string, authority: Authority): readonly Metric[] {
  const labels = { issuer }
  const metrics: Metric[] = []
  const state = authority.keys()
  if (state !== null) {
    const { ageSeconds, refreshes, failures, unknownKeys } = state
    if (ageSeconds !== null) metrics.push(gauge('key_age_seconds', single(ageSeconds, labels)))
    metrics.push(
      counter('key_refreshes_total', single(refreshes, labels)),
      counter('key_refresh_failures_total', single(failures, labels)),
      counter('unknown_keys_total', single(unknownKeys, labels)),
    )
  }
  for (const { to, calls, failures } of authority.calls()) {
    metrics.push(
      counter(`${to}_calls_total`, single(calls, labels)),
      counter(`${to}_failures_total`, single(failures, labels)),
    )
  }
  return metrics
}
