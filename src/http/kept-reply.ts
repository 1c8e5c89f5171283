/**
 * A call that the gateway makes in the name of its caller, in place of a connection's: its request is made of what was
 * held, and its answer is kept.
 * @module
 */
import { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { Reply } from './reply.ts'
import { sourceOf, stateSource } from './source.ts'

/** A call as its author sent it. */
export interface HeldCall {
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export interface KeptAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Of an operation's status, or of a document that was made. Of a longer answer the rest is dropped. */
const MAX_BYTES = 1_048_576

export class KeptReply implements Reply {
  readonly request: IncomingMessage
  /** Null if the answer broke off. */
  readonly answer: Promise<KeptAnswer | null>
  readonly #settle: (answer: KeptAnswer | null) => void
  readonly #closers: (() => void)[] = []
  #begun = false
  #closed = false
  #finished = false

  /** @param by the request of the caller in whose name it is made: its connection and its token are used */
  constructor(call: HeldCall, by: IncomingMessage) {
    const { promise, resolve } = Promise.withResolvers<KeptAnswer | null>()
    this.answer = promise
    this.#settle = resolve
    this.request = requestOf(call, by)
  }

  get begun(): boolean {
    return this.#begun
  }

  /** It is made to its end, whoever waits for it. */
  get gone(): boolean {
    return false
  }

  get finished(): boolean {
    return this.#finished
  }

  onceClosed(listener: () => void): void {
    this.#closers.push(listener)
  }

  send(status: number, headers: Record<string, string>, body: Buffer | string | null): void {
    this.#begun = true
    this.#finished = true
    this.#close({ status, headers, body: Buffer.from(body ?? '') })
  }

  stream(
    status: number,
    headers: Record<string, string>,
    source: Readable,
    failed: (error: Error) => void,
  ): void {
    const chunks: Buffer[] = []
    let size = 0
    source.on('data', (chunk: Buffer) => {
      this.#begun = true
      size += chunk.byteLength
      if (size <= MAX_BYTES) chunks.push(chunk)
    })
    source.once('end', () => this.send(status, headers, Buffer.concat(chunks)))
    source.on('error', (error) => {
      if (this.#begun) this.cut()
      else failed(error)
    })
  }

  cut(): void {
    this.#begun = true
    this.#close(null)
  }

  #close(answer: KeptAnswer | null): void {
    if (this.#closed) return
    this.#closed = true
    for (const closed of this.#closers.splice(0)) closed()
    this.#settle(answer)
  }
}

function requestOf({ method, target, headers, body }: HeldCall, by: IncomingMessage) {
  const request = new IncomingMessage(by.socket)
  stateSource(request, sourceOf(by))
  const length = body.byteLength === 0 ? {} : { 'content-length': String(body.byteLength) }
  const { authorization } = by.headers
  // of the poll: an identity that acts on behalf of its caller needs a token that is valid now
  const token = authorization === undefined ? {} : { authorization }
  request.headers = { ...headers, ...length, ...token }
  request.rawHeaders = Object.entries(request.headers).flatMap(([name, value]) => [
    name,
    String(value),
  ])
  Object.assign(request, { method, url: target, httpVersion: by.httpVersion, complete: true })
  request.push(body)
  request.push(null)
  return request
}
