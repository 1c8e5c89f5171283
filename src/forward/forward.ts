/**
 * Sends a granted request to Azure, and its answer back.
 * @module
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { Operation } from '../vocabulary/operation.ts'
import type { Target } from '../azureml/target.ts'
import type { Progress } from '../exchange.ts'
import type { Reply } from '../http/reply.ts'
import type { Grant } from '../token/grant.ts'
import { sendAnswer, type Answering, type AnswerRules } from './answer.ts'
import { brokenOff, discard, type UpstreamAnswer } from './answer-body.ts'
import { requestHeaders, upstreamIds } from './headers.ts'
import { upstreamFault } from './transport-faults.ts'
import { uploadOf } from './upload.ts'
import type { AnswerHead } from './upstream-call.ts'
import type { Upstream } from './upstream.ts'
import { Refusal, toRefusal } from '../errors.ts'
import { isPending } from '../lib/pending.ts'

/** What one call needs besides its grant. */
export interface Call extends Answering {
  /** Upstream origin, without a trailing slash. */
  readonly origin: string
  /** Path as Azure knows it. */
  readonly path: string
  /** How long Azure may take, in milliseconds; absent: as long as for any call. */
  readonly timeoutMs?: number | undefined
  /** Resolves when the intent is durable: before that no byte of an answer leaves. */
  readonly recorded: Promise<void>
  /** The body if policy read or changed it; null to stream the caller's bytes untouched. */
  readonly body: Buffer | null
  /** Forgets the token of a grant that Azure rejected. */
  readonly drop: (rejected: Grant) => void
  /** Another grant for the same permit. */
  readonly regrant: () => Promise<Grant>
  /** Where every failure ends: sends the refusal and settles the record. */
  readonly fail: (refusal: Refusal) => Promise<void>
}

export interface ForwardOptions extends AnswerRules {
  readonly userAgent: string
  readonly upstream: Upstream
}

export type Forward = (grant: Grant, call: Call, reply: Reply) => void

/** A call as it is sent, perhaps a second time. */
interface Sending {
  readonly call: Call
  readonly reply: Reply
  readonly target: Target
  readonly operation: Operation
  /** Bytes of the body; null if it is chunked, or if there is none. */
  readonly length: number | null
}

/** Creates the last stage. It takes a grant, which only a permit can become. */
export function createForward(options: ForwardOptions): Forward {
  const { upstream, userAgent } = options

  return function forward(grant, call, reply) {
    const { target, operation } = call.exchange
    if (target === null || operation === null) {
      throw new Refusal('internal_error', 'the gateway failed to judge this request', {
        inner: 'forward without operation',
      })
    }
    const { headers } = reply.request
    const length = call.body?.byteLength ?? contentLength(headers['content-length'])
    send(grant, { call, reply, target, operation, length }, true)
  }

  function send(grant: Grant, sending: Sending, first: boolean): void {
    const { call, reply, target, operation, length } = sending
    const { exchange, progress, origin, timeoutMs } = call
    const { request } = reply
    progress.leaving(origin, grant.identity)
    const identityCoding = options.rewrites(operation, exchange.redact) || call.screen !== null
    // it may be sent twice
    if (timeoutMs !== undefined) allowSilence(request.socket, 2 * timeoutMs)
    const reads = operation.effect === 'read'
    const sent = upstream.send(
      {
        origin,
        path: target.query === '' ? call.path : `${call.path}?${target.query}`,
        method: target.method,
        headers: requestHeaders(
          request.headers,
          exchange,
          grant,
          { length },
          { userAgent, identityCoding },
        ),
        body: call.body ?? bodyOf(request, length, progress),
        timeoutMs,
      },
      {
        answered: reads ? () => undefined : toItsEnd(progress),
        arrived: (answer) => void receive(grant, answer, sending, first),
        failed: (error, head) => {
          // an error whose body broke off is an error all the same
          if (head === null || head.statusCode < 400) void call.fail(upstreamFault(error))
          else void receive(grant, brokenOff(head, error), sending, first)
        },
      },
    )
    // a read is given up with its caller: nobody else wants its answer
    if (reads) {
      reply.onceClosed(() => {
        if (!reply.finished) sent.giveUp()
      })
    }
  }

  async function receive(
    grant: Grant,
    answer: UpstreamAnswer,
    sending: Sending,
    first: boolean,
  ): Promise<void> {
    const { call, reply } = sending
    const { progress } = call
    progress.entered()
    try {
      await call.recorded
      if (answer.statusCode === 401) call.drop(grant)
      if (answer.statusCode === 401 && first && isReplayable(sending)) {
        discard(answer)
        const again = await call.regrant()
        if (!reply.gone) send(again, sending, false)
      } else if (reply.gone) discard(answer)
      else {
        const sent = sendAnswer(answer, call, reply, options)
        if (isPending(sent)) await sent
      }
    } catch (error) {
      discard(answer)
      await call.fail(toRefusal(error))
    } finally {
      progress.left()
    }
  }
}

/** Nothing may pass on a connection for so many milliseconds, until its next request. */
function allowSilence(socket: Socket, ms: number): void {
  const { timeout = 0 } = socket
  // 0: for ever
  if (timeout > 0 && timeout < ms) socket.setTimeout(ms)
}

/**
 * Giving up a change would not undo it, only leave nobody knowing: it is carried to its end, and what Azure answered is
 * on record, whoever waits.
 */
function toItsEnd(progress: Progress): (head: AnswerHead) => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  progress.underWay(promise)
  return (head) => {
    if (head !== null) progress.answered(head.statusCode, upstreamIds(head.headers))
    resolve()
  }
}

/** A call can be sent again if its body, if any, is still here and sending twice does no more than sending once. */
function isReplayable({ call, target, length }: Sending): boolean {
  if (target.method === 'GET' || target.method === 'HEAD') return true
  // a 401 is refused before anything is done; what is missing is only the body's bytes
  return call.body !== null || length === 0
}

/** The caller's body as it comes. A chunked one says nothing of its size beforehand: it is counted as it passes. */
function bodyOf(
  request: IncomingMessage,
  length: number | null,
  progress: Progress,
): Readable | null {
  if (length === 0 || (length === null && request.headers['transfer-encoding'] === undefined))
    return null
  return uploadOf(request, (bytes) => {
    if (length === null) progress.received(bytes)
  })
}

function contentLength(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : null
}
