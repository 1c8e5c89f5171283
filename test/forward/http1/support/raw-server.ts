/** A server that writes bytes as it is told, and clients that say what they made of them. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'
import type { Dispatcher } from 'undici'
import type { AnswerControl, AnswerHandler } from '../../../../src/forward/http1/connection.ts'
import {
  createConnections,
  type Connections,
  type WholeRequest,
} from '../../../../src/forward/http1/connections.ts'

/** What came of a request. */
export interface Outcome {
  readonly status: number | null
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly body: string
  /** Its code, or its name; null if the answer came to its end. */
  readonly error: string | null
}

/** A server; `serve` is given each connection and its number. @returns its origin */
export async function rawServer(
  t: Test,
  serve: (socket: Socket, connection: number) => void,
): Promise<string> {
  let connections = 0
  const open = new Set<Socket>()
  const server: Server = createServer({ noDelay: true }, (socket) => {
    open.add(socket)
    // whoever ends a connection here may do so in the middle of what is written
    socket.on('error', () => undefined).on('close', () => open.delete(socket))
    connections += 1
    serve(socket, connections)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Calls `answer` with the head and the body of each request that is whole; bodies have a length. */
export function onRequest(socket: Socket, answer: (head: string, body: string) => void): void {
  let text = ''
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1')
    for (;;) {
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = text.slice(0, end)
      const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0)
      if (text.length < end + 4 + length) return
      const body = text.slice(end + 4, end + 4 + length)
      text = text.slice(end + 4 + length)
      answer(head, body)
    }
  })
}

/** Keeps what a client says of an answer. */
export class Keeper implements AnswerHandler, Dispatcher.DispatchHandler {
  status: number | null = null
  headers: Outcome['headers'] = {}
  control: AnswerControl | null = null
  pieces: Buffer[] = []
  /** How often an end was told: once, and no more. */
  ends = 0
  readonly outcome: Promise<Outcome>
  /** Called with each piece. */
  onPiece: ((control: AnswerControl) => void) | null = null
  readonly #settle: (outcome: Outcome) => void

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    this.outcome = promise
    this.#settle = resolve
  }

  onRequestStart(control: AnswerControl): void {
    this.control = control
  }

  onResponseStart(_: AnswerControl, status: number, headers: object): void {
    if (status < 200) return
    this.status = status
    this.headers = { ...headers }
  }

  onResponseData(control: AnswerControl, piece: Buffer): void {
    this.pieces.push(Buffer.from(piece))
    this.onPiece?.(control)
  }

  onResponseEnd(): void {
    this.#end(null)
  }

  onResponseError(_: AnswerControl | null, error: Error): void {
    this.#end('code' in error && typeof error.code === 'string' ? error.code : error.name)
  }

  #end(error: string | null): void {
    this.ends += 1
    const { status, headers } = this
    const body = Buffer.concat(this.pieces).toString('latin1')
    this.#settle({ status, headers, body, error })
  }
}

/** Connections that are closed with the test. */
export function connectionsFor(t: Test, idleMs = 30_000): Connections {
  const connections = createConnections({ connectTimeoutMs: 5_000, idleMs })
  t.teardown(() => connections.close())
  return connections
}

const TIMEOUT_MS = 10_000

/** A GET of `/`, unless it is said otherwise. */
export const requestTo = (origin: string, change: Partial<WholeRequest> = {}): WholeRequest => ({
  origin,
  method: 'GET',
  path: '/',
  headers: [],
  body: null,
  timeoutMs: TIMEOUT_MS,
  ...change,
})

export function ask(
  connections: Connections,
  origin: string,
  change: Partial<WholeRequest> = {},
): Promise<Outcome> {
  const keeper = new Keeper()
  connections.send(requestTo(origin, change), keeper)
  return keeper.outcome
}
