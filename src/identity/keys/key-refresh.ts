/**
 * One issuer's cached key set, and when it is fetched again.
 * @module
 */
import { Refusal } from '../../errors.ts'
import { isAhead } from '../../lib/clock.ts'
import type { KeySet } from './key-set.ts'
import { createKeySource, type KeySourceOptions } from './key-source.ts'

/** A set younger than this is not asked for again by schedule; the refresh comes at half of it, with jitter. */
export const FRESH_MS = 600_000
/** Older than this, keys are not used any more, outage or not. */
export const MAX_STALE_MS = 86_400_000
/** Unknown key ids, and an issuer that fails, cost one attempt in this time. */
export const ATTEMPT_GAP_MS = 30_000

export interface KeyRefreshOptions extends KeySourceOptions {
  /** For one refresh, discovery included. */
  readonly timeoutMs: number
  /** Called with the thumbprints that a new set no longer has. */
  readonly onWithdrawn: (thumbprints: ReadonlySet<string>) => void
}

export interface KeyRefreshState {
  readonly ageSeconds: number | null
  /** Whether tokens can be verified now. */
  readonly usable: boolean
  readonly refreshes: number
  readonly failures: number
  readonly lastFailure: string | null
}

export interface KeyRefresh {
  /** The set to verify with; null if there is none or it is too old. */
  current(): KeySet | null
  /** One refresh however many wait. Never rejects. */
  refresh(): Promise<void>
  /** Whether the schedule, or the back-off after a failure, allows the next refresh. */
  isDue(): boolean
  isUnderWay(): boolean
  /** Whether the last refresh failed. */
  isFailing(): boolean
  /** Whether the issuer's last discovery document named another issuer. */
  isForeign(): boolean
  unavailable(): Refusal
  state(): KeyRefreshState
}

export function createKeyRefresh(options: KeyRefreshOptions): KeyRefresh {
  const { name, now, log, onWithdrawn, timeoutMs } = options
  const source = createKeySource(options)
  let set: KeySet | null = null
  let fetchedAt = 0
  let flight: Promise<void> | null = null
  let failuresInARow = 0
  let nextAttemptAt = 0
  let lastFailure: string | null = null
  const counts = { refreshes: 0, failures: 0 }

  const current = () => (set !== null && now() - fetchedAt < MAX_STALE_MS ? set : null)

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

  return {
    current,
    refresh,
    isDue: () => !isAhead(nextAttemptAt, FRESH_MS, now()),
    isUnderWay: () => flight !== null,
    isFailing: () => failuresInARow > 0,
    isForeign: () => source.isForeign(),
    unavailable() {
      const seconds = Math.ceil(Math.max(nextAttemptAt - now(), 1_000) / 1_000)
      return new Refusal('idp_unavailable', `the keys of issuer "${name}" are not available`, {
        retryAfter: Math.min(seconds, 30),
        ...(lastFailure === null ? {} : { inner: lastFailure }),
      })
    },
    state: () => ({
      ageSeconds: set === null ? null : Math.max(0, (now() - fetchedAt) / 1_000),
      usable: current() !== null,
      lastFailure,
      ...counts,
    }),
  }
}
