/**
 * The HTTP server: its limits, and a record of what Node refuses before any hook of Fastify runs.
 * @module
 */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { FastifyServerFactory } from 'fastify'
import type { Config } from '../config/schema/schema.ts'
import type { Recorder } from '../audit/recorder.ts'
import { Refusal, STATUS, type RefusalCode } from '../errors.ts'

const KEEP_ALIVE_MS = 65_000
/** Above what inbound.ts allows of headers and target.ts of the target: these say what is wrong, Node cannot. */
const MAX_HEADER_BYTES = 48 * 1024
const MAX_REQUESTS_PER_SOCKET = 10_000
const BODY_FAULT = 'the body did not arrive as it was announced'

/**
 * Options of http(s).createServer. `requireHostHeader` is off because Node would answer by itself, unrecorded.
 * `requestTimeout` works only if headersTimeout is not above it and connections are checked often enough.
 */
function httpOptions(limits: Config['limits']): {
  requireHostHeader: false
  maxHeaderSize: number
  headersTimeout: number
  requestTimeout: number
  connectionsCheckingInterval: number
  keepAliveTimeout: number
} {
  return {
    requireHostHeader: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: Math.max(limits.requestTimeoutMs, limits.headersTimeoutMs),
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: KEEP_ALIVE_MS,
  }
}

// What is known of a connection hangs on its socket, and goes with it: Node reports its own failures with nothing else.
/** Sockets whose failure already has its record: Node may report one several times. */
const recorded = new WeakSet<Socket>()
/** The newest request of each connection: bytes that cannot be read may be those of its body. */
const newest = new WeakMap<Socket, IncomingMessage>()

/**
 * Node's parser gave up on the bytes of a connection: one record, one plain answer, and the end of it.
 * @param unfinished refuses the request whose body these bytes are, so that its own record says so and there is no other;
 *   false if that request is being answered otherwise
 */
export function refuseBytes(
  error: Error & { code?: string },
  socket: Socket,
  recorder: Recorder,
  unfinished: (request: IncomingMessage, refusal: Refusal) => boolean,
): void {
  if (recorded.has(socket)) return
  recorded.add(socket)
  const request = newest.get(socket)
  if (request?.complete === false) {
    const code = parserCode(error.code)
    const refusal = new Refusal(code, BODY_FAULT, { inner: error.code ?? 'unreadable bytes' })
    if (unfinished(request, refusal)) answerSocket(socket, code)
    return
  }
  // a reset by the peer between two requests is not a request
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') {
    socket.destroy()
    return
  }
  const code = parserCode(error.code)
  refuseSocket(socket, code, recorder, error.code ?? 'unreadable bytes')
}

function parserCode(code: string | undefined): RefusalCode {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large'
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout'
  return 'bad_request'
}

function refuseSocket(socket: Socket, code: RefusalCode, recorder: Recorder, what: string): void {
  const source = { ip: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
  recorder
    .received({ source, what, status: STATUS[code] })
    .catch(() => undefined)
    .finally(() => answerSocket(socket, code))
}

/** Says what is wrong on a connection that no response object belongs to, and ends it. */
function answerSocket(socket: Socket, code: RefusalCode): void {
  if (!socket.writable) return
  const body = JSON.stringify({
    error: { code, message: 'this is not a request that the gateway can read' },
  })
  socket.end(
    `HTTP/1.1 ${STATUS[code]} ${code}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Cache-Control: no-store\r\nConnection: close\r\n\r\n${body}`,
  )
}

/** What Node would otherwise answer or drop by itself: CONNECT, unknown Expect, refused TLS. */
export function guardServer(server: Server | TlsServer, recorder: Recorder): void {
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET
  server.prependListener('request', (request: IncomingMessage) => {
    newest.set(request.socket, request)
  })
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    recorded.add(socket)
    refuseSocket(socket, 'method_not_allowed', recorder, 'CONNECT')
  })
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    const source = { ip: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
    const body = JSON.stringify({
      error: { code: 'expectation_failed', message: 'header "expect" is not one that is served' },
    })
    recorder
      .received({ source, what: 'Expect', status: 417 })
      .catch(() => undefined)
      .finally(() => {
        response
          .writeHead(417, { 'content-type': 'application/json', connection: 'close' })
          .end(body)
      })
  })
  server.on('tlsClientError', (error: Error & { code?: string }, socket: Socket) => {
    if (recorded.has(socket)) return
    recorded.add(socket)
    const source = { ip: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
    recorder.received({ source, what: error.code ?? 'TLS', status: 400 }).catch(() => undefined)
    socket.destroy()
  })
}

/** TLS from the configured files, or plain HTTP where the configuration says so by its long name. */
export async function serverFactory(config: Config): Promise<FastifyServerFactory> {
  const options = httpOptions(config.limits)
  const { tls } = config.listen
  if (tls === undefined) return (handler) => createServer(options, handler)
  const { certFile, keyFile, clientCertificates } = tls
  const [cert, key, ca] = await Promise.all([
    readFile(certFile),
    readFile(keyFile),
    clientCertificates === undefined ? null : readFile(clientCertificates.caFile),
  ])
  const own = { ...options, cert, key, minVersion: 'TLSv1.2' as const }
  if (ca === null) return (handler) => createTlsServer(own, handler)
  const rejectUnauthorized = clientCertificates?.required === true
  return (handler) =>
    createTlsServer({ ...own, ca, requestCert: true, rejectUnauthorized }, handler)
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
