/**
 * Cache of verified tokens: the next request with one costs a hash and no signature check.
 * @module
 */
import { LRUCache } from 'lru-cache'
import { createCache } from '../lib/caches/cache.ts'
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

/** Bounded by what the tokens hold, not by their number: 100,000 whose names others have, too, or 12,000 of 50 groups each of their own. */
const MAX_BYTES = 85_000_000
/** What a token takes besides names, what a name of its own takes, and one that is kept already. Measured, rounded up. */
const TOKEN_BYTES = 780
const NAME_BYTES = 135
const SHARED_BYTES = 8
/** Names of groups, roles, scopes, tenants and clients that are kept once for all tokens. */
const MAX_SHARED = 50_000

type Names = Pick<Principal, 'groups' | 'roles' | 'scopes' | 'tenant' | 'client'>

/** A token as it is kept. Whoever has it from the cache can tell without looking for it whether it still is. */
class KeptToken implements VerifiedToken {
  readonly principal: Principal
  readonly binding: Binding | null
  readonly key: string | null
  readonly until: number
  #counts = true

  constructor({ principal, binding, key, until }: VerifiedToken, names: Names) {
    this.principal = { ...principal, ...names }
    this.binding = binding
    this.key = key
    this.until = until
  }

  get counts(): boolean {
    return this.#counts
  }

  /** The cache has it no more. */
  drop(): void {
    this.#counts = false
  }
}

export interface TokenCache {
  /** @param hash full SHA-256 of the token; @param now milliseconds since the epoch */
  get(hash: string, now: number): VerifiedToken | null
  /** @returns the token as it is kept: equal, with names that it shares with others */
  set(hash: string, token: VerifiedToken): VerifiedToken
  /** A token that the cache has given before; null if it has that no more. */
  again(token: VerifiedToken | null, now: number): VerifiedToken | null
  /** Forgets every token that one of these keys signed. */
  dropKeys(thumbprints: ReadonlySet<string>): void
  clear(): void
  counts(): { readonly size: number; readonly hits: number; readonly misses: number }
}

export function createTokenCache(): TokenCache {
  const tokens = new LRUCache<string, KeptToken>({
    maxSize: MAX_BYTES,
    dispose: (token) => {
      token.drop()
    },
  })
  const shared = createCache<string, string>(MAX_SHARED)

  /** The same name, without a copy of its own if others have it; and the bytes that it takes. */
  function share(name: string): { readonly name: string; readonly bytes: number } {
    const kept = shared.get(name)
    if (kept !== undefined) return { name: kept, bytes: SHARED_BYTES }
    shared.set(name, name)
    return { name, bytes: NAME_BYTES }
  }

  /** The names of a token, shared, and all the bytes that it takes. */
  function shareAll({ principal }: VerifiedToken): {
    readonly names: Names
    readonly size: number
  } {
    let size = TOKEN_BYTES
    const one = (name: string): string => {
      const found = share(name)
      size += found.bytes
      return found.name
    }
    const { groups, roles, scopes, tenant, client } = principal
    const names = {
      groups: groups.map(one),
      roles: roles.map(one),
      scopes: scopes.map(one),
      tenant: tenant === null ? null : one(tenant),
      client: client === null ? null : one(client),
    }
    return { names, size }
  }

  let hits = 0
  let misses = 0
  return {
    again(token, now) {
      if (!(token instanceof KeptToken) || !token.counts || now >= token.until) return null
      hits += 1
      return token
    },
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
    set(hash, token) {
      const { names, size } = shareAll(token)
      const kept = new KeptToken(token, names)
      tokens.set(hash, kept, { size })
      return kept
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
      shared.clear()
    },
    counts: () => ({ size: tokens.size, hits, misses }),
  }
}
