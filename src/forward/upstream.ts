/**
 * The HTTP client that @fastify/reply-from sends through, with two things that reply-from has no option for: a signal
 * that ends a call, and word of what Azure answered after the caller has hung up.
 *
 * reply-from calls `request` synchronously within `from`, so a variable that is set around `from` belongs to that call
 * and to no other. An AsyncLocalStorage would outlive the call, and a second request could take its place unnoticed.
 * @module
 */
import { setImmediate, setTimeout as delay } from 'node:timers/promises'
import { Agent, type Dispatcher } from 'undici'
import { Refusal } from '../errors.ts'

/** The head of an answer; null if there was none and will be none. */
export type AnswerHead = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers'> | null

/** One call on its way. */
export interface Departure {
  /** Ends the call; null for one that is carried to its end whoever waits. */
  readonly signal: AbortSignal | null
  /** Called once, before anybody else hears of the answer. */
  readonly answered: (head: AnswerHead) => void
}

export interface Upstream {
  /** For what the gateway itself asks of Azure. */
  readonly dispatcher: Dispatcher
  /** For reply-from's `undici` option. */
  readonly client: { readonly request: Dispatcher['request'] }
  /** Runs `send`, which must call `client.request` before it returns. */
  depart(departure: Departure, send: () => void): void
  /** Waits for every call that is under way; ends those that are left when `deadline` aborts. */
  close(deadline: AbortSignal): Promise<void>
}

const CONNECT_TIMEOUT_MS = 10_000
/** How often a stop looks whether calls are still under way. */
const LOOK_MS = 20

/** @param timeoutMs for the head of an answer, and for each next part of it */
export function createUpstream(timeoutMs: number): Upstream {
  const dispatcher = new Agent({
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: { timeout: CONNECT_TIMEOUT_MS },
  })
  let departing: Departure | null = null
  /** Calls without the head of an answer. */
  const calls = { running: 0 }

  type Callback<T> = (error: Error | null, data: Dispatcher.ResponseData<T>) => void
  function request<T = null>(options: Dispatcher.RequestOptions<T>, callback: Callback<T>): void
  function request<T = null>(
    options: Dispatcher.RequestOptions<T>,
  ): Promise<Dispatcher.ResponseData<T>>
  function request<T = null>(
    options: Dispatcher.RequestOptions<T>,
    callback?: Callback<T>,
  ): void | Promise<Dispatcher.ResponseData<T>> {
    if (departing === null || callback === undefined) {
      throw new Refusal('internal_error', 'the gateway lost track of this request', {
        inner: 'a request to azure that was not announced',
      })
    }
    const { signal, answered } = departing
    departing = null
    calls.running += 1
    dispatcher.request({ ...options, signal }, (error, data) => {
      calls.running -= 1
      answered(error === null ? data : null)
      callback(error, data)
    })
  }

  return {
    dispatcher,
    client: { request },
    async close(deadline) {
      while (calls.running > 0 && !deadline.aborted) await delay(LOOK_MS)
      // not `close`, which would let those that are left run for ever, also if `destroy` follows
      await dispatcher.destroy()
      // who waited for an answer hears of its end first, and records it
      await setImmediate()
    },
    depart(departure, send) {
      departing = departure
      try {
        send()
      } finally {
        // it was not even sent
        departing?.answered(null)
        departing = null
      }
    },
  }
}
