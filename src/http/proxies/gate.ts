/**
 * Holds each connection of a trusted proxy until its PROXY header is read: nobody else sees it before, so that all that
 * is counted by address counts the client's.
 * @module
 */
import type { Server, Socket } from 'node:net'
import { hopOf, stateSource, type Source } from '../source.ts'
import { readProxyHeader, type ProxyHeader } from './header-v2.ts'

export interface GateOptions {
  readonly isTrusted: (address: string) => boolean
  /** For the header to arrive. */
  readonly headerMs: number
  /** A connection that brought bytes and no header is closed; told of each, with why. */
  readonly refused: (source: Source, what: string) => void
}

export interface Gate {
  /** Closes what waits for its header, and whatever comes from now on. */
  readonly close: () => void
}

/** Bytes of its PROXY header that a connection has brought. */
const headers = new WeakMap<Socket, number>()

/** Bytes of the connection that are not the client's. */
export function headerBytes(socket: Socket): number {
  return headers.get(socket) ?? 0
}

/**
 * Whoever listens to the connections of `server` by now is told of them once their header is read: call it last.
 * Connections of other addresses pass: a header is to them bytes like any other, which are no request.
 */
export function gateConnections(server: Server, options: GateOptions): Gate {
  const behind = server.listeners('connection')
  const waiting = new Set<Socket>()
  let closed = false
  server.removeAllListeners('connection')

  function pass(socket: Socket): void {
    for (const listener of behind) Reflect.apply(listener, server, [socket])
  }

  server.on('connection', (socket: Socket) => {
    const hop = hopOf(socket)
    if (!options.isTrusted(hop.ip)) {
      pass(socket)
      return
    }
    waiting.add(socket)
    if (closed) socket.destroy()
    readHeader(socket, options.headerMs, (header, rest, fault) => {
      waiting.delete(socket)
      if (header === null) {
        if (fault !== null) options.refused(hop, fault)
        socket.destroy()
        return
      }
      headers.set(socket, header.length)
      if (header.source !== null) stateSource(socket, header.source)
      // whoever listens reads on from here, TLS from the buffer of the socket below it
      socket.pause()
      if (rest.length > 0) socket.unshift(rest)
      pass(socket)
      if (socket.listenerCount('data') > 0) socket.resume()
    })
  })
  return {
    close() {
      closed = true
      for (const socket of waiting) socket.destroy()
    },
  }
}

type Done = (header: ProxyHeader | null, rest: Buffer, fault: string | null) => void

/** Calls `done` once: with the header, or with null and what was wrong, null if nothing came. */
function readHeader(socket: Socket, headerMs: number, done: Done): void {
  const chunks: Buffer[] = []
  const over = (fault: string | null): void => {
    end(null, Buffer.alloc(0), chunks.length === 0 ? null : fault)
  }
  const timer = setTimeout(over, headerMs, 'PROXY header timeout')
  timer.unref()
  const gone = (): void => over('PROXY header broke off')
  const look = (chunk: Buffer): void => {
    chunks.push(chunk)
    const bytes = Buffer.concat(chunks)
    try {
      const header = readProxyHeader(bytes)
      if (header !== null) end(header, bytes.subarray(header.length), null)
    } catch {
      over('PROXY header')
    }
  }
  function end(...result: Parameters<Done>): void {
    clearTimeout(timer)
    socket.off('data', look)
    for (const event of ['end', 'close', 'error']) socket.off(event, gone)
    // it is destroyed, or has listeners of its own from here on
    if (result[0] === null) socket.on('error', () => undefined)
    done(...result)
  }
  socket.on('data', look)
  for (const event of ['end', 'close', 'error']) socket.on(event, gone)
}
