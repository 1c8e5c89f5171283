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
import { createNegativeCache } from '../../lib/caches/negative-cache.ts'
import {
  ATTEMPT_GAP_MS,
  createKeyRefresh,
  type KeyRefreshOptions,
  type KeyRefreshState,
} from './key-refresh.ts'
import type { KeySet, VerificationKey } from './key-set.ts'

/** A key id that a fresh set did not have is not asked for again in this time. */
const UNKNOWN_MS = 120_000
const TICK_MS = 1_000

export interface KeyStoreState extends KeyRefreshState {
  readonly unknownKeys: number
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

export function createKeyStore(options: KeyRefreshOptions): KeyStore {
  const { name, now } = options
  const keys = createKeyRefresh(options)
  const unknown = createNegativeCache(UNKNOWN_MS, now)
  let nextUnknownAt = 0
  let unknownKeys = 0
  let timer: NodeJS.Timeout | null = null

  async function find(alg: string, kid: string | null) {
    if (keys.current() === null && (keys.isUnderWay() || keys.isDue())) await keys.refresh()
    let set = keys.current()
    if (set === null) throw keys.unavailable()
    let described = pick(set, kid)
    if (described === null && kid !== null && !set.unusable.has(kid)) {
      const asked = await refreshForUnknown(kid)
      set = keys.current()
      if (set === null) throw keys.unavailable()
      described = pick(set, kid)
      if (described === null && keys.isFailing()) throw keys.unavailable()
      // Only what a set fetched since does not have is known to be unknown
      if (described === null && asked) unknown.add(kid)
    }
    if (described === null)
      throw new Refusal('invalid_token', 'the token’s key is not the issuer’s')
    return { key: await set.resolve(alg, kid), described }
  }

  /** @returns whether the issuer was asked */
  async function refreshForUnknown(kid: string): Promise<boolean> {
    unknownKeys += 1
    if (unknown.has(kid)) return false
    if (!keys.isUnderWay()) {
      // While the issuer fails, its back-off bounds this too
      const isSpent = isAhead(nextUnknownAt, ATTEMPT_GAP_MS, now())
      if (isSpent || (keys.isFailing() && !keys.isDue())) return false
      nextUnknownAt = now() + ATTEMPT_GAP_MS
    }
    await keys.refresh()
    return true
  }

  async function maintain(): Promise<void> {
    if (keys.isDue()) await keys.refresh()
  }

  async function start(): Promise<void> {
    await maintain()
    if (keys.state().ageSeconds === null && keys.isForeign()) {
      throw new Error(`issuer "${name}": its discovery document names another issuer`)
    }
    timer = setInterval(() => void maintain(), TICK_MS)
    timer.unref()
  }

  return {
    find,
    start,
    maintain,
    state: () => ({ ...keys.state(), unknownKeys }),
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
