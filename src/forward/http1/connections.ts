/**
 * Connections to Azure by origin: each serves one call at a time, and the one that was used last is used next, so that those
 * that a quiet hour does not need are closed.
 * @module
 */
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { buildConnector, errors } from 'undici'
import { Connection, SentRequest, type AnswerHandler, type Owner } from './connection.ts'
import { requestHead, type RequestHead } from './request-head.ts'

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

/** How often is looked whether an answer is late, or a connection idle for too long, in milliseconds. */
const LOOK_MS = 250

/** Of one origin at a time: a server refuses or forgets more than its queue has room for. */
const MOST_HANDSHAKES = 64

interface HostOptions extends ConnectionsOptions {
  readonly connect: ReturnType<typeof buildConnector>
}

export function createConnections(options: ConnectionsOptions): Connections {
  const connect = buildConnector({ timeout: options.connectTimeoutMs, allowH2: false })
  const hosts = new Map<string, Host>()
  let isClosed = false
  let looks: NodeJS.Timeout | null = null
  let waiting: Waiting[] = []

  function look(): void {
    const now = performance.now()
    for (const [origin, host] of hosts) {
      host.checkTime(now)
      if (host.isUnused) hosts.delete(origin)
    }
    if (hosts.size > 0 || looks === null) return
    clearInterval(looks)
    looks = null
  }

  function hostOf(origin: string): Host {
    const known = hosts.get(origin)
    if (known !== undefined) return known
    const made = new Host(origin, { ...options, connect })
    hosts.set(origin, made)
    looks ??= setInterval(look, LOOK_MS).unref()
    return made
  }

  /**
   * All that came in one turn of the event loop, one right after the other: writing to a socket wakes up whoever reads it,
   * which costs more than the writing if it has gone to sleep since the last one.
   */
  function sendAll(): void {
    const all = waiting
    waiting = []
    for (const { host, sent } of all) host.send(sent)
  }

  return {
    send({ origin, body, method, path, headers, timeoutMs }, handler) {
      try {
        if (isClosed) throw new errors.ClientDestroyedError()
        const host = hostOf(origin)
        const head = requestHead(host.name, { method, path, headers }, body?.byteLength ?? null)
        const sent = new SentRequest({ method, head, body, timeoutMs }, handler)
        host.queued += 1
        if (waiting.push({ host, sent }) === 1) setImmediate(sendAll)
      } catch (error) {
        handler.onResponseError(null, asError(error))
      }
    },
    close() {
      isClosed = true
      sendAll()
      for (const host of hosts.values()) host.close()
      hosts.clear()
      if (looks !== null) clearInterval(looks)
    },
  }
}

interface Waiting {
  readonly host: Host
  readonly sent: SentRequest
}

/** Connections to one origin, and the requests that wait for one. */
class Host implements Owner {
  /** As the `host` header has it. */
  readonly name: string
  /** Requests that will be sent in this turn of the event loop. */
  queued = 0
  readonly #url: URL
  readonly #options: HostOptions
  readonly #all = new Set<Connection>()
  /** Those that were used last are at the end. */
  readonly #idle: Connection[] = []
  /** Each takes the first connection that is made or free, and is given up when it has waited for too long. */
  readonly #waiting: { readonly sent: SentRequest; readonly since: number }[] = []
  #connecting = 0
  #isClosed = false

  constructor(origin: string, options: HostOptions) {
    this.#url = new URL(origin)
    this.name = this.#url.host
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
    for (const connection of this.#all) connection.close(new errors.ClientDestroyedError())
  }

  #connectMore(): void {
    // read anew each time: whoever cannot even begin to connect does not wait any more
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
