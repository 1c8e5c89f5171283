/**
 * One issuer's keys: the last good set is kept through an outage, and no caller can make the gateway ask for it
 * more often than it should.
 *
 * jose's remote set forgets its keys after ten minutes of outage and asks again for every unknown key id while the
 * issuer fails; this store does neither.
 * @module
 */
import type { CryptoKey } from 'jose'
import { Refusal } from '../../errors.ts'
import { isAhead } from '../../lib/clock.ts'
import type { KeySet, VerificationKey } from './key-set.ts'
import { createKeySource, type KeySourceOptions } from './key-source.ts'
import { createNegativeCache } from '../../lib/negative-cache.ts'

/** A set younger than this is not asked for again by schedule; the refresh comes at half of it, with jitter. */
export const FRESH_MS = 600_000
/** Older than this, keys are not believed any more, outage or not. */
export const MAX_STALE_MS = 86_400_000
/** Unknown key ids, and an issuer that fails, cost one attempt in this time. */
export const ATTEMPT_GAP_MS = 30_000
/** A key id that a fresh set did not have is not asked for again in this time. */
const UNKNOWN_MS = 120_000
const TICK_MS = 1_000

export interface KeyStoreOptions extends KeySourceOptions {
  /** For one refresh, discovery included. */
  readonly timeoutMs: number
  /** Called with the thumbprints that a new set no longer has. */
  readonly onWithdrawn: (thumbprints: ReadonlySet<string>) => void
}

export interface KeyStoreState {
  readonly ageSeconds: number | null
  /** Whether tokens can be verified now. */
  readonly usable: boolean
  readonly refreshes: number
  readonly failures: number
  readonly unknownKeys: number
  readonly lastFailure: string | null
}

export interface KeyStore {
  /** @throws Refusal `invalid_token` (no such key), `idp_unavailable` (nobody can tell) */
  find(alg: string, kid: string | null): Promise<{ key: CryptoKey; described: VerificationKey }>
  /** First keys. An issuer that is down is retried; one whose discovery names another issuer is an error. */
  start(): Promise<void>
  /** Does what is due at `now`; called each second once started. */
  maintain(): Promise<void>
  state(): KeyStoreState
  close(): void
}

export function createKeyStore(options: KeyStoreOptions): KeyStore {
  const { name, now, log, onWithdrawn, timeoutMs } = options
  const source = createKeySource(options)
  const unknown = createNegativeCache(UNKNOWN_MS, now)
  let set: KeySet | null = null
  let fetchedAt = 0
  let flight: Promise<void> | null = null
  let failuresInARow = 0
  let nextAttemptAt = 0
  let nextUnknownAt = 0
  let lastFailure: string | null = null
  let timer: NodeJS.Timeout | null = null
  const counts = { refreshes: 0, failures: 0, unknownKeys: 0 }

  const usable = () => (set !== null && now() - fetchedAt < MAX_STALE_MS ? set : null)

  const isDue = () => !isAhead(nextAttemptAt, FRESH_MS, now())

  /** One refresh however many wait. Never rejects. */
  function refresh(): Promise<void> {
    flight ??= load().finally(() => {
      flight = null
    })
    return flight
  }

  async function load(): Promise<void> {
    const fetched = await source.fetch(AbortSignal.timeout(timeoutMs))
    if (typeof fetched === 'string') {
      counts.failures += 1
      failuresInARow += 1
      lastFailure = fetched
      // Without keys, recover soon; with keys there is time
      const gap = set === null ? 1_000 * 2 ** Math.min(failuresInARow - 1, 5) : ATTEMPT_GAP_MS
      nextAttemptAt = now() + Math.min(gap, ATTEMPT_GAP_MS) * (1 + Math.random() / 4)
      log({ issuer: name, why: fetched, failuresInARow }, 'keys could not be refreshed')
      return
    }
    counts.refreshes += 1
    failuresInARow = 0
    lastFailure = null
    const before = set
    set = fetched
    fetchedAt = now()
    nextAttemptAt = fetchedAt + (FRESH_MS / 2) * (1 + Math.random() / 4)
    for (const warning of fetched.warnings) log({ issuer: name }, warning)
    withdraw(before, fetched)
  }

  function withdraw(before: KeySet | null, after: KeySet): void {
    const gone = new Set(before?.keys.map((key) => key.thumbprint))
    for (const key of after.keys) gone.delete(key.thumbprint)
    if (gone.size === 0) return
    log({ issuer: name, keys: gone.size }, 'keys were withdrawn')
    onWithdrawn(gone)
  }

  function unavailable(): Refusal {
    const seconds = Math.ceil(Math.max(nextAttemptAt - now(), 1_000) / 1_000)
    return new Refusal('idp_unavailable', `the keys of issuer "${name}" are not available`, {
      retryAfter: Math.min(seconds, 30),
      ...(lastFailure === null ? {} : { inner: lastFailure }),
    })
  }

  async function find(alg: string, kid: string | null) {
    if (usable() === null && (flight !== null || isDue())) await refresh()
    let current = usable()
    if (current === null) throw unavailable()
    let described = pick(current, kid)
    if (described === null && kid !== null && !current.unusable.has(kid)) {
      const asked = await refreshForUnknown(kid)
      current = usable()
      if (current === null) throw unavailable()
      described = pick(current, kid)
      if (described === null && failuresInARow > 0) throw unavailable()
      // Only what a set fetched since does not have is known to be unknown
      if (described === null && asked) unknown.add(kid)
    }
    if (described === null)
      throw new Refusal('invalid_token', 'the token’s key is not the issuer’s')
    return { key: await current.resolve(alg, kid), described }
  }

  /** @returns whether the issuer was asked */
  async function refreshForUnknown(kid: string): Promise<boolean> {
    counts.unknownKeys += 1
    if (unknown.has(kid)) return false
    if (flight === null) {
      // While the issuer fails, its back-off bounds this too
      const isSpent = isAhead(nextUnknownAt, ATTEMPT_GAP_MS, now())
      if (isSpent || (failuresInARow > 0 && !isDue())) return false
      nextUnknownAt = now() + ATTEMPT_GAP_MS
    }
    await refresh()
    return true
  }

  async function maintain(): Promise<void> {
    if (isDue()) await refresh()
  }

  async function start(): Promise<void> {
    await maintain()
    if (set === null && source.isForeign()) {
      throw new Error(`issuer "${name}": its discovery document names another issuer`)
    }
    timer = setInterval(() => void maintain(), TICK_MS)
    timer.unref()
  }

  return {
    find,
    start,
    maintain,
    state: () => ({
      ageSeconds: set === null ? null : Math.max(0, (now() - fetchedAt) / 1_000),
      usable: usable() !== null,
      lastFailure,
      ...counts,
    }),
    close: () => {
      if (timer !== null) clearInterval(timer)
    },
  }
}

/** The key that `kid` names; without a key id, the only key of a set that has one (anything else would be a guess). */
function pick(set: KeySet, kid: string | null): VerificationKey | null {
  if (kid === null) return set.keys.length === 1 ? (set.keys[0] ?? null) : null
  return set.keys.find((key) => key.kid === kid) ?? null
}
