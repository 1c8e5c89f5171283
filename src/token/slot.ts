/**
 * The tokens of one identity for one scope: cached, fetched once however many wait, refreshed early, and asked for
 * no more often than the endpoint can bear.
 * @module
 */
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { Refusal, toRefusal } from '../errors.ts'
import { createCircuitBreaker } from '../lib/circuit-breaker.ts'
import { inspectToken } from './inspect.ts'
import type { FetchToken } from './credentials.ts'
import type { IdentityConfig } from '../config/schema/schema.ts'
import type { Logger } from '../lib/log.ts'

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

export interface SlotOptions {
  readonly name: string
  readonly identity: IdentityConfig
  readonly scope: string
  readonly fetchToken: FetchToken
  readonly timeoutMs: number
  readonly now: () => number
  readonly random: () => number
  readonly log: Logger
}

/** A token as it is held; `expiresAt` in milliseconds since the epoch. */
export interface Held {
  readonly token: string
  readonly expiresAt: number
  readonly refreshAt: number
  readonly objectId: string | null
}

/** Since the start of the process, and as it is now. */
export interface SlotState {
  readonly fetched: number
  readonly failed: number
  readonly mismatched: number
  readonly open: boolean
  /** The latest end of a token that is held and can still be used, or null. */
  readonly usableUntil: number | null
}

export interface Slot {
  readonly get: (assertion: string | null) => Promise<Held>
  readonly invalidate: (token: string | undefined) => void
  readonly state: () => SlotState
  readonly close: () => void
}

/** One caller's share of a slot; identities that act for themselves have a single one. */
interface Entry {
  held: Held | null
  pending: Promise<Held> | null
  refused: { readonly refusal: Refusal; readonly until: number } | null
  invalidatedAt: number
}

export function createSlot(options: SlotOptions): Slot {
  const { name, identity, scope, fetchToken, timeoutMs, now, random, log } = options
  const entries = new LRUCache<string, Entry>({
    max: identity.kind === 'on-behalf-of' ? MAX_CALLERS : 1,
  })
  const breaker = createCircuitBreaker(now)
  const underWay = new Set<AbortController>()
  const counts = { fetched: 0, failed: 0, mismatched: 0 }
  let lastFailure: Refusal | null = null

  function get(assertion: string | null): Promise<Held> {
    const entry = entryOf(assertion)
    const { held } = entry
    if (held !== null && isUsable(held)) {
      if (now() >= held.refreshAt && entry.pending === null && breaker.delay() === 0) {
        // in the background: whoever asked has a token; a failure is logged and counted where it happens
        fetchInto(entry, assertion).catch(() => undefined)
      }
      return Promise.resolve(held)
    }
    return entry.pending ?? fetchInto(entry, assertion)
  }

  function entryOf(assertion: string | null): Entry {
    // the caller's token itself is no key: what is kept of it cannot be used as one
    const key = assertion === null ? '' : createHash('sha256').update(assertion).digest('base64')
    let entry = entries.get(key)
    if (entry === undefined) {
      entry = { held: null, pending: null, refused: null, invalidatedAt: -Infinity }
      entries.set(key, entry)
    }
    return entry
  }

  function isUsable(held: Held): boolean {
    return now() < held.expiresAt - LAST_USE_MS
  }

  function fetchInto(entry: Entry, assertion: string | null): Promise<Held> {
    const pending = attempt(entry, assertion).finally(() => {
      entry.pending = null
    })
    entry.pending = pending
    return pending
  }

  async function attempt(entry: Entry, assertion: string | null): Promise<Held> {
    if (entry.refused !== null && now() < entry.refused.until) throw entry.refused.refusal
    if (!breaker.begin()) throw whileOpen()
    try {
      const token = await withinTime(assertion)
      const asked = { name, identity, scope, assertion }
      const { expiresAt, objectId } = inspectToken(token, asked, now())
      counts.fetched += 1
      breaker.succeeded()
      // half of what is left, and up to a tenth more so that replicas do not come all at once
      const wait = (expiresAt - now()) * (0.5 + random() * 0.1)
      const refreshAt = now() + Math.max(wait, MIN_REFRESH_MS)
      entry.held = { token, expiresAt, refreshAt, objectId }
      return entry.held
    } catch (error) {
      throw failed(entry, toRefusal(error))
    }
  }

  /** The library heeds no signal and has no time-out of its own, so the wait ends here whatever it does. */
  async function withinTime(assertion: string | null): Promise<string> {
    const controller = new AbortController()
    underWay.add(controller)
    const ended = new Promise<never>((_, reject) => {
      controller.signal.addEventListener('abort', () => {
        reject(unavailable(`no answer within ${timeoutMs} ms`))
      })
    })
    const timer = setTimeout(() => {
      controller.abort()
    }, timeoutMs)
    try {
      // race listens to both to their end: the one that loses is no unhandled rejection
      return await Promise.race([
        fetchToken({ scope, signal: controller.signal, assertion }),
        ended,
      ])
    } finally {
      clearTimeout(timer)
      underWay.delete(controller)
    }
  }

  function failed(entry: Entry, refusal: Refusal): Refusal {
    if (refusal.status < 500) {
      // the endpoint is well and said no to this caller: nobody else is to suffer for it
      breaker.succeeded()
      entry.refused = { refusal, until: now() + CALLER_REFUSAL_MS }
      return refusal
    }
    breaker.failed((refusal.detail.retryAfter ?? 0) * 1000)
    lastFailure = refusal
    const fields = { identity: name, scope, code: refusal.code, inner: refusal.detail.inner }
    if (refusal.code === 'identity_mismatch') {
      counts.mismatched += 1
      log.error(fields, 'the identity endpoint issued a token that was not asked for')
    } else {
      counts.failed += 1
      log.warn(fields, 'no token from the identity endpoint')
    }
    return whileOpen()
  }

  /** The last failure again, with the time that is left until the endpoint is asked once more. */
  function whileOpen(): Refusal {
    const { code, message, detail } = lastFailure ?? unavailable('another attempt is under way')
    const retryAfter = Math.max(1, Math.ceil(breaker.delay() / 1000))
    return new Refusal(code, message, { ...detail, retryAfter })
  }

  function unavailable(inner: string): Refusal {
    const message = `no token can be had for identity "${name}"`
    return new Refusal('identity_unavailable', message, { inner })
  }

  function invalidate(token: string | undefined): void {
    for (const entry of entries.values()) {
      if (entry.held === null || (token !== undefined && entry.held.token !== token)) continue
      const since = now() - entry.invalidatedAt
      if (since >= 0 && since < MIN_INVALIDATION_MS) continue
      entry.held = null
      entry.invalidatedAt = now()
    }
  }

  return {
    get,
    invalidate,
    state: () => {
      let usableUntil: number | null = null
      for (const { held } of entries.values()) {
        if (held !== null && isUsable(held))
          usableUntil = Math.max(usableUntil ?? 0, held.expiresAt)
      }
      return { ...counts, open: breaker.isOpen(), usableUntil }
    },
    close() {
      for (const controller of underWay) controller.abort()
      entries.clear()
    },
  }
}
