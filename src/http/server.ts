/**
 * The HTTP server: its limits, and what Node would answer before any hook of Fastify runs.
 * @module
 */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { FastifyServerFactory } from 'fastify'
import type { Config } from '../config/schema/schema.ts'
import { Refusal } from '../errors.ts'
import type { Metric } from '../lib/metric.ts'
import { watchPace } from './body-pace.ts'
import { limitConnections } from './connection-limit.ts'
import { watchConnections, type ConnectionOptions, type Connections } from './connections.ts'
import { isServedExpectation, refuseRest } from './inbound.ts'
import type { Certificate } from './tls/certificate.ts'
import { readForwarded } from './proxies/forwarded-for.ts'
import { gateConnections, type Gate } from './proxies/gate.ts'
import { createTrusted } from './proxies/trusted.ts'
import { sourceOf } from './source.ts'
import type { Unparsed } from './unparsed.ts'

/** Above what inbound.ts allows of headers and target.ts of the target: these say what is wrong, Node cannot. */
const MAX_HEADER_BYTES = 56 * 1024
const MAX_REQUESTS_PER_SOCKET = 10_000
/** As Node says it of a request that takes too long in all. */
const BODY_TOO_SLOW = 'ERR_HTTP_REQUEST_TIMEOUT'

/**
 * Options of http(s).createServer. `requireHostHeader` is off because Node would answer by itself, unrecorded. Without a
 * body to come (`optimizeEmptyRequests`) a request needs none of the events with which a stream ends.
 * `requestTimeout` works only if headersTimeout is not above it and connections are checked often enough.
 */
function httpOptions(limits: Config['limits']): {
  requireHostHeader: false
  optimizeEmptyRequests: true
  maxHeaderSize: number
  headersTimeout: number
  requestTimeout: number
  connectionsCheckingInterval: number
  keepAliveTimeout: number
} {
  return {
    requireHostHeader: false,
    optimizeEmptyRequests: true,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: Math.max(limits.requestTimeoutMs, limits.headersTimeoutMs),
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: limits.idleTimeoutMs,
  }
}

export interface GuardOptions extends Omit<ConnectionOptions, 'handshakeMs' | 'linger'> {
  readonly limits: Config['limits']
  readonly trustedProxies: Config['listen']['trustedProxies'] | undefined
}

export interface GuardedConnections extends Connections {
  readonly metrics: () => readonly Metric[]
}

/** What Node would otherwise answer or drop by itself: CONNECT, `Expect`, refused TLS, one request too many. */
export function guardServer(
  server: Server | TlsServer,
  { limits, trustedProxies, ...options }: GuardOptions,
): GuardedConnections {
  const { unparsed } = options
  const handshakeMs = limits.headersTimeoutMs
  const linger = { bytes: limits.lingerBytes, ms: limits.lingerMs }
  const connections = watchConnections(server, { ...options, handshakeMs, linger })
  // Azure may take its time for an answer, and be asked twice
  server.timeout = Math.max(limits.stalledTimeoutMs, 3 * limits.upstreamTimeoutMs)
  const metrics = limitConnections(server, limits, (source, limit) => {
    void unparsed.refuse(source, 'overloaded', `limits.${limit}`)
  })

  const unwatch = watchPace(
    { bytesPerSecond: limits.bodyBytesPerSecond, windowMs: limits.bodyPauseMs },
    () => connections.unfinishedBodies(),
    ({ socket }) => {
      connections.failed(Object.assign(new Error('too slow'), { code: BODY_TOO_SLOW }), socket)
    },
  )
  server.once('close', unwatch)

  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const count = connections.received(response)
    if (count === MAX_REQUESTS_PER_SOCKET) response.shouldKeepAlive = false
    if (count > MAX_REQUESTS_PER_SOCKET) {
      const text = `a connection carries ${MAX_REQUESTS_PER_SOCKET} requests`
      refuseRest(request.socket, new Refusal('not_ready', text))
    }
  })
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    // Node has taken its own listener away
    socket.on('error', () => undefined)
    connections.refuse(socket, 'method_not_allowed', 'CONNECT')
  })

  function refuseExpectation(request: IncomingMessage, response: ServerResponse): void {
    connections.received(response)
    refuseRest(request.socket, new Refusal('bad_request', 'the request before it was refused'))
    void unparsed
      .refuse(sourceOf(request), 'expectation_failed', 'Expect')
      .then(({ status, headers, body }) => {
        response.writeHead(status, { ...headers, connection: 'close' }).end(body)
      })
  }
  server.on('checkExpectation', refuseExpectation)
  // Node takes anything for "100-continue" that has it as a word
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (!isServedExpectation(request.headers.expect)) {
      refuseExpectation(request, response)
      return
    }
    continueOnceRead(request, response)
    server.emit('request', request, response)
  })
  const believed = believeProxies(server, trustedProxies, handshakeMs, unparsed)
  return {
    ...connections,
    metrics,
    async drain(deadline) {
      believed?.close()
      await connections.drain(deadline)
    },
  }
}

/** Last of all that listens to connections: see gateConnections. */
function believeProxies(
  server: Server | TlsServer,
  trusted: GuardOptions['trustedProxies'],
  headerMs: number,
  unparsed: Unparsed,
): Gate | null {
  if (trusted === undefined) return null
  const isTrusted = createTrusted(trusted.addresses)
  if (trusted.by === 'x-forwarded-for') {
    readForwarded(server, isTrusted)
    return null
  }
  return gateConnections(server, {
    isTrusted,
    headerMs,
    refused: (source, what) => void unparsed.refuse(source, 'bad_request', what),
  })
}

/** Whoever is refused at the head is not asked for the body: that is done when somebody begins to read it. */
function continueOnceRead(request: IncomingMessage, response: ServerResponse): void {
  request.on('newListener', function begin(event: string | symbol) {
    if (event !== 'data' && event !== 'readable') return
    request.off('newListener', begin)
    if (!response.headersSent) response.writeContinue()
  })
}

const HTTP_1 = 'http/1.1'

/**
 * What Node does with its own `ALPNProtocols`, of which each connection keeps a copy: a few bytes of a block of 64 KB that
 * other things are in, too, so that 2,000 connections keep 12 MB of blocks.
 * @returns undefined if HTTP/1.1 is not among them: then the handshake ends with an alert
 */
const chooseProtocol = ({ protocols }: { protocols: string[] }): string | undefined =>
  protocols.includes(HTTP_1) ? HTTP_1 : undefined

/** TLS with a certificate, or plain HTTP where the configuration says so by its long name. */
export function serverFactory(
  { limits, listen }: Config,
  certificate: Certificate | null,
): FastifyServerFactory {
  const options = httpOptions(limits)
  if (certificate === null) return (handler) => createServer(options, handler)
  const own = { ...options, ...certificate.context, ALPNCallback: chooseProtocol }
  const asked = listen.tls?.clientCertificates
  if (asked === undefined) return (handler) => createTlsServer(own, handler)
  const rejectUnauthorized = asked.required === true
  return (handler) => createTlsServer({ ...own, requestCert: true, rejectUnauthorized }, handler)
}

/**
 * DER of the certificate that the client of this connection proved to hold, if one of the configured authorities
 * issued it: any other says nothing about who is there, and counts as none.
 */
export function clientCertificate({ socket }: IncomingMessage): Buffer | null {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return null
  return socket.getPeerX509Certificate()?.raw ?? null
}

/** `Host` values that are answered: that of publicUrl and those listed besides. */
export function hostNames(config: Config): ReadonlySet<string> {
  return new Set(
    [new URL(config.listen.publicUrl).host, ...(config.listen.hosts ?? [])].map((host) =>
      host.toLowerCase(),
    ),
  )
}
