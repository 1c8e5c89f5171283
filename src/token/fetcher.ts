/**
 * Asks the identity endpoint for tokens of one identity and scope: in bounded time, checked before they are used, and
 * no more often than the endpoint can bear.
 * @module
 */
import type { IdentityConfig } from '../config/schema/schema.ts'
import { Refusal, toRefusal } from '../errors.ts'
import { createCircuitBreaker } from '../lib/circuit-breaker.ts'
import type { Logger } from '../lib/log.ts'
import type { FetchToken } from './credentials.ts'
import { inspectToken, type Inspected } from './inspect.ts'

export interface FetcherOptions {
  readonly name: string
  readonly identity: IdentityConfig
  readonly scope: string
  readonly fetchToken: FetchToken
  readonly timeoutMs: number
  readonly now: () => number
  readonly log: Logger
}

export interface Fetched extends Inspected {
  readonly token: string
}

/** Since the start of the process, and as it is now. */
export interface FetcherState {
  readonly fetched: number
  readonly failed: number
  readonly mismatched: number
  /** Whether the last attempt failed. */
  readonly open: boolean
}

export interface Fetcher {
  /** One attempt, or none while the endpoint is given time to recover. @throws Refusal */
  readonly fetch: (assertion: string | null) => Promise<Fetched>
  /** Whether the endpoint may be asked now. */
  readonly mayTry: () => boolean
  readonly state: () => FetcherState
  /** Ends what is under way. */
  readonly close: () => void
}

/** Whether the endpoint is well and said no to this caller, for whom nobody else is to suffer. */
export function isOfCaller({ status }: Refusal): boolean {
  return status < 500
}

export function createFetcher(options: FetcherOptions): Fetcher {
  const { name, identity, scope, now, log } = options
  const breaker = createCircuitBreaker(now)
  const underWay = new Set<AbortController>()
  const counts = { fetched: 0, failed: 0, mismatched: 0 }
  let lastFailure: Refusal | null = null

  async function fetch(assertion: string | null): Promise<Fetched> {
    if (!breaker.begin()) throw whileOpen()
    try {
      const token = await withinTime(options, assertion, underWay)
      const inspected = inspectToken(token, { name, identity, scope, assertion }, now())
      counts.fetched += 1
      breaker.succeeded()
      return { token, ...inspected }
    } catch (error) {
      throw failed(toRefusal(error))
    }
  }

  function failed(refusal: Refusal): Refusal {
    if (isOfCaller(refusal)) {
      breaker.succeeded()
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
    const { code, message, detail } =
      lastFailure ?? unavailable(name, 'another attempt is under way')
    const retryAfter = Math.max(1, Math.ceil(breaker.delay() / 1000))
    return new Refusal(code, message, { ...detail, retryAfter })
  }

  return {
    fetch,
    mayTry: () => breaker.delay() === 0,
    state: () => ({ ...counts, open: breaker.isOpen() }),
    close() {
      for (const controller of underWay) controller.abort()
    },
  }
}

/** The library has no time-out of its own and ignores signals, so the wait ends here whatever it does. */
async function withinTime(
  { name, scope, fetchToken, timeoutMs }: FetcherOptions,
  assertion: string | null,
  underWay: Set<AbortController>,
): Promise<string> {
  const controller = new AbortController()
  underWay.add(controller)
  const ended = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => {
      reject(unavailable(name, `no answer within ${timeoutMs} ms`))
    })
  })
  const timer = setTimeout(() => {
    controller.abort()
  }, timeoutMs)
  try {
    // race listens to both to their end: the one that loses is no unhandled rejection
    return await Promise.race([fetchToken({ scope, signal: controller.signal, assertion }), ended])
  } finally {
    clearTimeout(timer)
    underWay.delete(controller)
  }
}

function unavailable(name: string, inner: string): Refusal {
  return new Refusal('identity_unavailable', `no token can be had for identity "${name}"`, {
    inner,
  })
}
