/**
 * What each caller may take of the gateway: calls at once, calls a second, and bytes that are held in memory for them.
 *
 * Only who is identified gets this far. Nothing here waits or sets a timer: a call that is too much is refused at once,
 * so that one caller's calls never queue before another's.
 * @module
 */
import { Refusal } from './errors.ts'
import { createCache } from './lib/caches/cache.ts'
import { gauge, single, type Metric } from './lib/metric.ts'

export interface CallerLimits {
  readonly inFlightPerPrincipal: number
  /** The pace at which a caller's next calls are earned, up to `burstPerPrincipal` of them. */
  readonly requestsPerSecondPerPrincipal: number
  readonly burstPerPrincipal: number
  readonly heldBytesPerPrincipal: number
  readonly heldBytes: number
}

/**
 * One call that is in flight, with the bytes that are held for it. It has ended, and gives all of them back, when
 * everybody who entered has left; who has begun it is the first of these.
 */
export interface Lease {
  /** Somebody works on the call, and may go on when its connection is gone. */
  enter(): void
  leave(): void
  /** @throws {Refusal} `too_many_requests` or `overloaded` if these bytes are too many; then none of them count */
  hold(bytes: number): void
  /** The same for who can do without: false if they are too many. */
  mayHold(bytes: number): boolean
}

export interface Callers {
  /**
   * A call begins.
   * @param now milliseconds of a clock that never goes back
   * @throws {Refusal} `too_many_requests`
   */
  begin(principal: string, now: number): Lease
  metrics(): readonly Metric[]
}

/** So many whose calls are all over are remembered, for their pace alone; one that is forgotten may have one burst more. */
const MAX_RECENT = 10_000
/** Seconds; held bytes come back as soon as other calls end. */
const RETRY_AFTER = { ofCaller: 1, inAll: 2 }

class Caller {
  readonly id: string
  inFlight = 0
  held = 0
  /** Calls that may begin at once, and when that was so. */
  earned: number
  at: number

  constructor(id: string, earned: number, at: number) {
    this.id = id
    this.earned = earned
    this.at = at
  }
}

/** What all callers have together. */
interface Total {
  /** Callers with calls in flight. */
  active: number
  inFlight: number
  held: number
}

class CallLease implements Lease {
  readonly #caller: Caller
  readonly #total: Total
  readonly #limits: CallerLimits
  readonly #ended: (caller: Caller) => void
  #inside = 1
  #held = 0

  constructor(caller: Caller, total: Total, limits: CallerLimits, ended: (caller: Caller) => void) {
    this.#caller = caller
    this.#total = total
    this.#limits = limits
    this.#ended = ended
    if (caller.inFlight === 0) total.active += 1
    caller.inFlight += 1
    total.inFlight += 1
  }

  enter(): void {
    if (this.#inside > 0) this.#inside += 1
  }

  leave(): void {
    if (this.#inside === 0) return
    this.#inside -= 1
    if (this.#inside > 0) return
    this.#caller.inFlight -= 1
    this.#total.inFlight -= 1
    this.#caller.held -= this.#held
    this.#total.held -= this.#held
    this.#ended(this.#caller)
  }

  hold(bytes: number): void {
    const { heldBytesPerPrincipal, heldBytes } = this.#limits
    if (this.#caller.held + bytes > heldBytesPerPrincipal) {
      const limit = `limits.heldBytesPerPrincipal, ${heldBytesPerPrincipal} bytes`
      throw new Refusal(
        'too_many_requests',
        `the gateway holds as much for this caller as it may (${limit})`,
        { remedy: 'make fewer large calls at once', retryAfter: RETRY_AFTER.ofCaller },
      )
    }
    if (!this.mayHold(bytes)) {
      throw new Refusal(
        'overloaded',
        `the gateway holds as much for all callers as it may (limits.heldBytes, ${heldBytes} bytes)`,
        { remedy: 'try again', retryAfter: RETRY_AFTER.inAll },
      )
    }
  }

  mayHold(bytes: number): boolean {
    const { heldBytesPerPrincipal, heldBytes } = this.#limits
    if (this.#inside === 0) return false
    if (this.#caller.held + bytes > heldBytesPerPrincipal) return false
    if (this.#total.held + bytes > heldBytes) return false
    this.#held += bytes
    this.#caller.held += bytes
    this.#total.held += bytes
    return true
  }
}

export function createCallers(limits: CallerLimits): Callers {
  const total: Total = { active: 0, inFlight: 0, held: 0 }
  /** Those that were here last, with calls in flight or without. */
  const recent = createCache<string, Caller>(MAX_RECENT, {
    dispose: (caller) => {
      if (caller.inFlight > 0) displaced.set(caller.id, caller)
    },
  })
  /** Callers with calls in flight for whom there was no room among these: as many as calls at most. */
  const displaced = new Map<string, Caller>()

  function callerOf(principal: string, now: number): Caller {
    const known = recent.get(principal)
    if (known !== undefined) return known
    const caller = displaced.get(principal) ?? new Caller(principal, limits.burstPerPrincipal, now)
    remember(caller)
    return caller
  }

  function remember(caller: Caller): void {
    displaced.delete(caller.id)
    recent.set(caller.id, caller)
  }

  function ended(caller: Caller): void {
    if (caller.inFlight > 0) return
    total.active -= 1
    if (displaced.size > 0 && displaced.has(caller.id)) remember(caller)
  }

  return {
    begin(principal, now) {
      const caller = callerOf(principal, now)
      const { inFlightPerPrincipal: most } = limits
      if (caller.inFlight >= most) {
        throw tooMany(`${most} calls of this caller are under way`, 'inFlightPerPrincipal', 1)
      }
      earn(caller, limits, now)
      if (caller.earned < 1) {
        const { requestsPerSecondPerPrincipal: pace } = limits
        const message = `this caller makes more than ${pace} calls a second`
        throw tooMany(message, 'requestsPerSecondPerPrincipal', (1 - caller.earned) / pace)
      }
      caller.earned -= 1
      return new CallLease(caller, total, limits, ended)
    },
    metrics: () => [
      gauge('callers_active', single(total.active)),
      gauge('calls_in_flight', single(total.inFlight)),
      gauge('held_bytes', single(total.held)),
    ],
  }
}

/** A token bucket: what a caller has earned since it was last looked at. */
function earn(caller: Caller, limits: CallerLimits, now: number): void {
  const { requestsPerSecondPerPrincipal: pace, burstPerPrincipal: most } = limits
  const seconds = Math.max(0, now - caller.at) / 1000
  caller.earned = Math.min(most, caller.earned + seconds * pace)
  caller.at = Math.max(caller.at, now)
}

function tooMany(message: string, limit: keyof CallerLimits, retryAfter: number): Refusal {
  return new Refusal('too_many_requests', `${message} (limits.${limit})`, {
    remedy: 'make fewer calls at once',
    retryAfter,
  })
}
