/**
 * One server of the lab: notes what arrives, fails when asked to, answers `/_lab/*`, and leaves the rest to its handler.
 * @module
 */
import * as http from 'node:http'
import * as https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { parseTarget, readBody, slowDown } from './arrive.ts'
import { json, type Call, type Handler } from './call.ts'
import { answerFaulty } from './fail.ts'
import { createFaults, type Faults } from './faults.ts'
import { createInspect } from './inspect.ts'
import type { Entry, Journal } from './journal.ts'
import { send, withLength } from './reply.ts'

export interface PartOptions {
  readonly name: string
  readonly journal: Journal
  readonly host: string
  readonly port: number
  /** Name under which others reach it. */
  readonly publicHost: string
  readonly tls: { readonly key: string; readonly cert: string } | null
  /** Who reads the body: this server (hashing it on the way) or the handler's own library. */
  readonly bodies: 'read' | 'leave'
  /** Further `/_lab/<name>` routes of this part. */
  readonly routes?: Readonly<Record<string, Handler>>
}

export interface Part {
  readonly name: string
  /** Origin, without a trailing slash. */
  readonly url: string
  readonly port: number
  readonly faults: Faults
  readonly journal: Journal
  /** Sets what answers; until then everything is 503. */
  serve(handler: Handler): void
  /** Ends connections on which nothing runs, which would stay for more than a minute. */
  closeIdle(): void
  close(): Promise<void>
}

const NOT_READY: Handler = () => json(503, { error: 'this part of the lab is not ready yet' })

/** Starts listening; rejects if the port is taken. */
export async function createPart(options: PartOptions): Promise<Part> {
  const { name, journal } = options
  const faults = createFaults()
  const sockets = new Set<Socket>()
  const inspect = createInspect({ name, journal, faults, routes: options.routes ?? {} })
  let handler: Handler = NOT_READY

  async function respond(request: http.IncomingMessage, response: http.ServerResponse) {
    const url = request.url ?? ''
    const own = url.startsWith('/_lab/')
    // what arrived is what others sent, and not who looks at it
    const entry = own
      ? ({ bodyBytes: 0, bodySha256: null, body: null, status: null, sentBytes: 0 } as Entry)
      : journal.add(name, request)
    const fault = own ? null : faults.take(request.method ?? '', url)
    if (fault?.readBytesPerSecond !== undefined)
      slowDown(request, fault.readBytesPerSecond, fault.readSlowlyMs)
    const reading = own || options.bodies === 'read' ? readBody(request, entry) : null
    const call: Call = {
      method: request.method ?? '',
      ...parseTarget(url),
      headers: request.headers,
      body: () => reading ?? readBody(request, entry),
      raw: { request, response },
    }
    response.on('finish', () => {
      entry.status ??= response.statusCode
    })
    if (own) {
      await send(response, withLength(await inspect(call), request.method), false, entry)
      return
    }
    if (fault !== null) {
      await answerFaulty(call, fault, entry, handler)
      return
    }
    const answer = await handler(call)
    if (answer !== null) await send(response, withLength(answer, request.method), false, entry)
  }

  const listener: http.RequestListener = (request, response) => {
    respond(request, response).catch((error: unknown) => {
      // the caller has hung up while it was being answered: no fault of the lab
      if (request.socket.destroyed || response.writableEnded) return
      console.error(`lab ${name}: ${request.method} ${request.url}:`, error)
      if (response.headersSent) response.destroy()
      else response.writeHead(500).end()
    })
  }
  // longer than the gateway keeps idle connections, so that the lab never closes one that is just being used
  const settings = { keepAliveTimeout: 75_000, requestTimeout: 0, maxHeaderSize: 65_536 }
  const server =
    options.tls === null
      ? http.createServer(settings, listener)
      : https.createServer({ ...settings, ...options.tls }, listener)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(options.port, options.host, () => resolve())
  await promise.catch((error: unknown) => {
    throw new Error(`the lab's part "${name}" cannot listen on port ${options.port}`, {
      cause: error,
    })
  })
  const { port } = server.address() as AddressInfo
  return {
    name,
    url: `${options.tls === null ? 'http' : 'https'}://${options.publicHost}:${port}`,
    port,
    faults,
    journal,
    serve: (next) => void (handler = next),
    closeIdle: () => server.closeIdleConnections(),
    close() {
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      for (const socket of sockets) socket.destroy()
      return closed.promise
    },
  }
}
