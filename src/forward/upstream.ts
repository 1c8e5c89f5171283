/**
 * The HTTP client of all calls to Azure. It counts those that wait for an answer, so that a stop can wait for them, too.
 *
 * A request that is here as a whole goes over connections of the gateway's own (src/forward/http1), one whose body passes
 * as it comes through undici (docs/decisions/0011).
 * @module
 */
import type { Readable } from 'node:stream'
import { setImmediate, setTimeout as delay } from 'node:timers/promises'
import { Agent, type Dispatcher } from 'undici'
import { createConnections } from './http1/connections.ts'
import { UpstreamCall, type UpstreamListener } from './upstream-call.ts'

/** One request to Azure. */
export interface UpstreamRequest {
  readonly origin: string
  /** With its query. */
  readonly path: string
  readonly method: string
  /** Names and values in turn. */
  readonly headers: string[]
  readonly body: Buffer | Readable | null
  /** For the head of its answer, and for each next part of it; absent: as for all others. */
  readonly timeoutMs?: number | undefined
}

export interface Upstream {
  /** For what the gateway itself asks of Azure. */
  readonly dispatcher: Dispatcher
  /** Sends one request; whatever comes of it is told to `listener`. */
  readonly send: (request: UpstreamRequest, listener: UpstreamListener) => UpstreamCall
  /** Waits for every call that is under way; ends those that are left when `deadline` aborts. */
  readonly close: (deadline: AbortSignal) => Promise<void>
}

const CONNECT_TIMEOUT_MS = 10_000
/**
 * How long a connection is kept without a call, unless Azure's answer names a shorter time: with undici's default of 4
 * seconds a quiet workspace pays for a handshake with nearly every call. HTTP.sys waits for 120 seconds by default, nginx
 * for 75.
 */
const IDLE_MS = 30_000
/** How often a stop looks whether calls are still under way. */
const LOOK_MS = 20

/** @param timeoutMs for the head of an answer, and for each next part of it */
export function createUpstream(timeoutMs: number): Upstream {
  const dispatcher = new Agent({
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    keepAliveTimeout: IDLE_MS,
  })
  const connections = createConnections({ connectTimeoutMs: CONNECT_TIMEOUT_MS, idleMs: IDLE_MS })
  /** Calls without the head of an answer. */
  const calls = { running: 0 }
  const answered = (): void => {
    calls.running -= 1
  }

  return {
    dispatcher,
    send({ origin, path, method, headers, body, timeoutMs: own }, listener) {
      const call = new UpstreamCall(method, listener, answered)
      calls.running += 1
      const longest = own ?? timeoutMs
      if (body === null || Buffer.isBuffer(body))
        connections.send({ origin, path, method, headers, body, timeoutMs: longest }, call)
      else {
        const limits = { headersTimeout: longest, bodyTimeout: longest }
        dispatcher.dispatch({ origin, path, method, headers, body, ...limits }, call)
      }
      return call
    },
    async close(deadline) {
      while (calls.running > 0 && !deadline.aborted) await delay(LOOK_MS)
      // not `close`, which would let those that are left run for ever, also if `destroy` follows
      connections.close()
      await dispatcher.destroy()
      // who waited for an answer hears of its end first, and records it
      await setImmediate()
    },
  }
}
