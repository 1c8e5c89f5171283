/**
 * THE request, top to bottom.
 *
 * Order is a type: `forward` takes a grant, a grant is made of a permit, a permit only of Cedar's "yes".
 * Nothing below is optional and nothing runs in between.
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Target } from './azureml/target.ts'
import type { Operation } from './azureml/operation.ts'
import type { Principal } from './identity/principal.ts'
import type { Decision, Facts, Permit } from './policy/decide.ts'
import type { Grant } from './token/grant.ts'
import type { Recorder } from './audit/recorder.ts'
import type { Forward } from './forward/forward.ts'
import { openExchange, type Exchange, type Outcome } from './exchange.ts'
import { Refusal, toRefusal } from './errors.ts'
import type { Content, Gathered } from './inject.ts'
import { refusalAnswer, type Challenge } from './wire.ts'

/** Where a call goes at Azure, and the scope of the token that it needs there. */
export interface Route {
  readonly origin: string
  readonly path: string
  readonly scope: string
}

/** The stages, as app.ts composes them. Each may throw a Refusal; anything else it throws is one, too. */
export interface Stages {
  readonly checkInbound: (raw: IncomingMessage) => void
  readonly parseTarget: (method: string, rawTarget: string) => Target
  readonly identify: (raw: IncomingMessage) => Promise<Principal>
  readonly classify: (target: Target) => Operation
  /** Reads what policy needs to know; null content: nobody asks, the caller's bytes are streamed untouched. */
  readonly gather: (exchange: Exchange, request: FastifyRequest) => Promise<Gathered>
  readonly decide: (
    principal: Principal,
    operation: Operation,
    facts: Facts,
  ) =>
    { permit: Permit; decision: Decision } | { permit: null; refusal: Refusal; decision: Decision }
  readonly route: (operation: Operation, target: Target, permit: Permit) => Promise<Route>
  readonly grant: (permit: Permit, scope: string, raw: IncomingMessage) => Promise<Grant>
  /** `@pin`: null if nothing had to be pinned; otherwise what is to be judged instead. */
  readonly pin: (exchange: Exchange, grant: Grant, gathered: Gathered) => Promise<Gathered | null>
  /** `@stamp`, `@record`: the bytes to send, null to stream the caller's. */
  readonly finish: (exchange: Exchange, permit: Permit, content: Content | null) => Buffer | null
  readonly dropToken: (grant: Grant, scope: string) => void
  readonly recorder: Recorder
  readonly forward: Forward
  readonly challenge: Challenge
  readonly now: () => number
}

export interface Pipeline {
  /** `onRequest`: before any route, body or plugin sees the request. */
  readonly receive: (request: FastifyRequest, reply: FastifyReply) => Promise<void>
  /** The handler of @fastify/http-proxy. */
  readonly handle: (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>
  /** Where every failure ends, the framework's own included. */
  readonly refuse: (error: unknown, request: FastifyRequest, reply: FastifyReply) => Promise<void>
  /** The body broke off or is none: the connection ends, and the record of the request says why. */
  readonly unfinished: (raw: IncomingMessage, refusal: Refusal) => void
}

export function createPipeline(stages: Stages): Pipeline {
  const { recorder } = stages

  async function receive(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const exchange = exchangeOf(request.raw, stages.now())
    onceClosed(exchange, reply)
    checkConnection(request.raw, stages.checkInbound)
    exchange.target = stages.parseTarget(request.method, request.raw.url ?? '')
  }

  async function handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const exchange = exchangeOf(request.raw, stages.now())
    const { target } = exchange
    if (target === null)
      throw new Refusal('internal_error', 'the gateway failed to judge this request')

    const principal = (exchange.principal = await stages.identify(request.raw))
    const operation = (exchange.operation = stages.classify(target))
    const gathered = await stages.gather(exchange, request)

    const judge = (facts: Facts): Permit => {
      const verdict = stages.decide(principal, operation, facts)
      exchange.decision = verdict.decision
      if (verdict.permit === null) throw verdict.refusal
      exchange.redact = verdict.permit.effects.redact
      return verdict.permit
    }
    let permit = judge(gathered.facts)
    const { origin, path, scope } = await stages.route(operation, target, permit)
    let grant = await stages.grant(permit, scope, request.raw)
    const pinned = await stages.pin(exchange, grant, gathered)
    if (pinned !== null) {
      // what was judged with labels is judged again with the versions that go to Azure
      permit = judge(pinned.facts)
      grant = await stages.grant(permit, scope, request.raw)
    }
    exchange.identity = grant.identity
    const body = stages.finish(exchange, permit, (pinned ?? gathered).content)

    stillThere(reply)
    recorder.admit()
    exchange.record = 'intent'
    const recorded = recorder.authorized(exchange)
    // a call that changes something waits for its record; a read lets the disk work while Azure does
    if (operation.effect === 'read') recorded.catch(() => undefined)
    else await recorded.catch(withdraw(exchange))
    stillThere(reply)

    const regrant = async (rejected: Grant): Promise<Grant> => {
      stages.dropToken(rejected, scope)
      return stages.grant(rejected.permit, scope, request.raw)
    }
    const fail = async (refusal: Refusal): Promise<void> => refuse(refusal, request, reply)
    stages.forward(grant, { exchange, origin, path, recorded, body, regrant, fail }, reply)
    return reply
  }

  async function refuse(
    error: unknown,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const exchange = exchangeOf(request.raw, stages.now())
    let refusal = toRefusal(fromFramework(error))
    exchange.refusal = refusal
    if (exchange.record === 'none') {
      // the first and only record of this request: what cannot be recorded is not answered either
      exchange.record = 'settled'
      exchange.status = refusal.status
      await recorder.refused(exchange).catch((failure: unknown) => {
        refusal = exchange.refusal = toRefusal(failure)
      })
    }
    if (reply.raw.headersSent || reply.raw.destroyed) {
      exchange.cut = true
      reply.raw.destroy()
      return
    }
    const answer = refusalAnswer(refusal, exchange, stages.challenge)
    exchange.status = answer.status
    exchange.bytesOut = Buffer.byteLength(answer.body)
    // a body that nobody read would be taken for the next request
    if (!request.raw.complete || ambiguous.has(request.raw.socket)) {
      void reply.header('connection', 'close')
    }
    await reply.code(answer.status).headers(answer.headers).send(answer.body)
  }

  /**
   * `onResponse` never fires when the client hangs up or upstream dies mid-body;
   * `close` of the raw response fires exactly once in every case.
   */
  function onceClosed(exchange: Exchange, reply: FastifyReply): void {
    reply.raw.once('close', () => {
      exchange.bytesIn ||= received(reply.request)
      if (exchange.record === 'settled') return
      if (exchange.record === 'none') {
        exchange.record = 'settled'
        exchange.refusal ??= new Refusal(
          'bad_request',
          'the client closed the connection before it had an answer',
        )
        recorder.refused(exchange).catch(() => undefined)
        return
      }
      exchange.record = 'settled'
      const outcome = outcomeOf(exchange, reply.raw.writableFinished)
      recorder
        .completed(exchange, outcome, performance.now() - exchange.startedAt)
        .catch(() => undefined)
    })
  }

  function unfinished(raw: IncomingMessage, refusal: Refusal): void {
    exchangeOf(raw, stages.now()).refusal ??= refusal
  }

  return { receive, handle, refuse, unfinished }
}

const exchanges = new WeakMap<IncomingMessage, Exchange>()

/** The exchange of a request, opened when first asked for: some requests fail before any hook of ours runs. */
export function exchangeOf(raw: IncomingMessage, now: number): Exchange {
  const known = exchanges.get(raw)
  if (known !== undefined) return known
  const source = { ip: raw.socket.remoteAddress ?? '', port: raw.socket.remotePort ?? 0 }
  const exchange = openExchange(
    randomUUID(),
    now,
    performance.now(),
    source,
    raw.method ?? '',
    raw.headers,
  )
  exchanges.set(raw, exchange)
  return exchange
}

/** Connections with a request whose end two readers could see in two places. */
const ambiguous = new WeakSet<Socket>()

/**
 * Whatever follows an ambiguous head on its connection may be a part of its body, or of somebody else's request behind
 * a shared hop (RFC 9112 section 11.2): none of it is served, also not what the parser has already taken for a request.
 * @throws Refusal as `check` does
 */
function checkConnection(raw: IncomingMessage, check: Stages['checkInbound']): void {
  if (ambiguous.has(raw.socket)) {
    throw new Refusal('bad_request', 'the request before it on this connection was ambiguous')
  }
  try {
    check(raw)
  } catch (error) {
    if (error instanceof Refusal && error.status === 400) ambiguous.add(raw.socket)
    throw error
  }
}

/** Nobody waits for the answer any more: nothing is sent to Azure on behalf of a caller who has gone. */
function stillThere(reply: FastifyReply): void {
  if (reply.raw.destroyed)
    throw new Refusal('bad_request', 'the client closed the connection before it had an answer')
}

/** An intent that could not be made durable is none: the request ends as refused. */
function withdraw(exchange: Exchange): (failure: unknown) => never {
  return (failure) => {
    if (exchange.record === 'intent') exchange.record = 'none'
    throw failure
  }
}

/** What is known of the end: a call that may have changed something and has no answer is `unknown`, never `failed`. */
function outcomeOf(exchange: Exchange, finished: boolean): Outcome {
  const { refusal, operation, upstream } = exchange
  if (refusal !== null) {
    const reached = upstream !== null && refusal.code !== 'upstream_unreachable'
    const answered = upstream !== null && upstream.status !== null
    return reached && !answered && operation?.effect !== 'read' ? 'unknown' : 'failed'
  }
  if (!finished && !exchange.cut) return 'client_abort'
  if (!finished) return operation?.effect === 'read' ? 'failed' : 'unknown'
  return (exchange.status ?? 500) < 400 ? 'success' : 'failed'
}

function received(request: FastifyRequest): number {
  const length = Number(request.headers['content-length'] ?? 0)
  return request.raw.complete ? length : Math.min(length, request.raw.socket.bytesRead)
}

/** Fastify's own refusals, by their code, in our words. */
function fromFramework(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string')
    return error
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Refusal('unsupported_media_type', 'header "content-type" cannot be read')
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Refusal('body_too_large', 'the body is larger than policy may read')
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new Refusal(
        'bad_header',
        'the body does not have the length that "content-length" says',
      )
    case 'FST_ERR_BAD_URL':
    case 'FST_REPLY_FROM_BAD_REQUEST':
      return new Refusal('bad_path', 'the path is not one that can be forwarded as it is')
    default:
      return error
  }
}
