/**
 * What the pipeline composes: its stages, in the order in which a request meets them.
 * @module
 */
import type { IncomingMessage } from 'node:http'
import type { OwnCalls } from './access/own-calls.ts'
import type { ApprovalProof } from './approvals/proof.ts'
import type { Recorder } from './audit/recorder.ts'
import type { Incoming } from './azureml/body/read.ts'
import type { Target } from './azureml/target.ts'
import type { Callers } from './callers.ts'
import type { Finished } from './enforce/content.ts'
import type { Gathered } from './enforce/enforce.ts'
import type { Refusal } from './errors.ts'
import type { Exchange, Progress } from './exchange.ts'
import type { Via } from './forward/ask.ts'
import type { Forward } from './forward/forward.ts'
import type { Screen } from './forward/screen.ts'
import type { HeldCall, KeptAnswer } from './http/kept-reply.ts'
import type { AnswerOptions } from './http/refusal-answer.ts'
import type { Principal } from './identity/principal.ts'
import type { Pending } from './lib/pending.ts'
import type { Awaiting, Facts, Permit, Verdict } from './policy/decide.ts'
import type { Grant, GrantFor, ReadGrant } from './token/grant.ts'
import type { Operation } from './vocabulary/operation.ts'

/** Where a call goes at Azure, and the scope of the token that it needs there. */
export interface Route {
  readonly origin: string
  readonly path: string
  readonly scope: string
  /** How long Azure may take for it, in milliseconds; absent: as long as for any call. */
  readonly timeoutMs?: number | undefined
}

/** Under whose name Azure is asked where a workspace or an endpoint is. */
export interface Asker {
  readonly identity: string
  readonly principal: Principal
  /** Gets a grant of the call's own identity. */
  readonly grantFor: GrantFor
}

/** Makes a call that was held in the name of a caller, whose request `by` asks for it. Null if its answer broke off. */
export type MakeFor = (
  principal: Principal,
  by: IncomingMessage,
  call: HeldCall,
) => Promise<KeptAnswer | null>

/** A permit, and the proof of its review if it needed one. */
export interface Reviewed {
  readonly permit: Permit
  readonly proof: ApprovalProof | null
}

/**
 * The stages, as app.ts composes them. Each may throw a Refusal; anything else it throws is one, too. What a stage knows
 * already is not waited for.
 */
export interface Stages {
  readonly checkInbound: (raw: IncomingMessage) => void
  readonly parseTarget: (method: string, rawTarget: string) => Target
  readonly identify: (raw: IncomingMessage) => Pending<Principal>
  /** What a caller may take of the gateway. */
  readonly callers: Pick<Callers, 'begin'>
  /** What callers ask the gateway itself; null for what is Azure's. */
  readonly own: (
    exchange: Exchange,
    call: {
      readonly target: Target
      readonly principal: Principal
      readonly request: IncomingMessage
    },
    make: MakeFor,
    progress: Progress,
  ) => ReturnType<OwnCalls>
  readonly classify: (target: Target) => Operation
  /** Reads what policy needs to know; null content: nobody asks, the caller's bytes are streamed untouched. */
  readonly gather: (exchange: Exchange, request: Incoming, progress: Progress) => Pending<Gathered>
  readonly decide: (principal: Principal, operation: Operation, facts: Facts) => Verdict
  readonly route: (operation: Operation, target: Target, asker: Asker) => Pending<Route>
  readonly grant: (permit: Permit, scope: string, raw: IncomingMessage) => Pending<Grant>
  /** To ask Azure in the place of the call, permitted or not yet. */
  readonly readGrant: (
    judged: Permit | Awaiting,
    scope: string,
    raw: IncomingMessage,
  ) => Pending<ReadGrant>
  /** What only Azure can tell, labels and runs; null if nothing is asked, otherwise what is to be judged instead. */
  readonly lookUp: (
    exchange: Exchange,
    gathered: Gathered,
    via: Via,
    progress: Progress,
  ) => Pending<Gathered | null>
  /**
   * `@approval`: takes one use of the review that the call needs; the permit as it is if it needs none.
   * @throws {Refusal} one of the `approval_` codes
   */
  readonly review: (
    exchange: Exchange,
    judged: Permit | Awaiting,
    gathered: Gathered,
    via: Via,
    headers: IncomingMessage['headers'],
  ) => Pending<Reviewed>
  /** How the call ended for which a use was taken. */
  readonly reviewed: (exchange: Exchange) => void
  /** `@stamp`, `@record`: the bytes to send, and what was changed in them. */
  readonly finish: (
    exchange: Exchange,
    permit: Permit,
    gathered: Gathered,
    progress: Progress,
  ) => Finished
  /** What of the answer the caller may read; null if all of it may pass, whatever it says. */
  readonly screen: (exchange: Exchange, via: Via, progress: Progress) => Screen | null
  readonly dropToken: (grant: Grant, scope: string) => void
  readonly recorder: Recorder
  readonly forward: Forward
  readonly answers: AnswerOptions
  /** Keeps a refusal of policy's for the caller who asks why. */
  readonly refused: (exchange: Exchange, refusal: Refusal) => void
  readonly now: () => number
}
