/**
 * Sends a granted request to Azure, and its answer back.
 * @module
 */
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { Operation } from '../vocabulary/operation.ts'
import type { Target } from '../azureml/target.ts'
import type { Exchange, Progress } from '../exchange.ts'
import type { Reply } from '../http/reply.ts'
import type { Grant } from '../token/grant.ts'
import { sendAnswer, type Answering, type AnswerRules, type Sending } from './answer.ts'
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
import type { AnswerHead, UpstreamListener } from './upstream-call.ts'
import type { Upstream, UpstreamRequest } from './upstream.ts'
import { Refusal, toRefusal } from '../errors.ts'
import { isPending, type Pending } from '../lib/pending.ts'

/** What one call needs besides its grant. */
export interface Call extends Answering {
  /** Upstream origin, without a trailing slash. */
  readonly origin: string
  /** Path as Azure knows it. */
  readonly path: string
  /** How long Azure may take, in milliseconds; absent: as long as for any call. */
  readonly timeoutMs?: number | undefined
  /** Pending until the intent is durable: before that no byte of an answer leaves. */
  readonly recorded: Pending<void>
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

/** What was done before the call is sent once more; each of it at most once. */
interface Before {
  /** Azure had rejected the token of the grant. */
  readonly regranted: boolean
  /** Azure had refused the call without it, and it goes along now. */
  readonly policyToken: string | null
}

const NOTHING: Before = { regranted: false, policyToken: null }

/** What every call is sent with. */
interface Means {
  readonly options: ForwardOptions
  readonly acquire: AcquirePolicyToken
}

/** Creates the last stage. It takes a grant, which only a permit can become. */
export function createForward(options: ForwardOptions): Forward {
  const { upstream, userAgent, timeoutMs } = options
  const acquire = createAcquirePolicyToken(upstream.dispatcher, userAgent, timeoutMs)
  const means = { options, acquire }
  return (grant, call, reply) => new SentCall(means, grant, call, reply, NOTHING).send()
}

/** A call as it is sent once: it waits for the answer and passes it on. A class, because one is made for each call. */
class SentCall implements Sending, UpstreamListener {
  readonly call: Call
  readonly reply: Reply
  readonly target: Target
  readonly operation: Operation
  /** Bytes of the body; null if it is chunked, or if there is none. */
  readonly length: number | null
  readonly exchange: Exchange
  readonly progress: Progress
  readonly screen: Call['screen']
  readonly fail: Call['fail']
  readonly rules: AnswerRules
  readonly #means: Means
  readonly #grant: Grant
  readonly #before: Before
  /** Of a call that changes something: told once Azure has answered, or will not any more. */
  #ended: (() => void) | null = null

  constructor(means: Means, grant: Grant, call: Call, reply: Reply, before: Before) {
    const { target, operation } = call.exchange
    if (target === null || operation === null) {
      throw new Refusal('internal_error', 'the gateway failed to judge this request', {
        inner: 'forward without operation',
      })
    }
    this.call = call
    this.reply = reply
    this.target = target
    this.operation = operation
    this.length = call.body?.byteLength ?? contentLength(reply.request.headers['content-length'])
    this.exchange = call.exchange
    this.progress = call.progress
    this.screen = call.screen
    this.fail = call.fail
    this.rules = means.options
    this.#means = means
    this.#grant = grant
    this.#before = before
  }

  send(): void {
    const { call, reply, progress, operation } = this
    const { origin, timeoutMs } = call
    progress.leaving(origin, this.#grant.identity)
    // it may be sent twice
    if (timeoutMs !== undefined) allowSilence(reply.request.socket, 2 * timeoutMs)
    const reads = operation.effect === 'read'
    if (!reads) this.#carryToItsEnd()
    const sent = this.#means.options.upstream.send(this.#request(), this)
    // a read is given up with its caller: nobody else wants its answer
    if (reads) {
      reply.onceClosed(() => {
        if (!reply.finished) sent.giveUp()
      })
    }
  }

  /**
   * Giving up a change would not undo it, only leave nobody knowing: it is carried to its end, and what Azure answered is
   * on record, whoever waits.
   */
  #carryToItsEnd(): void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.progress.underWay(promise)
    this.#ended = resolve
  }

  answered(head: AnswerHead): void {
    if (this.#ended === null) return
    if (head !== null) this.progress.answered(head.statusCode, upstreamIds(head.headers))
    this.#ended()
  }

  arrived(answer: UpstreamAnswer): void {
    void this.#receive(answer)
  }

  failed(error: Error, head: AnswerHead): void {
    // an error whose body broke off is an error all the same
    if (head === null || head.statusCode < 400) void this.fail(upstreamFault(error))
    else void this.#receive(brokenOff(head, error))
  }

  async #receive(answer: UpstreamAnswer): Promise<void> {
    const { call, reply, progress } = this
    progress.entered()
    try {
      if (isPending(call.recorded)) await call.recorded
      if (answer.statusCode === 401) call.drop(this.#grant)
      if (answer.statusCode === 401 && !this.#before.regranted && isReplayable(this)) {
        discard(answer)
        const again = await call.regrant()
        if (!reply.gone) this.#sendAgain(again, { ...this.#before, regranted: true })
      } else if (reply.gone) discard(answer)
      else {
        const { policyToken } = this.#before
        const next = isPlain(answer, this, policyToken) ? answer : await this.#afterError(answer)
        if ('regranted' in next) this.#sendAgain(this.#grant, next)
        else if (!reply.gone) {
          const sent = sendAnswer(next, this)
          if (isPending(sent)) await sent
        }
      }
    } catch (error) {
      discard(answer)
      await this.fail(toRefusal(error))
    } finally {
      progress.left()
    }
  }

  #sendAgain(grant: Grant, before: Before): void {
    new SentCall(this.#means, grant, this.call, this.reply, before).send()
  }

  /** What is sent to Azure. */
  #request(): UpstreamRequest {
    const { call, reply, target, operation, exchange, screen } = this
    const { rewrites, userAgent } = this.#means.options
    const { policyToken } = this.#before
    const isRead = rewrites(operation, exchange.redact) || screen !== null || policyToken !== null
    return {
      origin: call.origin,
      path: pathOf(this),
      method: target.method,
      headers: requestHeaders(reply.request.headers, exchange, this.#grant, {
        length: this.length,
        userAgent,
        identityCoding: isRead,
        policyToken,
      }),
      body: call.body ?? bodyOf(this),
      timeoutMs: call.timeoutMs,
    }
  }

  /**
   * A change that Azure refused: if it misses nothing but a policy token, it is sent again.
   * @returns what was done before that, or the answer to pass on
   */
  async #afterError(answer: UpstreamAnswer): Promise<Before | UpstreamAnswer> {
    const { reply, progress } = this
    const { policyToken } = this.#before
    if (policyToken !== null && answer.statusCode !== 403) return withoutToken(answer, policyToken)
    const sent = sentCall(this)
    const refused = { grant: this.#grant, answer, sent, policyToken, progress, reply }
    const found = await evaluated(refused, this.#means.acquire)
    if (found.token === null || reply.gone) return found.answer
    progress.policyToken(found.use)
    return { ...this.#before, policyToken: found.token }
  }
}

/** Whether an answer has nothing to do with policy tokens. */
function isPlain(
  { statusCode }: UpstreamAnswer,
  { operation }: SentCall,
  policyToken: string | null,
): boolean {
  return policyToken === null ? statusCode !== 403 || !isEvaluable(operation) : statusCode < 400
}

/** Only Resource Manager has policies that want a change to be evaluated. */
function isEvaluable({ family, effect }: Operation): boolean {
  return family === 'arm' && effect !== 'read'
}

function pathOf({ call, target }: SentCall): string {
  return target.query === '' ? call.path : `${call.path}?${target.query}`
}

/** A change as it was sent, or why it cannot be sent again. */
function sentCall(sending: SentCall): EvaluatedCall | { readonly why: string } {
  const { call, target } = sending
  const { origin, body, exchange } = call
  if (body === null && hasBody(sending))
    return { why: 'its body was streamed and cannot be repeated' }
  return { origin, path: pathOf(sending), method: target.method, body, decision: exchange.id }
}

function hasBody({ reply, length }: SentCall): boolean {
  return length === null ? reply.request.headers['transfer-encoding'] !== undefined : length > 0
}

/** Nothing may pass on a connection for so many milliseconds, until its next request. */
function allowSilence(socket: Socket, ms: number): void {
  const { timeout = 0 } = socket
  // 0: for ever
  if (timeout > 0 && timeout < ms) socket.setTimeout(ms)
}

/** A call can be sent again if its body, if any, is still here and sending twice does no more than sending once. */
function isReplayable({ call, target, length }: SentCall): boolean {
  if (target.method === 'GET' || target.method === 'HEAD') return true
  // a 401 is refused before anything is done; what is missing is only the body's bytes
  return call.body !== null || length === 0
}

/** The caller's body as it comes. A chunked one says nothing of its size beforehand: it is counted as it passes. */
function bodyOf(sending: SentCall): Readable | null {
  const { call, reply, length } = sending
  if (!hasBody(sending)) return null
  return uploadOf(reply.request, (bytes) => {
    if (length === null) call.progress.received(bytes)
  })
}

function contentLength(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : null
}
