/**
 * One server of the lab: notes what arrives, fails when asked to, answers `/_lab/*`, and leaves the rest to its handler.
 * @module
 */
import { createHash } from 'node:crypto'
import * as http from 'node:http'
import * as https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { deferred } from './deferred.ts'
import { createFaults, type Fault, type Faults } from './faults.ts'
import { KEPT_BODY_BYTES, type Entry, type Journal } from './journal.ts'

/** Bodies up to this size are given to handlers; longer ones are hashed and let go. */
const HELD_BODY_BYTES = 8 * 1024 * 1024
/** So that what was written before a cut has left. */
const CUT_AFTER_MS = 20

export interface Body {
  readonly bytes: number
  readonly sha256: string
  /** Null if longer than 8 MiB. */
  readonly content: Buffer | null
}

/** One request, as handlers see it. */
export interface Call {
  readonly method: string
  /** Path as received, without the query. */
  readonly path: string
  /** Query with decoded keys in lower case (an SDK sends `?api%2Dversion=`). */
  readonly params: ReadonlyMap<string, string>
  readonly headers: http.IncomingHttpHeaders
  readonly body: () => Promise<Body>
  readonly raw: { readonly request: http.IncomingMessage; readonly response: http.ServerResponse }
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Buffer | Readable
}

/** Null means that the handler has answered on `call.raw` itself. */
export type Handler = (call: Call) => Promise<Answer | null> | Answer | null

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
  close(): Promise<void>
}

/** A JSON answer. */
export function json(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(value),
  }
}

/** Holds the sender back after each chunk, for as long as it should have taken. */
function slowDown(request: http.IncomingMessage, bytesPerSecond: number, ms = Infinity): void {
  const until = performance.now() + ms
  request.on('data', (chunk: Buffer) => {
    if (performance.now() > until) return
    request.pause()
    setTimeout(() => request.resume(), (chunk.length / bytesPerSecond) * 1000)
  })
}

function readBody(request: http.IncomingMessage, entry: Entry): Promise<Body> {
  const { promise, resolve, reject } = deferred<Body>()
  const hash = createHash('sha256')
  let chunks: Buffer[] | null = []
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    hash.update(chunk)
    bytes += chunk.length
    entry.bodyBytes = bytes
    if (bytes > HELD_BODY_BYTES) chunks = null
    else chunks?.push(chunk)
  })
  request.on('error', reject)
  request.on('end', () => {
    const sha256 = hash.digest('hex')
    const content = chunks === null ? null : Buffer.concat(chunks)
    entry.bodySha256 = sha256
    if (content !== null && bytes <= KEPT_BODY_BYTES) entry.body = content.toString('utf8')
    resolve({ bytes, sha256, content })
  })
  // a handler that refuses without reading must not turn a broken upload into an unhandled rejection
  promise.catch(() => {})
  return promise
}

function parseTarget(url: string): { path: string; params: Map<string, string> } {
  const at = url.indexOf('?')
  const params = new Map<string, string>()
  if (at === -1) return { path: url, params }
  for (const [name, value] of new URLSearchParams(url.slice(at + 1))) {
    params.set(name.toLowerCase(), value)
  }
  return { path: url.slice(0, at), params }
}

async function send(
  response: http.ServerResponse,
  answer: Answer,
  cut: boolean,
  entry: Entry,
): Promise<void> {
  entry.status = answer.status
  response.writeHead(answer.status, { ...answer.headers } as http.OutgoingHttpHeaders)
  if (answer.body instanceof Readable) {
    if (!cut) {
      answer.body.on('data', (chunk: Buffer | string) => {
        entry.sentBytes += Buffer.byteLength(chunk)
      })
      await pipeline(answer.body, response)
      return
    }
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      response.write(chunk)
      break
    }
    await delay(CUT_AFTER_MS)
    response.destroy()
    return
  }
  const body = Buffer.from(answer.body ?? '')
  if (!cut) {
    response.end(body)
    return
  }
  response.write(body.subarray(0, Math.ceil(body.length / 2)))
  await delay(CUT_AFTER_MS)
  response.destroy()
}

function withLength(answer: Answer, method: string | undefined): Answer {
  if (answer.body instanceof Readable) return answer
  if (answer.status === 204 || answer.status === 304) return { ...answer, body: '' }
  const length = String(Buffer.byteLength(answer.body ?? ''))
  return {
    ...answer,
    headers: { ...answer.headers, 'content-length': length },
    body: method === 'HEAD' ? '' : (answer.body ?? ''),
  }
}

function faultAnswer(fault: Fault): Answer | null {
  if (fault.status === undefined && fault.body === undefined && fault.headers === undefined)
    return null
  return {
    status: fault.status ?? 200,
    headers: {
      ...(fault.body === undefined || typeof fault.body === 'string'
        ? {}
        : { 'content-type': 'application/json' }),
      ...fault.headers,
    },
    body:
      typeof fault.body === 'string'
        ? fault.body
        : fault.body === undefined
          ? ''
          : JSON.stringify(fault.body),
  }
}

function* journalText(entries: readonly Entry[]): Generator<string> {
  yield '['
  for (const [i, entry] of entries.entries()) yield (i === 0 ? '' : ',\n') + JSON.stringify(entry)
  yield ']\n'
}

const NOT_READY: Handler = () => json(503, { error: 'this part of the lab is not ready yet' })

/** Starts listening; rejects if the port is taken. */
export async function createPart(options: PartOptions): Promise<Part> {
  const { name, journal } = options
  const faults = createFaults()
  const sockets = new Set<Socket>()
  let handler: Handler = NOT_READY

  async function inspect(call: Call): Promise<Answer> {
    const route = call.path.slice('/_lab/'.length)
    const own = new Map(Object.entries(options.routes ?? {})).get(route)
    if (own !== undefined) return (await own(call)) ?? { status: 204 }
    if (route === 'health') return json(200, { part: name })
    if (route === 'requests' && call.method === 'DELETE') {
      journal.clear()
      return { status: 204 }
    }
    if (route === 'requests') {
      const needle = call.params.get('path')
      const all = journal.entries()
      const found = needle === undefined ? [...all] : all.filter((e) => e.url.includes(needle))
      const headers = { 'content-type': 'application/json; charset=utf-8' }
      return { status: 200, headers, body: Readable.from(journalText(found)) }
    }
    if (route === 'faults' && call.method === 'POST') {
      try {
        faults.add(JSON.parse((await call.body()).content?.toString('utf8') ?? ''))
        return { status: 204 }
      } catch (error) {
        return json(400, { error: error instanceof Error ? error.message : 'bad fault' })
      }
    }
    if (route === 'faults' && call.method === 'DELETE') {
      faults.clear()
      return { status: 204 }
    }
    if (route === 'faults') return json(200, faults.list())
    return json(404, {
      error: `no such inspection route in the lab's part "${name}": ${call.path}`,
    })
  }

  async function answerFaulty(call: Call, fault: Fault, entry: Entry): Promise<void> {
    const { response, request } = call.raw
    if (fault.delayMs !== undefined) await delay(fault.delayMs)
    const planned = faultAnswer(fault)
    const cuts = fault.reset === true || fault.raw !== undefined
    const fails = planned !== null || cuts || fault.hang === true
    const real = !fails || fault.after === true ? await handler(call) : null
    if (fault.hang === true) return
    if (fault.raw !== undefined) {
      if (fault.hold === true) request.socket.write(fault.raw, 'latin1')
      else request.socket.end(fault.raw, 'latin1')
      return
    }
    if (fault.reset === true) {
      request.socket.destroy()
      return
    }
    const answer = planned ?? real
    if (answer !== null)
      await send(response, withLength(answer, request.method), fault.reset === 'mid-body', entry)
  }

  async function respond(request: http.IncomingMessage, response: http.ServerResponse) {
    const url = request.url ?? ''
    const own = url.startsWith('/_lab/')
    // what inspects is not itself part of what arrived
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
      await answerFaulty(call, fault, entry)
      return
    }
    const answer = await handler(call)
    if (answer !== null) await send(response, withLength(answer, request.method), false, entry)
  }

  const listener: http.RequestListener = (request, response) => {
    respond(request, response).catch((error: unknown) => {
      // a caller that hangs up while it is being sent an answer is no fault of the lab
      if (request.socket.destroyed || response.writableEnded) return
      console.error(`lab ${name}: ${request.method} ${request.url}:`, error)
      if (response.headersSent) response.destroy()
      else response.writeHead(500).end()
    })
  }
  // the gateway's keep-alive pool must not race the lab's idle time-out
  const settings = { keepAliveTimeout: 75_000, requestTimeout: 0, maxHeaderSize: 65_536 }
  const server =
    options.tls === null
      ? http.createServer(settings, listener)
      : https.createServer({ ...settings, ...options.tls }, listener)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const { promise, resolve, reject } = deferred<void>()
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
    serve(next) {
      handler = next
    },
    close() {
      const closed = deferred<void>()
      server.close(() => closed.resolve())
      for (const socket of sockets) socket.destroy()
      return closed.promise
    },
  }
}
