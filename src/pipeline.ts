/**
 * THE request, top to bottom.
 *
 * Order is a type: `forward` takes a grant, a grant is made of a permit, a permit only of Cedar's "yes".
 * Nothing below is optional and nothing runs in between. What each stage does and throws: stages.ts.
 * @module
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { Target } from './azureml/target.ts'
import type { Principal } from './identity/principal.ts'
import type { Operation } from './vocabulary/operation.ts'
import type { Awaiting, Facts, Permit, Verdict } from './policy/decide.ts'
import type { Grant, GrantFor } from './token/grant.ts'
import type { Recorder } from './audit/recorder.ts'
import {
  bytesArrived,
  createExchanges,
  outcomeOf,
  progressOf,
  type Exchange,
  type WritableExchange,
} from './exchange.ts'
import { isOfPolicy, Refusal, toRefusal } from './errors.ts'
import { fromFramework } from './http/framework.ts'
import { checkConnection, isLast, refuseRest } from './http/inbound.ts'
import { KeptReply, type HeldCall, type KeptAnswer } from './http/kept-reply.ts'
import type { Reply } from './http/reply.ts'
import { hasBody } from './azureml/body/read.ts'
import { isPending, type Pending } from './lib/pending.ts'
import { TextAnswer, type OwnCall } from './access/own-calls.ts'
import type { Via } from './forward/ask.ts'
import type { MakeFor, Stages } from './stages.ts'
import { refusalAnswer, type RefusalAnswer } from './http/refusal-answer.ts'

export interface Pipeline {
  /** One request, until it is sent to Azure. It never rejects: whatever goes wrong is a refusal. */
  readonly serve: (reply: Reply) => Promise<void>
  /** The same for a caller who is known already. Its answer is kept; null if it broke off. */
  readonly make: MakeFor
  /** Where every failure ends, the framework's own included. */
  readonly refuse: (error: unknown, reply: Reply) => Promise<void>
  /**
   * The body broke off or is none, or nothing is waited for any more: the connection ends, and the record of the request
   * says why.
   * @returns its answer; null if the request had been refused before: that refusal is its answer, and on its way
   */
  readonly unfinished: (raw: IncomingMessage, refusal: Refusal) => RefusalAnswer | null
}

/** Resolved: whoever awaits it goes on once Node's parser has handed over the packet that it is at. */
const parsed = Promise.resolve()

export function createPipeline(stages: Stages): Pipeline {
  const exchangeOf = createExchanges(stages.now)
  const { refuse, unfinished, onceClosed } = createEndings(stages, exchangeOf)

  async function serve(reply: Reply): Promise<void> {
    const { request } = reply
    const exchange = exchangeOf(request)
    onceClosed(exchange, reply)
    try {
      // at once: whatever follows in the same packet is parsed before anything that waits is over
      checkConnection(request, stages.checkInbound)
      const target = (exchange.target = stages.parseTarget(request.method ?? '', request.url ?? ''))
      // what of a body came in the same packet is parsed first, and a broken one ends here
      if (hasBody(request.headers)) await parsed
      const identified = stages.identify(request)
      const principal = (exchange.principal = isPending(identified) ? await identified : identified)
      // who has gone by now, or whose body broke off, takes nothing
      if (exchange.refusal !== null) throw exchange.refusal
      await carryOut(making, new Identified(exchange, target, principal, reply))
    } catch (error) {
      await refuse(error, reply)
    }
  }

  /** A call that is made in the name of its caller: judged and recorded like any other, as a call of its own. */
  async function makeHeld(
    principal: Principal,
    by: IncomingMessage,
    call: HeldCall,
  ): Promise<KeptAnswer | null> {
    const reply = new KeptReply(call, by)
    const exchange = exchangeOf(reply.request)
    exchange.principal = principal
    onceClosed(exchange, reply)
    try {
      const target = (exchange.target = stages.parseTarget(call.method, call.target))
      await carryOut(making, new Identified(exchange, target, principal, reply))
    } catch (error) {
      await refuse(error, reply)
    }
    return reply.answer
  }

  const making = { stages, refuse, makeHeld }
  return { serve, make: makeHeld, refuse, unfinished }
}

interface Making {
  readonly stages: Stages
  readonly refuse: Pipeline['refuse']
  readonly makeHeld: Pipeline['make']
}

/** A call whose caller is known. This and `Asking` are classes, because one of each is made for each call. */
class Identified {
  readonly exchange: WritableExchange
  readonly target: Target
  readonly principal: Principal
  readonly reply: Reply

  constructor(exchange: WritableExchange, target: Target, principal: Principal, reply: Reply) {
    this.exchange = exchange
    this.target = target
    this.principal = principal
    this.reply = reply
  }

  get request(): IncomingMessage {
    return this.reply.request
  }
}

/**
 * How Azure is asked in the place of a call: by what it was judged to be last. Its functions are made when they are asked
 * for: V8 puts a function that is written where a member is set among the old objects, and until those are collected it
 * would keep all that the call has made.
 */
class Asking implements Via {
  permit: Permit | Awaiting
  readonly identity: string
  readonly principal: Principal
  readonly #stages: Stages
  readonly #request: IncomingMessage

  constructor(stages: Stages, judged: Permit | Awaiting, request: IncomingMessage) {
    this.permit = judged
    this.identity = judged.effects.identity
    this.principal = judged.principal
    this.#stages = stages
    this.#request = request
  }

  get grantFor(): GrantFor {
    return (wanted) => this.#stages.readGrant(this.permit, wanted, this.#request)
  }

  get route(): Via['route'] {
    return (operation, target) => this.#stages.route(operation, target, this)
  }
}

/** From the caller to what is sent to Azure. */
async function carryOut({ stages, refuse, makeHeld }: Making, call: Identified): Promise<void> {
  const { exchange, target, principal, reply, request } = call
  const { recorder } = stages
  const progress = progressOf(exchange)
  const lease = (exchange.lease = stages.callers.begin(principal.id, exchange.startedAt))
  lease.enter()
  try {
    const own = stages.own(exchange, call, makeHeld, progress)
    if (own !== null) return await answerOwn(exchange, await own, recorder, reply)
    exchange.operation = stages.classify(target)
    const incoming = { headers: request.headers, stream: request }
    const gathering = stages.gather(exchange, incoming, progress)
    const gathered = isPending(gathering) ? await gathering : gathering
    // a body may name the run that the call is about: from here on, that is what is judged, routed and recorded
    const operation = (exchange.operation = gathered.operation)

    const via = new Asking(stages, judge(stages, call, operation, gathered.facts), request)
    const routed = stages.route(operation, target, via)
    const { origin, path, scope, timeoutMs } = isPending(routed) ? await routed : routed
    const learning = stages.lookUp(exchange, gathered, via, progress)
    const learnt = isPending(learning) ? await learning : learning
    // what was judged with labels, or before its run was known, is judged again as it goes to Azure
    if (learnt !== null) via.permit = judge(stages, call, operation, learnt.facts)
    const final = learnt ?? gathered
    const reviewing = stages.review(exchange, via.permit, final, via, request.headers)
    const { permit, proof } = isPending(reviewing) ? await reviewing : reviewing
    if (proof !== null) [exchange.review, exchange.decision] = [proof, permit.decision]
    const granted = stages.grant(permit, scope, request)
    const grant = isPending(granted) ? await granted : granted
    exchange.identity = grant.identity
    const { body, changes } = stages.finish(exchange, permit, final, progress)
    exchange.changes = changes
    const screen = stages.screen(exchange, via, progress)

    let recorded: Pending<void> = intend(exchange, recorder, reply)
    // a call that changes something waits for its record; a read lets the disk work while Azure does
    if (operation.effect !== 'read') {
      try {
        recorded = await recorded
      } catch (failure) {
        withdraw(exchange)(failure)
      }
    }
    stillThere(exchange, reply)

    const drop = (rejected: Grant): void => stages.dropToken(rejected, scope)
    const regrant = async (): Promise<Grant> => stages.grant(permit, scope, request)
    const fail = async (refusal: Refusal): Promise<void> => {
      // at once where nothing is pending: the record of a change ends with what is known by now
      const failure = isPending(recorded) ? await failureOf(recorded) : null
      await refuse(failure ?? refusal, reply)
    }
    // prettier-ignore
    const sent = {
      origin, path, timeoutMs, exchange, progress, recorded, body, screen, drop, regrant, fail,
    }
    stages.forward(grant, sent, reply)
  } finally {
    lease.leave()
  }
}

/** @throws {Refusal} unless it is permitted, or nothing but a review keeps it from being so */
function judge(
  { decide }: Stages,
  { exchange, principal }: Identified,
  operation: Operation,
  facts: Facts,
): Permit | Awaiting {
  const verdict = decide(principal, operation, facts)
  exchange.decision = verdict.decision
  const judged = judgedBy(verdict)
  exchange.redact = judged.effects.redact
  return judged
}

/** The gateway's own answer: recorded like any other, before it is sent; a change, before it is made. */
async function answerOwn(
  exchange: WritableExchange,
  { operation, decision, answer, changes, retryAfter }: OwnCall,
  recorder: Recorder,
  reply: Reply,
): Promise<void> {
  exchange.operation = operation
  const read = changes === true ? null : asText(await answer())
  exchange.decision = decision
  await intend(exchange, recorder, reply).catch(withdraw(exchange))
  const { contentType, text, headers: more } = read ?? asText(await answer())
  exchange.status = 200
  exchange.bytesOut = Buffer.byteLength(text)
  const headers = {
    ...more,
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-harness-decision-id': exchange.id,
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  }
  reply.send(exchange.status, headers, text)
}

const asText = (answer: unknown): TextAnswer =>
  answer instanceof TextAnswer
    ? answer
    : new TextAnswer('application/json; charset=utf-8', JSON.stringify(answer))

interface Endings extends Pick<Pipeline, 'refuse' | 'unfinished'> {
  /** Settles the record of a request when its connection is done with it. */
  readonly onceClosed: (exchange: WritableExchange, reply: Reply) => void
}

/** How a request ends: refused, answered, or cut off. Each ends with its record. */
function createEndings(
  { recorder, answers, refused, reviewed }: Stages,
  exchangeOf: (raw: IncomingMessage) => WritableExchange,
): Endings {
  async function refuse(error: unknown, reply: Reply): Promise<void> {
    const { request } = reply
    const exchange = exchangeOf(request)
    // the first one stands: it may have been answered already
    let refusal = (exchange.refusal ??= toRefusal(fromFramework(error)))
    if (exchange.record === 'none') {
      // the first and only record of this request: what cannot be recorded is not answered either
      exchange.record = 'settled'
      exchange.status = refusal.status
      await recorder.refused(exchange).catch((failure: unknown) => {
        refusal = exchange.refusal = toRefusal(failure)
      })
    }
    if (reply.begun || reply.gone) {
      exchange.cut = true
      reply.cut()
      return
    }
    if (isOfPolicy(refusal.code)) refused(exchange, refusal)
    const { status, headers, body } = refusalAnswer(refusal, exchange, answers)
    exchange.status = status
    exchange.bytesOut = Buffer.byteLength(body)
    // the connection ends with this answer: what comes behind the rest of the body is not served
    if (!request.complete)
      refuseRest(request.socket, new Refusal('bad_request', 'the connection was being closed'))
    reply.send(status, isLast(request) ? { ...headers, connection: 'close' } : { ...headers }, body)
  }

  /** However a request ends, also if its caller hangs up or Azure breaks off, it is closed exactly once. */
  function onceClosed(exchange: WritableExchange, reply: Reply): void {
    reply.onceClosed(() => {
      exchange.bytesIn ||= bytesArrived(reply.request)
      if (exchange.record === 'settled') {
        ended(exchange)
        return
      }
      if (exchange.record === 'none') {
        exchange.record = 'settled'
        exchange.refusal ??= new Refusal(
          'bad_request',
          'the client closed the connection before it had an answer',
        )
        recorder.refused(exchange).catch(() => undefined)
        ended(exchange)
        return
      }
      // who hangs up on a change does not keep what Azure made of it from the record
      const { underWay, upstream } = exchange
      if (underWay === null || upstream?.status !== null) complete(exchange, reply)
      else void underWay.then(() => complete(exchange, reply))
    })
  }

  function ended(exchange: WritableExchange): void {
    exchange.lease?.leave()
    if (exchange.review !== null) reviewed(exchange)
  }

  function complete(exchange: WritableExchange, reply: Reply): void {
    exchange.record = 'settled'
    ended(exchange)
    const outcome = outcomeOf(exchange, reply.finished)
    void recorder.completed(exchange, outcome, performance.now() - exchange.startedAt)
  }

  function unfinished(raw: IncomingMessage, refusal: Refusal): RefusalAnswer | null {
    const exchange = exchangeOf(raw)
    if (exchange.refusal !== null) return null
    exchange.refusal = refusal
    // it goes out on the socket itself, if anybody is still there to read it and no answer has begun
    if (isWritable(raw.socket)) exchange.status ??= refusal.status
    return refusalAnswer(refusal, exchange, answers, true)
  }

  return { refuse, unfinished, onceClosed }
}

/** @throws {Refusal} unless it is permitted, or nothing but a review keeps it from being so */
function judgedBy(verdict: Verdict): Permit | Awaiting {
  if (verdict.permit !== null) return verdict.permit
  if (verdict.awaiting === undefined) throw verdict.refusal
  return verdict.awaiting
}

/** Node takes its socket from a request whose body is read. */
function isWritable(socket: Socket | null): boolean {
  return socket?.writable === true
}

/** Nothing is sent to Azure on behalf of a caller who has gone, or whose body broke off and who was told so. */
function stillThere({ refusal }: Exchange, reply: Reply): void {
  if (refusal !== null) throw refusal
  if (reply.gone)
    throw new Refusal('bad_request', 'the client closed the connection before it had an answer')
}

/** The record of what is about to be done, on its way to the disk. @throws {Refusal} if nothing is to be done any more */
function intend(exchange: WritableExchange, recorder: Recorder, reply: Reply): Promise<void> {
  stillThere(exchange, reply)
  recorder.admit()
  exchange.record = 'intent'
  return recorder.authorized(exchange)
}

/** Why a record did not become durable, once that is known: a refusal, too, is an answer, and leaves after its record. */
async function failureOf(recorded: Promise<void>): Promise<unknown> {
  try {
    await recorded
    return null
  } catch (failure) {
    return failure
  }
}

/** An intent that could not be made durable is none: the request ends as refused. */
function withdraw(exchange: WritableExchange): (failure: unknown) => never {
  return (failure) => {
    if (exchange.record === 'intent') exchange.record = 'none'
    throw failure
  }
}
