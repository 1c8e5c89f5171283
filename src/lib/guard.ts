/**
 * A circuit breaker and a bulkhead (a semaphore) around the calls to one remote service.
 * @module
 */
import { createCircuitBreaker } from './circuit-breaker.ts'
import type { Answer } from './http.ts'
import { createSemaphore } from './semaphore.ts'

export interface GuardOptions {
  readonly now: () => number
  /** Longest wait for a permit, in milliseconds. */
  readonly waitMs: number
  /** The refusal for callers that are not let through. @param retryAfter seconds */
  readonly refuse: (retryAfter: number, inner: string) => Error
}

/** An answer that the other side meant. */
type Answered = Extract<Answer, { ok: true }>

export interface Guard {
  /** Makes a call, or throws the refusal. No answer, 429 and 5xx are failures of the service. */
  run(call: () => Promise<Answer>): Promise<Answered>
  counts(): { readonly calls: number; readonly failures: number }
}

/** Well below what Graph throttles at (its identity service counts thousands of units in ten seconds). */
const MAX_IN_FLIGHT = 100
/** A waiting caller costs a closure; more of them than this are told at once to come again. */
const MAX_WAITING = 1_000
/** A caller can wait this long for a `Retry-After`, not a day. */
const MAX_RETRY_AFTER_MS = 30_000

export function createGuard({ now, waitMs, refuse }: GuardOptions): Guard {
  const semaphore = createSemaphore(MAX_IN_FLIGHT, MAX_WAITING)
  const breaker = createCircuitBreaker(now, MAX_RETRY_AFTER_MS)
  const counts = { calls: 0, failures: 0 }

  /** Seconds until the next call may be made. */
  const wait = (): number => Math.max(1, Math.ceil(breaker.delay() / 1_000))

  async function run(call: () => Promise<Answer>): Promise<Answered> {
    if (breaker.delay() > 0) throw refuse(wait(), 'backing off')
    const none = await semaphore.acquire(waitMs)
    if (none !== null) throw refuse(1, none)
    try {
      // asked after the wait: those before it in the queue may have found the service failing
      if (!breaker.begin()) {
        const why = breaker.delay() > 0 ? 'backing off' : 'one call sees whether it is back'
        throw refuse(wait(), why)
      }
      return await make(call)
    } finally {
      semaphore.release()
    }
  }

  async function make(call: () => Promise<Answer>): Promise<Answered> {
    counts.calls += 1
    let answer: Answer
    try {
      answer = await call()
    } catch (error) {
      // otherwise the breaker would wait for the end of this call for ever
      breaker.failed(0)
      throw error
    }
    if (!answer.ok) throw fail(answer.why, null)
    if (answer.status === 429 || answer.status >= 500) {
      throw fail(`status ${answer.status}`, answer.retryAfter)
    }
    breaker.succeeded()
    return answer
  }

  function fail(why: string, retryAfter: number | null): Error {
    counts.failures += 1
    breaker.failed((retryAfter ?? 0) * 1_000)
    return refuse(wait(), why)
  }

  return { run, counts: () => ({ ...counts }) }
}
