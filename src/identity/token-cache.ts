/**
 * Cache of verified tokens: the next request with one costs a hash and no signature check.
 * @module
 */
import { LRUCache } from 'lru-cache'
import type { Binding } from './credential/sender.ts'
import type { Principal } from './principal.ts'

/** What a verified token established, and until when it is valid. */
export interface VerifiedToken {
  readonly principal: Principal
  /** What the token is bound to; checked again on each request. */
  readonly binding: Binding | null
  /** Thumbprint of the key that signed it; null for a token that was introspected. */
  readonly key: string | null
  /** Milliseconds since the epoch. */
  readonly until: number
}

/** Bounded by what the tokens hold, not by their number: 10,000 usual ones, or about 50 MB of groups. */
const MAX_NAMES = 500_000
const NAMES_OF_A_TOKEN = 50

export interface TokenCache {
  /** @param hash full SHA-256 of the token; @param now milliseconds since the epoch */
  get(hash: string, now: number): VerifiedToken | null
  set(hash: string, token: VerifiedToken): void
  /** Forgets every token that one of these keys signed. */
  dropKeys(thumbprints: ReadonlySet<string>): void
  clear(): void
  counts(): { readonly size: number; readonly hits: number; readonly misses: number }
}

export function createTokenCache(): TokenCache {
  const tokens = new LRUCache<string, VerifiedToken>({
    maxSize: MAX_NAMES,
    sizeCalculation: ({ principal: { groups, roles, scopes } }) =>
      Math.max(NAMES_OF_A_TOKEN, groups.length + roles.length + scopes.length),
  })
  let hits = 0
  let misses = 0
  return {
    get(hash, now) {
      const token = tokens.get(hash)
      if (token !== undefined && now < token.until) {
        hits += 1
        return token
      }
      if (token !== undefined) tokens.delete(hash)
      misses += 1
      return null
    },
    set: (hash, token) => {
      tokens.set(hash, token)
    },
    dropKeys(thumbprints) {
      const hashes: string[] = []
      for (const [hash, { key }] of tokens.entries()) {
        if (key !== null && thumbprints.has(key)) hashes.push(hash)
      }
      for (const hash of hashes) tokens.delete(hash)
    },
    clear: () => {
      tokens.clear()
    },
    counts: () => ({ size: tokens.size, hits, misses }),
  }
}
