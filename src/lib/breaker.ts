/**
 * A circuit breaker: how often something that fails may be asked again.
 * @module
 */

const FIRST_DELAY_MS = 1_000
const MAX_DELAY_MS = 30_000
/** A `Retry-After` is honoured up to here: an endpoint must not be able to switch the gateway off for a day. */
const MAX_RETRY_AFTER_MS = 300_000

export interface Breaker {
  /** Asks for leave to try. Once failed, one trial at a time, and none before the delay has passed. */
  readonly begin: () => boolean
  /** The trial was answered, whatever the answer. */
  readonly succeeded: () => void
  /** The trial failed; the next one may begin after 1, 2, 4 .. 30 s or the endpoint's own `Retry-After`. */
  readonly failed: (retryAfterMs: number) => void
  /** Milliseconds until a trial may begin: 0 if now. */
  readonly delay: () => number
  /** Whether the last trial failed. */
  readonly isOpen: () => boolean
}

export function createBreaker(now: () => number): Breaker {
  let failures = 0
  let failedAt = 0
  let openUntil = 0
  let trial = false

  // a wall clock that was set back must not keep the breaker open until it has caught up
  const delay = (): number => (now() < failedAt ? 0 : Math.max(0, openUntil - now()))

  return {
    delay,
    isOpen: () => failures > 0,
    begin() {
      if (failures === 0) return true
      if (trial || delay() > 0) return false
      trial = true
      return true
    },
    succeeded() {
      failures = 0
      trial = false
    },
    failed(retryAfterMs) {
      // several keys may have begun before the first of them failed: that is one failure, not several
      if (trial || failures === 0) {
        failures += 1
        failedAt = now()
        const backoff = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1))
        openUntil = failedAt + Math.max(backoff, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS))
      }
      trial = false
    },
  }
}
