/**
 * Sends a granted request to Azure, and its answer back.
 * @module
 */
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
import {
  createAcquirePolicyToken,
  type AcquirePolicyToken,
  type EvaluatedCall,
} from './policy-token.ts'
import { evaluated, withoutToken } from './evaluated.ts'
import { upstreamFault } from './transport-faults.ts'
import { uploadOf } from './upload.ts'
import type { AnswerHead } from './upstream-call.ts'
import type { Upstream, UpstreamRequest } from './upstream.ts'
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
  /** How long Azure may take, in milliseconds. */
  readonly timeoutMs: number
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

/** What was done before the call is sent once more; each of it at most once. */
interface Before {
  /** Azure had rejected the token of the grant. */
  readonly regranted: boolean
  /** Azure had refused the call without it, and it goes along now. */
  readonly policyToken: string | null
}

const NOTHING: Before = { regranted: false, policyToken: null }

/** Creates the last stage. It takes a grant, which only a permit can become. */
export function createForward(options: ForwardOptions): Forward {
  const { upstream, userAgent, timeoutMs: limitMs } = options
  const acquire = createAcquirePolicyToken(upstream.dispatcher, userAgent, limitMs)

  return function forward(grant, call, reply) {
    const { target, operation } = call.exchange
    if (target === null || operation === null) {
      throw new Refusal('internal_error', 'the gateway failed to judge this request', {
        inner: 'forward without operation',
      })
    }
    const { headers } = reply.request
    const length = call.body?.byteLength ?? contentLength(headers['content-length'])
    send(grant, { call, reply, target, operation, length }, NOTHING)
  }

  function send(grant: Grant, sending: Sending, before: Before): void {
    const { call, reply, operation } = sending
    const { progress, origin, timeoutMs } = call
    progress.leaving(origin, grant.identity)
    // it may be sent twice
    if (timeoutMs !== undefined) allowSilence(reply.request.socket, 2 * timeoutMs)
    const reads = operation.effect === 'read'
    const sent = upstream.send(requestOf(grant, sending, before, options), {
      answered: reads ? () => undefined : toItsEnd(progress),
      arrived: (answer) => void receive(grant, answer, sending, before),
      failed: (error, head) => {
        // an error whose body broke off is an error all the same
        if (head === null || head.statusCode < 400) void call.fail(upstreamFault(error))
        else void receive(grant, brokenOff(head, error), sending, before)
      },
    })
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
    before: Before,
  ): Promise<void> {
    const { call, reply } = sending
    const { progress } = call
    progress.entered()
    try {
      await call.recorded
      if (answer.statusCode === 401) call.drop(grant)
      if (answer.statusCode === 401 && !before.regranted && isReplayable(sending)) {
        discard(answer)
        const again = await call.regrant()
        if (!reply.gone) send(again, sending, { ...before, regranted: true })
      } else if (reply.gone) discard(answer)
      else {
        const next = isPlain(answer, sending, before)
          ? answer
          : await afterError(grant, answer, sending, before, acquire)
        if ('regranted' in next) send(grant, sending, next)
        else if (!reply.gone) {
          const sent = sendAnswer(next, call, reply, options)
          if (isPending(sent)) await sent
        }
      }
    } catch (error) {
      discard(answer)
      await call.fail(toRefusal(error))
    } finally {
      progress.left()
    }
  }
}

/** What is sent to Azure. */
function requestOf(
  grant: Grant,
  sending: Sending,
  { policyToken }: Before,
  { rewrites, userAgent }: ForwardOptions,
): UpstreamRequest {
  const { call, reply, target, operation, length } = sending
  const { exchange, origin, timeoutMs, body, screen } = call
  const { headers } = reply.request
  const isRead = rewrites(operation, exchange.redact) || screen !== null || policyToken !== null
  const own = { userAgent, identityCoding: isRead, policyToken }
  return {
    origin,
    path: pathOf(sending),
    method: target.method,
    headers: requestHeaders(headers, exchange, grant, { length }, own),
    body: body ?? bodyOf(sending),
    timeoutMs,
  }
}

/** Whether an answer has nothing to do with policy tokens. */
function isPlain(
  { statusCode }: UpstreamAnswer,
  { operation }: Sending,
  { policyToken }: Before,
): boolean {
  return policyToken === null ? statusCode !== 403 || !isEvaluable(operation) : statusCode < 400
}

/**
 * A change that Azure refused: if it misses nothing but a policy token, it is sent again.
 * @returns what was done before that, or the answer to pass on
 */
async function afterError(
  grant: Grant,
  answer: UpstreamAnswer,
  sending: Sending,
  before: Before,
  acquire: AcquirePolicyToken,
): Promise<Before | UpstreamAnswer> {
  const { policyToken } = before
  if (policyToken !== null && answer.statusCode !== 403) return withoutToken(answer, policyToken)
  const { call, reply } = sending
  const { progress } = call
  const sent = sentCall(sending)
  const found = await evaluated({ grant, answer, sent, policyToken, progress, reply }, acquire)
  if (found.token === null || reply.gone) return found.answer
  progress.policyToken(found.use)
  return { ...before, policyToken: found.token }
}

/** Only Resource Manager has policies that want a change to be evaluated. */
function isEvaluable({ family, effect }: Operation): boolean {
  return family === 'arm' && effect !== 'read'
}

function pathOf({ call, target }: Sending): string {
  return target.query === '' ? call.path : `${call.path}?${target.query}`
}

/** A change as it was sent, or why it cannot be sent again. */
function sentCall(sending: Sending): EvaluatedCall | { readonly why: string } {
  const { call, target } = sending
  const { origin, body, exchange } = call
  if (body === null && hasBody(sending))
    return { why: 'its body was streamed and cannot be repeated' }
  return { origin, path: pathOf(sending), method: target.method, body, decision: exchange.id }
}

function hasBody({ reply, length }: Sending): boolean {
  return length === null ? reply.request.headers['transfer-encoding'] !== undefined : length > 0
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
function bodyOf(sending: Sending): Readable | null {
  const { call, reply, length } = sending
  if (!hasBody(sending)) return null
  return uploadOf(reply.request, (bytes) => {
    if (length === null) call.progress.received(bytes)
  })
}

function contentLength(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : null
}
