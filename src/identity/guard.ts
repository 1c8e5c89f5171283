/**
 * A bound on calls to a side that may be failing: few at once, none while it backs off, one to see if it is back.
 * @module
 */
import type { Refusal } from '../errors.ts'
import { isAhead } from './clock.ts'
import type { Answer } from './outbound.ts'

export interface GuardOptions {
  readonly now: () => number
  /** The refusal for callers that are not let through. @param retryAfter seconds */
  readonly refuse: (retryAfter: number, inner: string) => Refusal
}

/** An answer that the other side meant. */
type Answered = Extract<Answer, { ok: true }>

export interface Guard {
  /** Runs a call, or refuses it. @throws Refusal */
  run(call: () => Promise<Answer>): Promise<Answered>
  counts(): { readonly calls: number; readonly failures: number }
}

const MAX_IN_FLIGHT = 100
const MAX_BACK_OFF_SECONDS = 30

/** No answer, 429 and 5xx count as failures; each doubles the time in which no further call is made. */
export function createGuard({ now, refuse }: GuardOptions): Guard {
  let inFlight = 0
  let failuresInARow = 0
  let closedUntil = 0

  const counts = { calls: 0, failures: 0 }

  function fail(why: string, asked: number | null, before: number): Refusal {
    counts.failures += 1
    // Calls that were under way together fail together: that is one failure
    if (failuresInARow === before) failuresInARow += 1
    const doubling = 2 ** Math.min(failuresInARow - 1, 5)
    // A Retry-After of a day is not a promise that anybody here could keep
    const seconds = Math.min(Math.max(doubling, asked ?? 0), MAX_BACK_OFF_SECONDS)
    closedUntil = now() + seconds * 1_000
    return refuse(seconds, why)
  }

  async function run(call: () => Promise<Answer>): Promise<Answered> {
    if (isAhead(closedUntil, MAX_BACK_OFF_SECONDS * 1_000, now())) {
      throw refuse(Math.ceil((closedUntil - now()) / 1_000), 'backing off')
    }
    if (inFlight >= (failuresInARow > 0 ? 1 : MAX_IN_FLIGHT)) {
      throw refuse(1, 'too many calls at once')
    }
    const before = failuresInARow
    inFlight += 1
    counts.calls += 1
    try {
      const answer = await call()
      if (!answer.ok) throw fail(answer.why, null, before)
      if (answer.status === 429 || answer.status >= 500) {
        throw fail(`status ${answer.status}`, answer.retryAfter, before)
      }
      failuresInARow = 0
      return answer
    } finally {
      inFlight -= 1
    }
  }

  return { run, counts: () => ({ ...counts }) }
}
