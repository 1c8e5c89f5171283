/**
 * The tokens of one identity for one scope: cached, fetched once however many wait, and refreshed early.
 * @module
 */
import { createHash } from 'node:crypto'
import { toRefusal, type Refusal } from '../errors.ts'
import {
  createFetcher,
  isOfCaller,
  type Fetched,
  type FetcherOptions,
  type FetcherState,
} from './fetcher.ts'
import type { GrantedIdentity } from './grant.ts'
import { createCache } from '../lib/caches/cache.ts'

/** A token is not sent in its last minute: it must still be valid when Azure looks at it. */
const LAST_USE_MS = 60_000
/** A refresh that brings the same token again is not repeated before this. */
const MIN_REFRESH_MS = 30_000
/** Azure may refuse a token; one refused again and again must not become an attack on the endpoint. */
const MIN_INVALIDATION_MS = 10_000
/** How long the refusal to exchange a caller's token stands for that same token. */
const CALLER_REFUSAL_MS = 30_000
/** Callers whose exchanged tokens are kept. */
const MAX_CALLERS = 10_000

export interface SlotOptions extends FetcherOptions {
  readonly random: () => number
}

/** A token as it is held, with what every grant of it has; times in milliseconds since the epoch. */
export interface Held extends Fetched {
  readonly refreshAt: number
  readonly identity: GrantedIdentity
  /** The value of the header `Authorization`. */
  readonly authorization: string
}

export interface SlotState extends FetcherState {
  /** The latest end of a token that is held and can still be used, or null. */
  readonly usableUntil: number | null
}

export interface Slot {
  /** The token of an identity that acts for itself, if nobody has to wait for it and none has to be fetched. */
  readonly held: () => Held | null
  readonly get: (assertion: string | null) => Promise<Held>
  readonly invalidate: (token: string | undefined) => void
  readonly state: () => SlotState
  readonly close: () => void
}

/** What is held for one caller; an identity that acts for itself has a single entry. */
class Entry {
  held: Held | null = null
  pending: Promise<Held> | null = null
  refused: { readonly refusal: Refusal; readonly until: number } | null = null
  invalidatedAt = -Infinity
}

function isUsable({ expiresAt }: Held, time: number): boolean {
  return time < expiresAt - LAST_USE_MS
}

function usableUntil(entries: readonly Entry[], time: number): number | null {
  const usable = entries.flatMap(({ held }) => (held !== null && isUsable(held, time) ? held : []))
  return usable.length === 0 ? null : Math.max(...usable.map(({ expiresAt }) => expiresAt))
}

export function createSlot(options: SlotOptions): Slot {
  const { name, now, random } = options
  const { clientId = null } = options.identity
  /** Of the identity itself. */
  const own = new Entry()
  const ofCallers = createCache<string, Entry>(MAX_CALLERS)
  const fetcher = createFetcher(options)

  function get(assertion: string | null): Promise<Held> {
    const entry = entryOf(assertion)
    const { held } = entry
    if (held !== null && isUsable(held, now())) {
      if (now() >= held.refreshAt && entry.pending === null && fetcher.mayTry()) {
        // in the background: the caller has a token already; the fetcher logs and counts a failure
        fetchInto(entry, assertion).catch(() => undefined)
      }
      return Promise.resolve(held)
    }
    return entry.pending ?? fetchInto(entry, assertion)
  }

  function entryOf(assertion: string | null): Entry {
    if (assertion === null) return own
    // the cache key is a hash, so that the caller's token itself is not kept
    const key = createHash('sha256').update(assertion).digest('base64')
    let entry = ofCallers.get(key)
    if (entry === undefined) {
      entry = new Entry()
      ofCallers.set(key, entry)
    }
    return entry
  }

  const entries = (): Entry[] => [own, ...ofCallers.values()]

  function fetchInto(entry: Entry, assertion: string | null): Promise<Held> {
    const pending = attempt(entry, assertion).finally(() => {
      entry.pending = null
    })
    entry.pending = pending
    return pending
  }

  async function attempt(entry: Entry, assertion: string | null): Promise<Held> {
    if (entry.refused !== null && now() < entry.refused.until) throw entry.refused.refusal
    try {
      const fetched = await fetcher.fetch(assertion)
      // half of what is left, and up to a tenth more so that replicas do not come all at once
      const wait = (fetched.expiresAt - now()) * (0.5 + random() * 0.1)
      entry.held = {
        ...fetched,
        refreshAt: now() + Math.max(wait, MIN_REFRESH_MS),
        identity: { name, clientId, objectId: fetched.objectId },
        authorization: `Bearer ${fetched.token}`,
      }
      return entry.held
    } catch (error) {
      const refusal = toRefusal(error)
      if (isOfCaller(refusal)) entry.refused = { refusal, until: now() + CALLER_REFUSAL_MS }
      throw refusal
    }
  }

  function invalidate(token: string | undefined): void {
    for (const entry of entries()) {
      if (entry.held === null || (token !== undefined && entry.held.token !== token)) continue
      const since = now() - entry.invalidatedAt
      if (since >= 0 && since < MIN_INVALIDATION_MS) continue
      entry.held = null
      entry.invalidatedAt = now()
    }
  }

  return {
    held() {
      const { held } = own
      if (held === null) return null
      const time = now()
      return isUsable(held, time) && time < held.refreshAt ? held : null
    },
    get,
    invalidate,
    state: () => ({ ...fetcher.state(), usableUntil: usableUntil(entries(), now()) }),
    close() {
      fetcher.close()
      own.held = null
      ofCallers.clear()
    },
  }
}
