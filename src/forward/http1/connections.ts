/**
 * Pools of connections to Azure, one for each origin. A connection serves one call at a time; the one that was used last is
 * used next, so that those that a quiet hour does not need reach the end of their idle time.
 * @module
 */
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { buildConnector, errors } from 'undici'
import { Connection, SentRequest, type AnswerHandler, type Pool } from './connection.ts'
import { isLastOf, requestHead, type RequestHead } from './request-head.ts'

export interface ConnectionsOptions {
  readonly connectTimeoutMs: number
  /** How long a connection is kept without a request, unless an answer names a shorter time. */
  readonly idleMs: number
}

export interface WholeRequest extends RequestHead {
  readonly origin: string
  readonly body: Buffer | null
  /** Milliseconds for the head of the answer, and for each next part of it. */
  readonly timeoutMs: number
}

export interface Connections {
  /** Sends a request; whatever comes of it is told to `handler`. */
  readonly send: (request: WholeRequest, handler: AnswerHandler) => void
  /** Ends all of them, and the calls that they serve. */
  readonly close: () => void
}

/** How often late answers and idle connections are looked for, in milliseconds. */
const LOOK_MS = 250

/** With one origin at a time: a server drops what its listen queue has no room for. */
const MOST_HANDSHAKES = 64

interface PoolOptions extends ConnectionsOptions {
  readonly connect: ReturnType<typeof buildConnector>
}

export function createConnections(options: ConnectionsOptions): Connections {
  const connect = buildConnector({ timeout: options.connectTimeoutMs, allowH2: false })
  const pools = new Map<string, OriginPool>()
  let isClosed = false
  let timer: NodeJS.Timeout | null = null
  let waiting: Waiting[] = []

  function look(): void {
    const now = performance.now()
    for (const [origin, pool] of pools) {
      pool.checkTime(now)
      if (pool.isUnused) pools.delete(origin)
    }
    if (pools.size > 0 || timer === null) return
    clearInterval(timer)
    timer = null
  }

  function poolOf(origin: string): OriginPool {
    const known = pools.get(origin)
    if (known !== undefined) return known
    const made = new OriginPool(origin, { ...options, connect })
    pools.set(origin, made)
    timer ??= setInterval(look, LOOK_MS).unref()
    return made
  }

  /**
   * Writes all requests of one turn of the event loop one right after the other: each write wakes up its reader, which
   * costs more than the write itself if the reader has gone to sleep since the last one.
   */
  function sendAll(): void {
    const all = waiting
    waiting = []
    for (const { pool, sent } of all) pool.send(sent)
  }

  return {
    send(request, handler) {
      const { method, body, timeoutMs } = request
      try {
        if (isClosed) throw new errors.ClientDestroyedError()
        const pool = poolOf(request.origin)
        const bytes = body?.byteLength ?? null
        const isLast = isLastOf(method, bytes)
        const head = requestHead(pool.host, request, bytes, isLast)
        const sent = new SentRequest({ method, head, body, isLast, timeoutMs }, handler)
        pool.queued += 1
        if (waiting.push({ pool, sent }) === 1) setImmediate(sendAll)
      } catch (error) {
        handler.onResponseError(null, asError(error))
      }
    },
    close() {
      isClosed = true
      sendAll()
      for (const pool of pools.values()) pool.close()
      pools.clear()
      if (timer !== null) clearInterval(timer)
    },
  }
}

interface Waiting {
  readonly pool: OriginPool
  readonly sent: SentRequest
}

/** Connections to one origin, and the requests that wait for one. */
class OriginPool implements Pool {
  /** The value of the `host` header. */
  readonly host: string
  /** Requests that will be sent in this turn of the event loop. */
  queued = 0
  readonly #url: URL
  readonly #options: PoolOptions
  readonly #all = new Set<Connection>()
  /** Those that were used last are at the end. */
  readonly #idle: Connection[] = []
  /** Each takes the first connection that is made or free, and is given up when it has waited for too long. */
  readonly #waiting: { readonly sent: SentRequest; readonly since: number }[] = []
  #connecting = 0
  #isClosed = false

  constructor(origin: string, options: PoolOptions) {
    this.#url = new URL(origin)
    this.host = this.#url.host
    this.#options = options
  }

  get isUnused(): boolean {
    return this.queued + this.#connecting + this.#waiting.length + this.#all.size === 0
  }

  send(sent: SentRequest): void {
    this.queued -= 1
    const now = performance.now()
    for (let found = this.#idle.pop(); found !== undefined; found = this.#idle.pop()) {
      if (!found.isUsable || now > found.idleUntil) found.destroy()
      else {
        if (!found.send(sent)) this.released(found)
        return
      }
    }
    this.#waiting.push({ sent, since: now })
    this.#connectMore()
  }

  released(connection: Connection): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift())
      if (connection.send(next.sent)) return
    this.#idle.push(connection)
  }

  closed(connection: Connection): void {
    this.#all.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
  }

  checkTime(now: number): void {
    for (const connection of this.#all) connection.checkTime(now)
    const { connectTimeoutMs } = this.#options
    while (now - (this.#waiting[0]?.since ?? now) > connectTimeoutMs)
      this.#waiting.shift()?.sent.fail(new errors.ConnectTimeoutError())
  }

  close(): void {
    this.#isClosed = true
    for (const { sent } of this.#waiting.splice(0)) sent.fail(new errors.ClientDestroyedError())
    for (const connection of this.#all) connection.fail(new errors.ClientDestroyedError())
  }

  #connectMore(): void {
    // `#open` may fail at once, which takes a request out of those that wait
    while (this.#connecting < Math.min(MOST_HANDSHAKES, this.#waiting.length) && !this.#isClosed)
      this.#open()
  }

  #open(): void {
    const { hostname, protocol, port, host } = this.#url
    this.#connecting += 1
    try {
      this.#options.connect({ hostname, protocol, port, host }, (error, socket) => {
        this.#connecting -= 1
        if (error === null) this.#opened(socket)
        else this.#waiting.shift()?.sent.fail(error)
        this.#connectMore()
      })
    } catch (error) {
      this.#connecting -= 1
      this.#waiting.shift()?.sent.fail(asError(error))
    }
  }

  #opened(socket: Socket): void {
    if (this.#isClosed) {
      socket.destroy()
      return
    }
    const connection = new Connection(socket, this, this.#options.idleMs)
    this.#all.add(connection)
    this.released(connection)
  }
}

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error('nothing was sent')
