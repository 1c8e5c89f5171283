/**
 * How often signing in may be tried from one address: each try can cost an issuer a call.
 * @module
 */
import { Refusal } from '../errors.ts'
import { createCache } from '../lib/caches/cache.ts'
import { networkOf } from '../lib/network-of.ts'

/** People of one office may share an address. */
const PER_MINUTE = 60
const MINUTE_MS = 60_000
const MAX_NETWORKS = 10_000

export interface RateLimit {
  /** Counts one try. @throws Refusal `too_many_requests` */
  readonly take: (address: string) => void
}

/** @param now milliseconds since the epoch */
export function createRateLimit(now: () => number): RateLimit {
  const counts = createCache<string, { readonly since: number; count: number }>(MAX_NETWORKS)
  return {
    take(address) {
      const network = networkOf(address)
      const known = counts.get(network)
      if (known === undefined || now() - known.since >= MINUTE_MS)
        counts.set(network, { since: now(), count: 1 })
      else if (++known.count > PER_MINUTE)
        throw new Refusal('too_many_requests', 'too many people sign in from your address', {
          retryAfter: Math.ceil((known.since + MINUTE_MS - now()) / 1_000),
          remedy: 'try again in a minute',
        })
    },
  }
}
