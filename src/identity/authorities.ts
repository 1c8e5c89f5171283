/**
 * The issuers that are trusted side by side, each with its keys and its profile: a token goes to the one that its
 * `iss` names and to no other.
 * @module
 */
import type { IssuerConfig } from '../config/schema.ts'
import { Refusal } from '../errors.ts'
import { createIssuerMatcher } from './issuers.ts'
import { isCompactJws, takeApart } from './jws.ts'
import { createKeyStore, type KeyStore } from './key-store.ts'
import type { Metric } from './metric.ts'
import { nameMistake } from './mistake.ts'
import { readEntra } from './profiles/entra.ts'
import { readOidc } from './profiles/oidc.ts'
import { readOkta } from './profiles/okta.ts'
import type { Profile } from './profiles/profile.ts'
import { readBinding } from './sender.ts'
import type { VerifiedToken } from './token-cache.ts'
import { verifyToken } from './verify.ts'

/** A token that was verified and read. */
export type Judged = VerifiedToken

export interface AuthoritiesOptions {
  readonly issuers: readonly IssuerConfig[]
  readonly now: () => number
  readonly log: (fields: Record<string, unknown>, message: string) => void
}

export interface Authorities {
  /** @throws Refusal */
  judge(token: string, digest: string): Promise<Judged>
  start(): Promise<void>
  ready(): { readonly ok: boolean; readonly reasons: readonly string[] }
  metrics(): readonly Metric[]
  close(): void
}

const PROFILES: Readonly<Record<IssuerConfig['profile'], Profile>> = {
  entra: readEntra,
  okta: readOkta,
  oidc: readOidc,
}

export function createAuthorities(
  { issuers, now, log }: AuthoritiesOptions,
  onWithdrawn: (thumbprints: ReadonlySet<string>) => void,
): Authorities {
  const matchIssuer = createIssuerMatcher(issuers)
  const stores = new Map<string, KeyStore>()
  for (const { name, issuer, jwksUri = null, algorithms = ['RS256'] } of issuers) {
    stores.set(name, createKeyStore({ name, issuer, jwksUri, algorithms, now, log, onWithdrawn }))
  }

  async function judge(token: string): Promise<Judged> {
    if (!isCompactJws(token)) throw new Refusal('invalid_token', 'the token is not a signed JWT')
    const unverified = takeApart(token)
    const issuer = matchIssuer(unverified.claims)
    const keys = issuer === null ? undefined : stores.get(issuer.config.name)
    if (issuer === null || keys === undefined) {
      throw (
        nameMistake(unverified) ?? new Refusal('unknown_issuer', 'the issuer is not trusted here')
      )
    }
    const key = await verifyToken(token, unverified, issuer, keys, now())
    const binding = readBinding(unverified.claims)
    const { principal } = PROFILES[issuer.config.profile](unverified, issuer)
    return { principal, binding, key: key.thumbprint, until: principal.expiresAt * 1_000 }
  }

  return {
    judge,
    async start() {
      await Promise.all([...stores.values()].map((store) => store.start()))
    },
    ready() {
      const reasons: string[] = []
      for (const [name, store] of stores) {
        if (!store.state().usable) reasons.push(`issuer "${name}" has no keys`)
      }
      return { ok: reasons.length < stores.size, reasons }
    },
    metrics() {
      return [...stores].flatMap(([issuer, store]) => {
        const { ageSeconds, refreshes, failures, unknownKeys } = store.state()
        const labels = { issuer }
        return [
          ...(ageSeconds === null ? [] : [{ name: 'key_age_seconds', labels, value: ageSeconds }]),
          { name: 'key_refreshes_total', labels, value: refreshes },
          { name: 'key_refresh_failures_total', labels, value: failures },
          { name: 'unknown_keys_total', labels, value: unknownKeys },
        ]
      })
    },
    close() {
      for (const store of stores.values()) store.close()
    },
  }
}
