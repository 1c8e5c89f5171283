/**
 * One connection to Azure: one request after another, each with its answer. After anything unexpected it is closed: a
 * connection that is used again must be exactly at the end of an answer, or the next caller would get what is left of it.
 * @module
 */
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { errors } from 'undici'
import { answerHead, MalformedAnswer, MOST_HEAD_BYTES, type AnswerHead } from './answer-head.ts'
import { Chunks } from './chunks.ts'

/** What may be done about an answer while it arrives. */
export interface AnswerControl {
  /** Ends the call and its connection; the call is told of `reason` as its error. */
  abort(reason: Error): void
  pause(): void
  resume(): void
}

/** Who is told of an answer, as undici's handlers are: its end or its error last, and once. */
export interface AnswerHandler {
  onRequestStart(control: AnswerControl): void
  onResponseStart(control: AnswerControl, status: number, headers: AnswerHead['headers']): void
  onResponseData(control: AnswerControl, piece: Buffer): void
  onResponseEnd(): void
  onResponseError(control: AnswerControl | null, error: Error): void
}

export interface Request {
  readonly method: string
  /** As `requestHead` makes it. */
  readonly head: string
  readonly body: Buffer | null
  /** Its connection is not used again. */
  readonly isLast: boolean
  /** Milliseconds for the head of the answer, and for each next part of it. */
  readonly timeoutMs: number
}

/** A request on its way. A class, because one is made for each call. */
export class SentRequest implements AnswerControl {
  readonly request: Request
  readonly handler: AnswerHandler
  /** The connection that it was written to; null before that, and when it is over. */
  connection: Connection | null = null
  isOver = false

  constructor(request: Request, handler: AnswerHandler) {
    this.request = request
    this.handler = handler
  }

  abort(reason: Error): void {
    this.connection?.destroy()
    this.fail(reason)
  }

  pause(): void {
    this.connection?.pause()
  }

  resume(): void {
    this.connection?.resume()
  }

  /** Nothing more comes of it. */
  fail(error: Error): void {
    if (this.isOver) return
    this.isOver = true
    this.connection = null
    this.handler.onResponseError(this, error)
  }

  end(): void {
    this.isOver = true
    this.connection = null
    this.handler.onResponseEnd()
  }
}

/** The pool that a connection belongs to. */
export interface Pool {
  /** It may be used again. */
  released(connection: Connection): void
  closed(connection: Connection): void
}

const HEAD_END = Buffer.from('\r\n\r\n')
const BEGINNING = 'HTTP/1.'
const SWITCHING_PROTOCOLS = 101
/** A server may close an idle connection a little earlier than it says: a request that is on its way then is lost. */
const MARGIN_MS = 2_000
/** How long a request may take to go out after its answer has arrived. */
const WRITING_MS = 1_000

export class Connection {
  /** How long it is kept without a request, as `performance.now` has it. */
  idleUntil: number
  readonly #socket: Socket
  readonly #pool: Pool
  readonly #idleMs: number
  #sent: SentRequest | null = null
  /** When the next part of an answer has to be here; infinite while none is awaited. */
  #deadline = Number.POSITIVE_INFINITY
  /** The beginning of a head that is not complete yet. */
  #partial: Buffer | null = null
  /** Of the answer whose body is read; null before that. */
  #head: AnswerHead | null = null
  /** Bytes of its body that are still to come, if it has a length. */
  #left = 0
  #chunks: Chunks | null = null
  /** All of the last request went out. */
  #isWritten = true
  /** Milliseconds for which it is kept once its last request is written; null unless only that is awaited. */
  #keptMs: number | null = null
  readonly #written = (error?: Error | null): void => {
    if (error !== undefined && error !== null) return
    this.#isWritten = true
    if (this.#keptMs !== null) this.#release(this.#keptMs)
  }

  /** @param idleMs how long it is kept without a request, unless an answer says less */
  constructor(socket: Socket, pool: Pool, idleMs: number) {
    this.#socket = socket
    this.#pool = pool
    this.#idleMs = idleMs
    this.idleUntil = performance.now() + idleMs
    socket
      .on('data', (bytes: Buffer) => this.#arrived(bytes))
      .on('end', () => this.#ended())
      .on('error', (error) => this.fail(error))
      .on('close', () => {
        this.fail(new errors.SocketError('other side closed'))
        pool.closed(this)
      })
  }

  get isUsable(): boolean {
    return this.#sent === null && this.#socket.writable && !this.#socket.destroyed
  }

  /** Sends a request. @returns false if its call was given up meanwhile: another one may be sent */
  send(sent: SentRequest): boolean {
    if (!sent.isOver) sent.handler.onRequestStart(sent)
    if (sent.isOver) return false
    const { head, body, timeoutMs } = sent.request
    sent.connection = this
    this.#sent = sent
    this.#deadline = performance.now() + timeoutMs
    this.#isWritten = false
    if (body === null) this.#socket.write(head, 'latin1', this.#written)
    else {
      this.#socket.cork()
      this.#socket.write(head, 'latin1')
      this.#socket.write(body, this.#written)
      this.#socket.uncork()
    }
    return true
  }

  pause(): void {
    this.#socket.pause()
    this.#deadline = Number.POSITIVE_INFINITY
  }

  resume(): void {
    if (!this.#socket.isPaused()) return
    this.#socket.resume()
    this.#deadline = performance.now() + (this.#sent?.request.timeoutMs ?? 0)
  }

  /** Ends it if what it waits for is late, or if it has been idle for too long. */
  checkTime(now: number): void {
    if (this.#sent === null) {
      if (now > this.idleUntil) this.#socket.destroy()
    } else if (now > this.#deadline) {
      this.fail(
        this.#head === null ? new errors.HeadersTimeoutError() : new errors.BodyTimeoutError(),
      )
    }
  }

  /** Its call, if any, is told nothing. */
  destroy(): void {
    this.#sent = null
    this.#socket.destroy()
  }

  /** Ends it; its call, if any, is told why. */
  fail(error: Error): void {
    const sent = this.#sent
    this.destroy()
    sent?.fail(error)
  }

  /** The other side sends nothing more. */
  #ended(): void {
    if (this.#head?.bodyEnd === 'close' && this.#sent !== null) this.#complete(this.#sent, false)
    else this.fail(new errors.SocketError('other side closed'))
  }

  #arrived(bytes: Buffer): void {
    const sent = this.#sent
    if (sent === null) {
      // an answer without a request
      this.destroy()
      return
    }
    try {
      this.#read(sent, bytes)
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error('the answer cannot be read'))
    }
  }

  #read(sent: SentRequest, bytes: Buffer): void {
    let rest = bytes
    while (this.#head === null) {
      const after = this.#readHead(sent, rest)
      if (after === null) return
      rest = after
    }
    this.#deadline = this.#socket.isPaused()
      ? Number.POSITIVE_INFINITY
      : performance.now() + sent.request.timeoutMs
    const end = this.#readBody(sent, rest)
    if (end !== null && !sent.isOver) this.#complete(sent, end === rest.byteLength)
  }

  /** @returns what follows a head; null if it is not complete yet, or if its call is over */
  #readHead(sent: SentRequest, bytes: Buffer): Buffer | null {
    const all = this.#partial === null ? bytes : Buffer.concat([this.#partial, bytes])
    const end = all.indexOf(HEAD_END)
    if ((end < 0 ? all.byteLength : end) > MOST_HEAD_BYTES) throw new errors.HeadersOverflowError()
    if (end < 0) {
      checkBeginning(all)
      this.#partial = all
      return null
    }
    this.#partial = null
    const { method } = sent.request
    const head = answerHead(all.toString('latin1', 0, end), method)
    const rest = all.subarray(end + HEAD_END.byteLength)
    if (head.status === SWITCHING_PROTOCOLS)
      throw new errors.SocketError('the server switched to another protocol')
    // the answer itself is still to come
    if (head.status < 200) return rest
    this.#head = head
    if (head.bodyEnd === 'chunked') this.#chunks = new Chunks()
    else this.#left = head.bodyEnd === 'close' ? Number.POSITIVE_INFINITY : head.bodyEnd
    sent.handler.onResponseStart(sent, head.status, head.headers)
    return sent.isOver ? null : rest
  }

  /** @returns where the body ends in `bytes`; null if it goes on */
  #readBody(sent: SentRequest, bytes: Buffer): number | null {
    if (this.#chunks !== null) {
      const end = this.#chunks.read(bytes, (piece) => {
        sent.handler.onResponseData(sent, piece)
        return !sent.isOver
      })
      return this.#chunks.isOver ? end : null
    }
    const piece = bytes.byteLength <= this.#left ? bytes : bytes.subarray(0, this.#left)
    this.#left -= piece.byteLength
    if (piece.byteLength > 0) sent.handler.onResponseData(sent, piece)
    return this.#left === 0 ? piece.byteLength : null
  }

  /** @param isAtEnd whether nothing came behind the answer */
  #complete(sent: SentRequest, isAtEnd: boolean): void {
    const { persistent = false, bodyEnd, idleMs } = this.#head ?? {}
    this.#sent = this.#head = this.#chunks = null
    this.#deadline = Number.POSITIVE_INFINITY
    const keptMs = idleMs == null ? this.#idleMs : Math.min(this.#idleMs, idleMs - MARGIN_MS)
    const { isLast } = sent.request
    sent.end()
    if (!persistent || !isAtEnd || bodyEnd === 'close' || keptMs <= 0 || isLast) {
      this.#socket.destroy()
      return
    }
    if (this.#socket.isPaused()) this.#socket.resume()
    if (this.#isWritten) {
      this.#release(keptMs)
      return
    }
    // over TLS an answer may be here before the end of the writing is told; a server that does not read on is not waited for
    this.#keptMs = keptMs
    this.idleUntil = performance.now() + Math.min(keptMs, WRITING_MS)
  }

  #release(keptMs: number): void {
    this.#keptMs = null
    this.idleUntil = performance.now() + keptMs
    if (this.#socket.writable) this.#pool.released(this)
    else this.#socket.destroy()
  }
}

/** Refuses what cannot become a head at once, and not only when nothing more comes. */
function checkBeginning(bytes: Buffer): void {
  const text = bytes.toString('latin1')
  if (!BEGINNING.startsWith(text.slice(0, BEGINNING.length)) || /(?:^|[^\r])\n/.test(text))
    throw new MalformedAnswer('INVALID_CONSTANT', 'the answer does not begin as HTTP/1 does')
}
