/**
 * How a connection ends that Node's HTTP server does not end by itself: each with one record, and with an answer only
 * where no other answer could be taken for it.
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Refusal, type RefusalCode } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import { isOfHead, type ParserFault } from './parser-fault.ts'
import type { RefusalAnswer } from './refusal-answer.ts'
import { answerBytes, type Unparsed } from './unparsed.ts'

const BODY_FAULT = 'the body did not arrive as it was announced'
/** For the other side to read a last answer and to close; then the descriptor is given back in any case. */
export const LINGER_MS = 2_000
/** The same, once the time of a stop is over. */
const LAST_WORDS_MS = 200
/** For an answer to move on its way to a client whose body is still coming; it is looked at twice. */
const UNTAKEN_MS = 2_500

export interface Connection {
  readonly source: Exchange['source']
  readonly raw: Socket
  /** Where HTTP is spoken; null until TLS is agreed on. */
  socket: Socket | null
  requests: number
  /** Bytes that cannot be read may be those of its request's body. */
  newest: ServerResponse | null
  /** Answers that are not sent, in the order of their requests: mostly one. */
  readonly waiting: ServerResponse[]
  /** That the socket had brought when its newest request was here as a whole. */
  bytes: number
  /** Bytes that a proxy sent before those of the client. */
  readonly preface: number
  /** Its end is decided, and whatever it is about has its record. */
  ending: boolean
  /** Why TLS was not agreed on. */
  fault: string | null
}

export interface EndingOptions {
  readonly unparsed: Unparsed
  /** Refuses a request whose body broke off; null if it is being answered otherwise. */
  readonly unfinished: (request: IncomingMessage, refusal: Refusal) => RefusalAnswer | null
}

export interface ConnectionEndings {
  failed(one: Connection, socket: Socket, error: ParserFault): void
  /** Bytes that are no request: one record, one answer, the end. */
  refuse(one: Connection, code: RefusalCode, what: string, isHead: boolean): void
  /** Closes without a word once every answer that is waited for is sent. */
  close(one: Connection): void
  /** The connection is gone. */
  closed(one: Connection): void
  /** The time of a stop is over: what is unfinished is refused, and nothing is waited for. */
  cut(one: Connection): void
}

export function createEndings({ unparsed, unfinished }: EndingOptions): ConnectionEndings {
  function failed(one: Connection, socket: Socket, error: ParserFault): void {
    if (one.ending) return
    const { newest } = one
    if (newest?.req.complete === false) {
      one.ending = true
      const refusal = new Refusal(parserCode(error.code), BODY_FAULT, {
        inner: error.code ?? 'unreadable bytes',
      })
      const answer = unfinished(newest.req, refusal)
      // null: it was refused before, and that answer is on its way
      if (answer === null) end(one, null, null)
      else end(one, answerBytes(answer, newest.req.method === 'HEAD'), newest)
      return
    }
    // a reset by the peer between two requests is not a request
    if (isReset(error.code) && !headWasBegun(one, socket)) {
      one.ending = true
      socket.destroy()
      return
    }
    refuse(one, parserCode(error.code), error.code ?? 'unreadable bytes', isOfHead(error))
  }

  function refuse(one: Connection, code: RefusalCode, what: string, isHead: boolean): void {
    one.ending = true
    void unparsed
      .refuse(one.source, code, what)
      .then((answer) => end(one, answerBytes(answer, isHead), null))
  }

  return {
    failed,
    refuse,
    close(one) {
      one.ending = true
      end(one, null, null)
    },
    closed(one) {
      // Node forgets answers that were queued behind another one
      const forgotten = [...one.waiting]
      for (const response of forgotten) response.emit('close')
      const { bytesRead, bytesWritten } = one.raw
      // who was answered with a ServerHello and went away has asked for nothing
      const isWhole = one.fault === null && bytesWritten > 0
      if (one.socket !== null || bytesRead <= one.preface || isWhole) return
      void unparsed.refuse(one.source, 'bad_request', one.fault ?? 'TLS broke off')
    },
    cut(one) {
      const open = [...one.waiting]
      let words: string | null = null
      if (!one.ending) {
        one.ending = true
        for (const { req, headersSent } of open) {
          const answer = unfinished(
            req,
            new Refusal('not_ready', 'the gateway stopped before this had an answer'),
          )
          const isOnly = open.length === 1 && !headersSent
          if (answer !== null && isOnly) words = answerBytes(answer, req.method === 'HEAD')
        }
      }
      if (words !== null && one.socket?.writable === true) {
        one.socket.end(words)
        destroyLater(one, LAST_WORDS_MS)
      } else destroy(one)
    },
  }
}

/** @param own the response of the request that `bytes` answer; null if they answer none */
function end(one: Connection, bytes: string | null, own: ServerResponse | null): void {
  const { socket } = one
  const before = one.waiting.filter((response) => response !== own)
  const last = before.at(-1)
  if (last !== undefined) {
    // a refusal in their place would be read as the answer of a request that was served: these come, then the end
    last.shouldKeepAlive = false
    last.once('close', () => {
      end(one, null, own)
    })
    return
  }
  if (socket === null || own?.headersSent === true) {
    destroy(one)
    return
  }
  if (socket.writable) {
    if (bytes !== null) socket.write(bytes)
    socket.end()
  }
  destroyLater(one, LINGER_MS)
}

/** Closes both ways after some time, unless that is done before. */
export function destroyLater(one: Connection, afterMs: number): void {
  const timer = setTimeout(() => {
    destroy(one)
  }, afterMs)
  timer.unref()
  one.raw.once('close', () => {
    clearTimeout(timer)
  })
}

/**
 * Cuts a connection whose answer does not move while its request's body is not all here. Nothing else tells that the
 * client has gone: a body that nobody reads keeps the socket from being read, and TLS drops the error of a write of its
 * own (a session ticket), after which every answer on that connection waits for ever.
 */
export function cutIfUntaken(one: Connection, response: ServerResponse): void {
  const { req } = response
  let before = Infinity
  const timer = setInterval(() => {
    const left = req.socket.writableLength
    if (left >= before && !req.complete) destroy(one)
    before = left
  }, UNTAKEN_MS)
  timer.unref()
  response.once('close', () => {
    clearInterval(timer)
  })
}

function destroy({ socket, raw }: Connection): void {
  socket?.destroy()
  raw.destroy()
}

/** Whether bytes came after the newest request; those that came in one packet with its end are not told apart. */
export function headWasBegun({ bytes }: Connection, { bytesRead }: Socket): boolean {
  return bytesRead > bytes
}

/** Whether the other side went away. */
export function isReset(code: string | undefined): boolean {
  return code === 'ECONNRESET' || code === 'EPIPE'
}

function parserCode(code: string | undefined): RefusalCode {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large'
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout'
  return 'bad_request'
}
