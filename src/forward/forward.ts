/**
 * Sends a granted request to Azure through @fastify/http-proxy, and its answer back.
 * @module
 */
import { pipeline, Readable, Transform } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Progress } from '../exchange.ts'
import type { Grant } from '../token/grant.ts'
import { sendAnswer, type Answering, type AnswerRules } from './answer.ts'
import { requestHeaders, upstreamIds } from './headers.ts'
import { upstreamFault } from './transport-faults.ts'
import type { AnswerHead, Departure, Upstream } from './upstream.ts'
import { toUpstreamAnswer } from './answer-body.ts'
import { Refusal, toRefusal } from '../errors.ts'

/** What one call needs besides its grant. */
export interface Call extends Answering {
  /** Upstream origin, without a trailing slash. */
  readonly origin: string
  /** Path as Azure knows it. */
  readonly path: string
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

export type Forward = (grant: Grant, call: Call, reply: FastifyReply) => void

/** Creates the last stage. It takes a grant, which only a permit can become. */
export function createForward(options: ForwardOptions): Forward {
  return function forward(grant, call, reply) {
    send(grant, call, reply, true)
  }

  function send(grant: Grant, call: Call, reply: FastifyReply, first: boolean): void {
    const { exchange, progress } = call
    const { target, operation } = exchange
    if (target === null || operation === null) {
      throw new Refusal('internal_error', 'the gateway failed to judge this request', {
        inner: 'forward without operation',
      })
    }
    const request = reply.request
    progress.leaving(call.origin, grant.identity)
    const length =
      call.body === null ? contentLength(request.headers['content-length']) : call.body.byteLength
    const headers = requestHeaders(
      request.headers,
      exchange,
      grant,
      { length },
      {
        userAgent: options.userAgent,
        identityCoding:
          options.rewriter(operation, exchange.redact) !== null || call.screen !== null,
      },
    )
    // it would be the digest of the bytes that the caller sent
    if (exchange.changes !== null) delete headers['content-md5']
    if (call.body === null && length === null) meterBody(request, progress)
    // reply-from reports a status that is not valid to `onError`, and calls `onResponse` all the same
    let failed = false
    const leave = operation.effect === 'read' ? withCaller(reply) : toItsEnd(progress)
    options.upstream.depart(leave, () => {
      reply.from(call.path, {
        getUpstream: () => call.origin,
        queryString: () => target.query,
        rewriteRequestHeaders: () => headers,
        // headers are set where a refusal can still be made of them: this callback must not throw
        rewriteHeaders: () => ({}),
        retryDelay: () => null,
        ...(call.body === null
          ? {}
          : { body: call.body, contentType: headers['content-type'] ?? 'application/json' }),
        onError: (_reply, { error }) => {
          failed = true
          void call.fail(upstreamFault(error))
        },
        onResponse: (_request, _reply, response) => {
          if (failed) {
            toUpstreamAnswer(response)
              .stream.on('error', () => undefined)
              .destroy()
            return
          }
          receive(response).catch((error: unknown) => call.fail(toRefusal(error)))
        },
      })
    })

    async function receive(response: object): Promise<void> {
      const answer = toUpstreamAnswer(response)
      progress.entered()
      try {
        await call.recorded
        if (answer.statusCode === 401) call.drop(grant)
        if (answer.statusCode === 401 && first && replayable(request.method, call.body, length)) {
          answer.stream.resume()
          const again = await call.regrant()
          if (!reply.raw.destroyed) send(again, call, reply, false)
          return
        }
        await sendAnswer(answer, call, reply, options)
      } catch (error) {
        answer.stream.on('error', () => undefined).destroy()
        throw error
      } finally {
        progress.left()
      }
    }
  }
}

/** A read is given up with its caller: nobody else wants its answer. */
function withCaller(reply: FastifyReply): Departure {
  const gone = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort()
  })
  return { signal: gone.signal, answered: () => undefined }
}

/**
 * Giving up a change would not undo it, only leave nobody knowing: it is carried to its end, and what Azure answered is
 * on record, whoever waits.
 */
function toItsEnd(progress: Progress): Departure {
  const { promise, resolve } = Promise.withResolvers<void>()
  progress.underWay(promise)
  const answered = (head: AnswerHead): void => {
    // reply-from refuses a status above 599: then there is no answer
    if (head !== null && head.statusCode < 600)
      progress.answered(head.statusCode, upstreamIds(head.headers))
    resolve()
  }
  return { signal: null, answered }
}

/** A call can be sent again if its body, if any, is still here and sending twice does no more than sending once. */
function replayable(method: string, body: Buffer | null, length: number | null): boolean {
  if (method === 'GET' || method === 'HEAD') return true
  // a 401 is refused before anything is done; what is missing is only the body's bytes
  return body !== null || length === 0
}

/** A chunked body says nothing of its size beforehand: it is counted as it passes. */
function meterBody(request: FastifyRequest, progress: Progress): void {
  if (!(request.body instanceof Readable)) return
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      progress.received(chunk.byteLength)
      done(null, chunk)
    },
  })
  request.body = pipeline(request.body, meter, () => undefined)
}

function contentLength(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : null
}
