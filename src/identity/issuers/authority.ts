/**
 * One trusted issuer: turns its tokens into principals.
 * @module
 */
import type { IssuerConfig, SecretSource } from '../../config/schema/schema.ts'
import { Refusal } from '../../errors.ts'
import { createGroupResolver, type GroupResolver } from '../groups.ts'
import { ANSWER_MS, createIntrospector, type Introspector } from './introspection.ts'
import type { Unverified } from '../credential/jws.ts'
import { createKeyStore, type KeyStoreState } from '../keys/key-store.ts'
import { opaqueRefusal } from '../credential/mistake.ts'
import type { MatchedIssuer, Profiled } from './profiles/profile.ts'
import { PROFILES } from './profiles/profiles.ts'
import { readBinding } from '../credential/sender.ts'
import type { VerifiedToken } from '../token-cache.ts'
import { checkAudiences, checkLifetime, checkTimes, verifyToken } from './verify.ts'
import type { Log } from '../../lib/log.ts'

export interface AuthorityOptions {
  readonly secrets: (source: SecretSource) => string
  readonly now: () => number
  readonly timeoutMs: number
  readonly graphToken: (identityName: string, scope: string) => Promise<string>
  readonly log: Log
  readonly onWithdrawn: (thumbprints: ReadonlySet<string>) => void
}

export interface Authority {
  /** Whether tokens that are no JWT can be introspected. */
  readonly canIntrospect: boolean
  /** @throws Refusal */
  judgeSigned(
    token: string,
    digest: string,
    parts: Unverified,
    issuer: MatchedIssuer,
  ): Promise<VerifiedToken>
  /** @throws Refusal */
  judgeOpaque(token: string, digest: string, issuer: MatchedIssuer): Promise<VerifiedToken>
  start(): Promise<void>
  /** Null for an issuer whose tokens are only introspected. */
  keys(): KeyStoreState | null
  /** Calls made to Graph and to the introspection endpoint, where there is one. */
  calls(): readonly { readonly to: string; readonly calls: number; readonly failures: number }[]
  close(): void
}

export function createAuthority(config: IssuerConfig, options: AuthorityOptions): Authority {
  const { secrets, now, graphToken, log, onWithdrawn, timeoutMs } = options
  const { name, issuer, jwksUri = null, algorithms, introspection, graph } = config
  const profile = PROFILES[config.profile]
  const store = profile.introspectedOnly(config)
    ? null
    : createKeyStore({ name, issuer, jwksUri, algorithms, now, log, onWithdrawn, timeoutMs })
  const introspector: Introspector | null =
    introspection === undefined
      ? null
      : createIntrospector({
          config,
          clientSecret: secrets(introspection.clientSecret),
          now,
          timeoutMs,
        })
  const groupResolver: GroupResolver | null =
    graph === undefined ? null : createGroupResolver({ ...graph, graphToken, now, timeoutMs })

  /** Adds the groups that the token had no room for: all of them, or it refuses. */
  async function complete({
    principal,
    overage,
  }: Profiled): Promise<[Profiled['principal'], number]> {
    const until = principal.expiresAt * 1_000
    if (!overage) return [principal, until]
    if (groupResolver === null) {
      throw new Refusal('groups_unresolved', 'the token has too many groups to list them', {
        remedy: 'configure graph for this issuer, or assign app roles instead of groups',
      })
    }
    const objectId = principal.id.slice(principal.id.lastIndexOf('/') + 1)
    const { ids, until: fresh } = await groupResolver.resolve(principal, objectId)
    const space = `${principal.issuer}/${principal.tenant ?? ''}`
    const groups = [...new Set([...principal.groups, ...ids.map((id) => `${space}/${id}`)])]
    return [{ ...principal, groups }, Math.min(until, fresh)]
  }

  async function judgeOpaque(token: string, digest: string, matched: MatchedIssuer) {
    if (introspector === null) throw opaqueRefusal()
    const answer = await introspector.introspect(token, digest)
    // The introspector accepts answers about access tokens only
    const parts = { typ: 'at+jwt', claims: profile.introspected(answer) }
    checkAudiences(parts, config.audiences)
    checkLifetime(parts)
    checkTimes(parts.claims, config.clockToleranceSeconds, now())
    const binding = readBinding(parts.claims)
    const [principal, until] = await complete(profile.read(parts, matched))
    return { principal, binding, key: null, until: Math.min(until, now() + ANSWER_MS) }
  }

  return {
    canIntrospect: introspector !== null,
    judgeOpaque,
    async judgeSigned(token, digest, parts, matched) {
      if (store === null) return judgeOpaque(token, digest, matched)
      const key = await verifyToken(token, parts, matched, store, now())
      const binding = readBinding(parts.claims)
      const profiled = profile.read(parts, matched)
      let limit = Number.POSITIVE_INFINITY
      if (introspector !== null && introspection?.everyToken === true) {
        await introspector.introspect(token, digest)
        limit = now() + ANSWER_MS
      }
      const [principal, until] = await complete(profiled)
      return { principal, binding, key: key.thumbprint, until: Math.min(until, limit) }
    },
    async start() {
      await Promise.all([store?.start(), introspector?.start()])
    },
    keys: () => store?.state() ?? null,
    calls: () => [
      ...(introspector === null ? [] : [{ to: 'introspection', ...introspector.counts() }]),
      ...(groupResolver === null ? [] : [{ to: 'graph', ...groupResolver.counts() }]),
    ],
    close: () => store?.close(),
  }
}
