/**
 * Every connection of the listener, from its first packet to its close: what it still waits for, and how all of them end
 * when the gateway stops.
 * @module
 */
import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { Refusal, type RefusalCode } from '../errors.ts'
import {
  type Connection,
  createEndings,
  cutIfUntaken,
  destroyLater,
  type EndingOptions,
  headWasBegun,
  isReset,
  LINGER_MS,
} from './connection-endings.ts'
import { onceClosed } from './closing.ts'
import { refuseRest } from './inbound.ts'
import { createLingering, type Lingering, type LingerLimits } from './lingering.ts'
import type { ParserFault } from './parser-fault.ts'
import { headerBytes } from './proxies/gate.ts'
import { hopOf, sourceOf, stateSource } from './source.ts'

export interface ConnectionOptions extends EndingOptions {
  /** For TLS to be agreed on. */
  readonly handshakeMs: number
  /** For a body that is still coming when its connection has its last answer. */
  readonly linger: LingerLimits
}

export interface Connections {
  /** Node gave up on a connection: its parser, its clock or its socket. */
  failed(error: ParserFault, socket: Socket): void
  /** A method that is not served: one record, one answer, and the end of the connection. */
  refuse(socket: Socket, code: RefusalCode, what: string): void
  /** The request that `response` belongs to was received; returns how many there were on its connection. */
  received(response: ServerResponse): number
  /** The newest request of each connection, if its body is not all here. */
  unfinishedBodies(): Iterable<IncomingMessage>
  /**
   * Ends every connection: at once what waits for no answer, then each as it is answered, and all that is left when
   * `deadline` aborts. Call it once nothing new is accepted.
   */
  drain(deadline: AbortSignal): Promise<void>
}

/** Watches the connections of a server; call it before the server listens. */
export function watchConnections(
  server: Server | TlsServer,
  options: ConnectionOptions,
): Connections {
  const open = new Set<Connection>()
  const endings = createEndings(options)
  const lingering = createLingering(options.linger)
  const isTls = server instanceof TlsServer
  const shakes = isTls ? watchHandshakes(server, options.handshakeMs) : null
  let stopping = false

  server.prependListener('connection', (raw: Socket) => {
    // one too many
    if (raw.destroyed) return
    const one = begun(raw, isTls)
    belongTo(one, raw)
    open.add(one)
    // the listener is closed a moment after the stop began
    if (stopping) raw.destroy()
    shakes?.(one)
    raw.once('close', () => {
      open.delete(one)
      // a handshake that ended with the connection is told a moment later
      setImmediate(() => endings.closed(one))
    })
  })

  /** While the gateway stops: ends what waits for nothing any more. */
  function retire(one: Connection): void {
    if (one.ending || one.waiting.length > 0) return
    if (one.socket === null) {
      one.fault = 'stop'
      one.raw.destroy()
    } else if (headWasBegun(one, one.socket)) endings.refuse(one, 'not_ready', 'stop', false)
    else endings.close(one)
  }

  return {
    failed(error, socket) {
      const one = connectionOf(socket)
      if (one === undefined) socket.destroy()
      else endings.failed(one, socket, error)
    },
    refuse(socket, code, what) {
      const one = connectionOf(socket)
      if (one === undefined) socket.destroy()
      else endings.refuse(one, code, what, false)
    },
    received(response) {
      const { socket } = response.req
      const one = connectionOf(socket)
      if (one === undefined) return 0
      one.newest = response
      one.waiting.push(response)
      one.requests += 1
      if (one.requests === 1) lingerAtLast(one, socket, lingering)
      one.bytes = socket.bytesRead
      if (announcesBody(response.req)) followBody(one, response)
      onceClosed(response, () => {
        one.waiting.splice(one.waiting.indexOf(response), 1)
        // Node goes on to the next request of this packet first
        if (stopping) setImmediate(retire, one)
      })
      return one.requests
    },
    *unfinishedBodies() {
      for (const { newest, ending } of open) {
        if (!ending && newest !== null && !newest.req.complete) yield newest.req
      }
    },
    async drain(deadline) {
      stopping = true
      lingering.hasten()
      for (const one of open) retire(one)
      await allClosed(open, deadline)
      for (const one of open) endings.cut(one)
      await allClosed(open, null)
    },
  }
}

/** Where sockets have their connection: a WeakMap would be asked for each call. */
const CONNECTION = Symbol('connection')

interface Connected extends Socket {
  [CONNECTION]?: Connection
}

function belongTo(one: Connection, socket: Connected): void {
  socket[CONNECTION] = one
}

function connectionOf(socket: Connected): Connection | undefined {
  return socket[CONNECTION]
}

/** Of all others the head is the whole request. */
function announcesBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
}

function followBody(one: Connection, response: ServerResponse): void {
  const { req } = response
  // Node takes it from a request whose body is read
  const { socket } = req
  req.once('end', () => {
    one.bytes = socket.bytesRead
  })
  // all of the answer is with the socket
  response.once('prefinish', () => {
    if (!req.complete) cutIfUntaken(one, response)
  })
}

function begun(raw: Socket, isTls: boolean): Connection {
  return {
    source: sourceOf(raw),
    raw,
    socket: isTls ? null : raw,
    requests: 0,
    newest: null,
    waiting: [],
    bytes: isTls ? 0 : headerBytes(raw),
    preface: headerBytes(raw),
    ending: false,
    fault: null,
  }
}

/** Node's HTTP server closes both ways after a last answer, whatever of its request is still on its way. */
function lingerAtLast(one: Connection, socket: Socket, lingering: Lingering): void {
  const destroySoon = socket.destroySoon.bind(socket)
  const lastSoon = (): void => {
    const request = one.newest?.req
    if (one.ending) {
      // bytes that follow are read until the other side has this answer: what is closed with bytes unread is reset
      socket.end()
      destroyLater(one, LINGER_MS)
      return
    }
    if (request === undefined || request.complete) {
      destroySoon()
      return
    }
    one.ending = true
    refuseRest(socket, new Refusal('bad_request', 'the request before it was refused'))
    lingering.close(socket, request, destroySoon)
  }
  // written where it is set, it would be among V8's old objects, and keep the connection's last call until those are collected
  socket.destroySoon = lastSoon
}

/** Resolves when all of them are closed, or when `deadline` aborts. */
async function allClosed(open: Iterable<Connection>, deadline: AbortSignal | null): Promise<void> {
  const closed = Array.from(open, async ({ raw }) => {
    if (!raw.closed) await once(raw, 'close').catch(() => undefined)
  })
  const over = deadline === null || deadline.aborted ? [] : [once(deadline, 'abort')]
  if (deadline?.aborted !== true) await Promise.race([Promise.all(closed), ...over])
}

/** Of the hop: clients behind it may have the same. */
function peerOf(socket: Socket): string {
  const { ip, port } = hopOf(socket)
  return `${ip} ${port}`
}

/**
 * A handshake that fails or takes too long gives its descriptor back: Node's own limit closes the TLS side only.
 * @returns to be told of every connection
 */
function watchHandshakes(server: TlsServer, handshakeMs: number): (one: Connection) => void {
  /** A TLS socket and the one below it have nothing but their peer in common. */
  const shaking = new Map<string, Connection>()

  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const peer = peerOf(socket)
    const one = shaking.get(peer)
    if (one === undefined) {
      socket.destroy()
      return
    }
    shaking.delete(peer)
    one.socket = socket
    stateSource(socket, one.source)
    belongTo(one, socket)
    socket.once('close', () => one.raw.destroy())
  })
  server.on('tlsClientError', (error: Error & { code?: string }, socket: TLSSocket) => {
    // a connection that has ended no longer tells its peer
    const one =
      shaking.get(peerOf(socket)) ??
      [...shaking.values()].find(({ raw, fault }) => raw.closed && fault === null)
    if (one !== undefined) {
      // who only goes away after a ServerHello has asked for nothing
      if (!isReset(error.code)) one.fault = error.code ?? 'TLS'
      one.raw.destroy()
    }
    socket.destroy()
  })

  return (one) => {
    const peer = peerOf(one.raw)
    shaking.set(peer, one)
    const timer = setTimeout(() => {
      if (one.socket !== null) return
      one.fault = 'TLS handshake timeout'
      one.raw.destroy()
    }, handshakeMs)
    timer.unref()
    one.raw.once('close', () => {
      clearTimeout(timer)
      setImmediate(() => {
        if (shaking.get(peer) === one) shaking.delete(peer)
      })
    })
  }
}
