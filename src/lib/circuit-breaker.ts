/**
 * A bound on calls to a side that may be failing: so many at once, the others in line for a while, none while it backs
 * off, and one to see if it is back.
 * @module
 */
import type { Refusal } from '../errors.ts'
import { isAhead } from './clock.ts'
import type { Answer } from './http.ts'
import { createTurns } from './semaphore.ts'

export interface GuardOptions {
  readonly now: () => number
  /** Longest wait for a turn, in milliseconds. */
  readonly waitMs: number
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

/** Well below what Graph throttles at (its identity service counts thousands of units in ten seconds). */
const MAX_IN_FLIGHT = 100
/** A waiting caller costs a closure; more of them than this are told to come again at once. */
const MAX_WAITING = 1_000
const MAX_BACK_OFF_SECONDS = 30

/** No answer, 429 and 5xx count as failures; each doubles the time in which no further call is made. */
export function createGuard({ now, waitMs, refuse }: GuardOptions): Guard {
  const turns = createTurns(MAX_IN_FLIGHT, MAX_WAITING)
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

  /** @param others calls under way */
  function refuseWhileFailing(others: number): void {
    if (isAhead(closedUntil, MAX_BACK_OFF_SECONDS * 1_000, now())) {
      throw refuse(Math.ceil((closedUntil - now()) / 1_000), 'backing off')
    }
    if (failuresInARow > 0 && others > 0) throw refuse(1, 'one call sees whether it is back')
  }

  async function run(call: () => Promise<Answer>): Promise<Answered> {
    refuseWhileFailing(turns.taken())
    const none = await turns.take(waitMs)
    if (none !== null) throw refuse(1, none)
    try {
      // those before it in line may have found out meanwhile
      refuseWhileFailing(turns.taken() - 1)
      return await made(call)
    } finally {
      turns.giveBack()
    }
  }

  async function made(call: () => Promise<Answer>): Promise<Answered> {
    const before = failuresInARow
    counts.calls += 1
    const answer = await call()
    if (!answer.ok) throw fail(answer.why, null, before)
    if (answer.status === 429 || answer.status >= 500) {
      throw fail(`status ${answer.status}`, answer.retryAfter, before)
    }
    failuresInARow = 0
    return answer
  }

  return { run, counts: () => ({ ...counts }) }
}
