/**
 * A circuit breaker: how often a service that fails may be called again.
 * @module
 */

const FIRST_DELAY_MS = 1_000
const MAX_DELAY_MS = 30_000
/** A `Retry-After` is honoured up to here: a service must not be able to switch the gateway off for a day. */
const MAX_RETRY_AFTER_MS = 300_000

export interface CircuitBreaker {
  /** Whether a call may be made now. After a failure: one at a time, and none before the delay has passed. */
  readonly begin: () => boolean
  /** The call was answered, whatever the answer. */
  readonly succeeded: () => void
  /** The call failed; the next may begin after 1, 2, 4 .. 30 s or the service's own `Retry-After`, if that is longer. */
  readonly failed: (retryAfterMs: number) => void
  /** Milliseconds until a call may begin: 0 if now. */
  readonly delay: () => number
  /** Whether the last call failed. */
  readonly isOpen: () => boolean
}

/** Each `begin` that answers true must be followed by `succeeded` or `failed`. */
export function createCircuitBreaker(
  now: () => number,
  maxRetryAfterMs = MAX_RETRY_AFTER_MS,
): CircuitBreaker {
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
      const asked = Math.min(retryAfterMs, maxRetryAfterMs)
      // calls that were under way together fail together: that is one failure, but each may ask for a longer wait
      if (trial || failures === 0) {
        failures += 1
        failedAt = now()
        const backoff = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1))
        openUntil = failedAt + Math.max(backoff, asked)
      } else openUntil = Math.max(openUntil, failedAt + asked)
      trial = false
    },
  }
}
