/**
 * All that is known of one request. Stages read it; it is written here and in pipeline.ts alone.
 * @module
 */
import type { IncomingMessage } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Target } from './azureml/target.ts'
import type { Operation } from './vocabulary/operation.ts'
import type { Principal } from './identity/principal.ts'
import type { Awaiting, Decision, Facts } from './policy/decide.ts'
import type { Proved } from './approvals/proof.ts'
import type { ChangingEffect } from './policy/effects.ts'
import type { GrantedIdentity } from './token/grant.ts'
import type { Lease } from './callers.ts'
import { isOfPolicy, type Refusal } from './errors.ts'
import { clientOf } from './http/client-name.ts'
import { sourceOf, type Source } from './http/source.ts'
import { createGuids, isGuid } from './lib/guid.ts'

/** One thing that an effect changed in a body. */
export interface Change {
  readonly effect: ChangingEffect
  /** Where, as a pointer whose foreign names are cut and quoted. */
  readonly at: string
  /** What stands there now: an asset with its version, or the digest of the parameters. */
  readonly to: string
}

/** How a request ended, as far as the gateway can know. */
export type Outcome = 'success' | 'denied' | 'failed' | 'client_abort' | 'unknown'

/** All that effects changed in one body, with the SHA-256 of what came and of what was sent. */
export interface Changes {
  readonly before: string
  readonly after: string
  readonly list: readonly Change[]
}

/** How a policy token was asked for, for a change that Azure had refused without one. */
export interface PolicyTokenUse {
  /** `asked`: it was being asked for when the caller left; `sent`: the change was sent again with it. */
  readonly outcome: 'asked' | 'sent' | 'none'
  /** Why there is none. */
  readonly why: string | null
  /** What Azure answered the change without it. */
  readonly first: { readonly status: number; readonly ids: Readonly<Record<string, string>> }
}

/** One request. Times are milliseconds since the epoch; durations come from a monotonic clock. */
export interface Exchange {
  /** GUID: decision id, record id and `x-ms-correlation-request-id` at Azure. */
  readonly id: string
  readonly receivedAt: number
  /** `performance.now()` when received: durations do not jump with the wall clock. */
  readonly startedAt: number
  readonly source: Source
  /** As received; `target` has it only once it parsed. */
  readonly method: string
  /** The client's own request id, if it was a GUID. */
  readonly clientRequestId: string | null
  /** Known SDK name and version out of `User-Agent`, never its free text. */
  readonly client: string | null
  readonly target: Target | null
  readonly principal: Principal | null
  /** What the call takes of its caller's limits; null before its caller is known. */
  readonly lease: Lease | null
  readonly operation: Operation | null
  readonly decision: Decision | null
  /** The managed identity that the call went out under: its name in the configuration, its client and object id. */
  readonly identity: GrantedIdentity | null
  readonly refusal: Refusal | null
  readonly upstream: {
    /** Origin the call was sent to. */
    readonly origin: string
    readonly status: number | null
    /** `x-ms-request-id`, `x-ms-correlation-request-id`, `x-ms-routing-request-id`, `x-request-id`, `apim-request-id`. */
    readonly ids: Readonly<Record<string, string>>
  } | null
  /** Of a change that a policy of Azure's refused for want of a policy token: what came of it; null for all others. */
  readonly policyToken: PolicyTokenUse | null
  /** `performance.now()` when the call left for Azure the last time, and when its answer was here. */
  readonly sentAt: number | null
  readonly answeredAt: number | null
  /** Of a call that changes something: resolves when Azure has answered, or will not any more; null before it is sent. */
  readonly underWay: Promise<void> | null
  /** Status that the client was sent. */
  readonly status: number | null
  readonly bytesIn: number
  readonly bytesOut: number
  /** `@redact` of the permit: secret fields are taken out of the answer. */
  readonly redact: boolean
  /** What effects changed in the body; null if nothing. */
  readonly changes: Changes | null
  /** `@record("body")`: facts of the body that the record keeps. */
  readonly content: Readonly<Record<string, unknown>> | null
  /** What a review has to release besides the call as it was first judged. */
  readonly awaiting: readonly Awaiting[]
  /** The use of an approval that was taken for the call; null if it needed none. */
  readonly review: Pick<Proved, 'review' | 'use' | 'reviewers'> | null
  /** Items of a list answer that the caller may not read; null if the answer was not looked through. */
  readonly leftOut: number | null
  /** Azure's answer broke off after its first byte had been passed on. */
  readonly cut: boolean
  /** How far its record is: an `intent` gets exactly one `completed`, everything else exactly one `refused`. */
  readonly record: 'none' | 'intent' | 'settled'
}

/** What is known of a request from its first byte on. */
type Fixed = 'id' | 'receivedAt' | 'startedAt' | 'source' | 'method' | 'clientRequestId' | 'client'

/** The same, for pipeline.ts and this file, which write it: test/architecture.test.ts holds that nobody else does. */
export type WritableExchange = Pick<Exchange, Fixed> & {
  -readonly [Field in Exclude<keyof Exchange, Fixed>]: Exchange[Field]
}

/**
 * How a stage reports what belongs on record from this moment on, even if the stage then refuses or never returns.
 * What the next stage needs is returned instead.
 */
export interface Progress {
  /** Bytes of the caller's body that have come in. */
  received(bytes: number): void
  /**
   * Bytes of a body or an answer are held in memory until the call ends.
   * @throws {Refusal} `too_many_requests` or `overloaded` if these are too many for its caller, or for all
   */
  hold(bytes: number): void
  /** The same for what can be streamed instead: false if they are too many. */
  mayHold(bytes: number): boolean
  /** Work begins that may go on when the caller has gone; the call ends no sooner than it does. */
  entered(): void
  left(): void
  /** A later decision than the one that permitted the call. */
  judged(decision: Decision): void
  /** A later judgement that a review of the call would lift. */
  awaits(awaiting: Awaiting): void
  /** Facts of the body that the record keeps. */
  kept(content: Readonly<Record<string, unknown>>): void
  /** Azure wants a policy token for the change. */
  policyToken(use: PolicyTokenUse): void
  /** The call is about to leave for this origin, under this identity. */
  leaving(origin: string, identity: GrantedIdentity): void
  /** Of a call that changes something: `end` resolves when Azure has answered, or will not any more. */
  underWay(end: Promise<void>): void
  /** Azure has answered. */
  answered(status: number, ids: Readonly<Record<string, string>>): void
  /** Items of a list answer were left out, perhaps none. */
  leftOut(items: number): void
  /** The caller is being sent an answer with this status. */
  replying(status: number): void
  /** Bytes of an answer that go out to the caller. */
  sent(bytes: number): void
  /** The answer broke off after its first byte had been passed on. */
  broke(refusal: Refusal): void
}

/** The one way from a stage to the exchange. A class, because one is made for each request. */
class ExchangeProgress implements Progress {
  readonly #exchange: WritableExchange

  constructor(exchange: WritableExchange) {
    this.#exchange = exchange
  }

  received(bytes: number): void {
    this.#exchange.bytesIn += bytes
  }

  hold(bytes: number): void {
    this.#exchange.lease?.hold(bytes)
  }

  mayHold(bytes: number): boolean {
    return this.#exchange.lease?.mayHold(bytes) ?? true
  }

  entered(): void {
    this.#exchange.lease?.enter()
  }

  left(): void {
    this.#exchange.lease?.leave()
  }

  judged(decision: Decision): void {
    this.#exchange.decision = decision
  }

  awaits(awaiting: Awaiting): void {
    this.#exchange.awaiting = [...this.#exchange.awaiting, awaiting]
  }

  kept(content: Readonly<Record<string, unknown>>): void {
    this.#exchange.content = content
  }

  policyToken(use: PolicyTokenUse): void {
    this.#exchange.policyToken = use
  }

  leaving(origin: string, identity: GrantedIdentity): void {
    this.#exchange.identity = identity
    this.#exchange.upstream = { origin, status: null, ids: {} }
    this.#exchange.sentAt = performance.now()
    this.#exchange.answeredAt = null
  }

  underWay(end: Promise<void>): void {
    this.#exchange.underWay = end
  }

  answered(status: number, ids: Readonly<Record<string, string>>): void {
    const { upstream } = this.#exchange
    this.#exchange.answeredAt ??= performance.now()
    if (upstream !== null) this.#exchange.upstream = { ...upstream, status, ids }
  }

  leftOut(items: number): void {
    this.#exchange.leftOut = items
  }

  replying(status: number): void {
    this.#exchange.status = status
  }

  sent(bytes: number): void {
    this.#exchange.bytesOut += bytes
  }

  broke(refusal: Refusal): void {
    this.#exchange.cut = true
    // the first one stands
    this.#exchange.refusal ??= refusal
  }
}

/** What a stage reports to. */
export function progressOf(exchange: WritableExchange): Progress {
  return new ExchangeProgress(exchange)
}

/** A refusal of policy's that came after its permit, by what the body or Azure said; it counts instead of the permit. */
export function overruled({ decision, refusal }: Exchange): Refusal | null {
  return decision?.verdict === 'permit' && refusal !== null && isOfPolicy(refusal.code)
    ? refusal
    : null
}

const nextId = createGuids()
const NOTHING_AWAITED: Exchange['awaiting'] = []

/** A fresh exchange for a request that has just been received. */
export function openExchange(
  id: string,
  now: number,
  startedAt: number,
  source: Exchange['source'],
  method: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): WritableExchange {
  const requestId = headers['x-ms-client-request-id']
  const agent = headers['user-agent']
  return {
    id,
    receivedAt: now,
    startedAt,
    source,
    method,
    // anything else a caller sends as its id is not repeated, neither to Azure nor in a record
    clientRequestId:
      typeof requestId === 'string' && isGuid(requestId) ? requestId.toLowerCase() : null,
    client: typeof agent === 'string' ? clientOf(agent) : null,
    target: null,
    principal: null,
    lease: null,
    operation: null,
    decision: null,
    identity: null,
    refusal: null,
    upstream: null,
    sentAt: null,
    answeredAt: null,
    policyToken: null,
    underWay: null,
    status: null,
    bytesIn: 0,
    bytesOut: 0,
    redact: false,
    changes: null,
    content: null,
    awaiting: NOTHING_AWAITED,
    review: null,
    leftOut: null,
    cut: false,
    record: 'none',
  }
}

/** What is known of bytes that never became a request. */
export function unparsedExchange(now: number, source: Exchange['source']): Exchange {
  return openExchange(nextId(), now, performance.now(), source, '', {})
}

/** Where a request has its exchange: a WeakMap would get an entry for each call, and each collection would go through it. */
const EXCHANGE = Symbol('exchange')

interface Exchanged extends IncomingMessage {
  [EXCHANGE]?: WritableExchange
}

/** The exchange of each request, opened when first asked for: some requests fail before any hook of ours runs. */
export function createExchanges(now: () => number): (raw: IncomingMessage) => WritableExchange {
  return (raw: Exchanged) => {
    const known = raw[EXCHANGE]
    if (known !== undefined) return known
    const source = sourceOf(raw)
    const startedAt = performance.now()
    const { method = '', headers } = raw
    return (raw[EXCHANGE] = openExchange(nextId(), now(), startedAt, source, method, headers))
  }
}

/** How it ended: a call that may have changed something and has no answer is `unknown`, never `failed`. */
export function outcomeOf(exchange: Exchange, finished: boolean): Outcome {
  const { refusal, operation, upstream } = exchange
  // cut off after its first byte: what it was about may have been done
  if (exchange.cut && !finished) return operation?.effect === 'read' ? 'failed' : 'unknown'
  if (refusal !== null) {
    // policy refused what Azure answered, and nobody was shown it
    if (operation?.effect === 'read' && isOfPolicy(refusal.code)) return 'denied'
    const reached = upstream !== null && refusal.code !== 'upstream_unreachable'
    const answered = upstream !== null && upstream.status !== null
    return reached && !answered && operation?.effect !== 'read' ? 'unknown' : 'failed'
  }
  if (!finished) return 'client_abort'
  return (exchange.status ?? 500) < 400 ? 'success' : 'failed'
}

/** Bytes of the body that arrived: for one that was cut, at most what its connection has brought. */
export function bytesArrived(raw: IncomingMessage): number {
  const length = Number(raw.headers['content-length'] ?? 0)
  return raw.complete ? length : Math.min(length, raw.socket.bytesRead)
}

const MINUTE_MS = 60_000

/** Facts of a call that the gateway answers itself: of its caller's token and of the time. */
export function ownCallFacts(now: () => number): (principal: Principal) => Facts {
  return (principal) => {
    const time = now()
    const seconds = Math.floor(time / 1000)
    const { issuedAt, authenticatedAt } = principal
    return {
      time: new Date(time - (time % MINUTE_MS)).toISOString(),
      tokenAgeSeconds: Math.max(0, seconds - issuedAt),
      ...(authenticatedAt === null
        ? {}
        : { signInAgeSeconds: Math.max(0, seconds - authenticatedAt) }),
    }
  }
}

/**
 * Facts of token age, place and time, which need no look into the body.
 * @param ownOperation whether the call follows an operation that its caller has started
 */
export function callFacts(
  call: Pick<Exchange, 'target' | 'principal' | 'receivedAt' | 'source'>,
  ownOperation: boolean,
): Facts {
  const { target, principal, receivedAt, source } = call
  const apiVersion = target?.params.get('api-version')
  const seconds = Math.floor(receivedAt / 1000)
  const signedInAt = principal?.authenticatedAt ?? null
  const facts: Record<string, Facts[string]> = {
    sourceIp: source.ip,
    ownOperation,
    time: minuteOf(receivedAt),
  }
  if (apiVersion !== undefined) facts['apiVersion'] = apiVersion
  if (principal !== null) facts['tokenAgeSeconds'] = Math.max(0, seconds - principal.issuedAt)
  if (signedInAt !== null) facts['signInAgeSeconds'] = Math.max(0, seconds - signedInAt)
  return facts
}

const minute = { start: Number.NaN, text: '' }

/** The time to the minute, so that a decision that asks for it can still be cached. */
function minuteOf(time: number): string {
  const start = time - (time % MINUTE_MS)
  if (start !== minute.start) Object.assign(minute, { start, text: new Date(start).toISOString() })
  return minute.text
}
