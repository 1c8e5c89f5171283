/**
 * The decision: Cedar's answer, its reasons, and the only place where a permit can be made.
 * @module
 */
import type { Operation } from '../vocabulary/operation.ts'
import type { ApprovalProof } from '../approvals/proof.ts'
import { Refusal } from '../errors.ts'
import type { Principal } from '../identity/principal.ts'
import { createCache } from '../lib/caches/cache.ts'
import { memoOf } from '../lib/memo.ts'
import { answers, type Approval } from './approval.ts'
import { doneToBody, type Effects } from './effects.ts'
import { callersOf } from './engine/callers.ts'
import { principalUids } from './engine/entities.ts'
import { createFactsOf, type Mattering } from './engine/facts-of.ts'
import type { Facts } from './facts.ts'
import { createMayName, policiesWithoutBody } from './engine/without-body.ts'
import { factUnknown, type UnknownFacts } from './engine/unknown-facts.ts'
import { createJudge, failed, type Decision, type Judged } from './engine/judge.ts'
import type { PolicySet } from './load/rules.ts'
import { refuseSignIn, signInFacts, type CheckSignIn } from './step-up.ts'

export type { Decision, Facts }

/**
 * Proof that policy permitted this operation to this principal. The class is not exported as a value:
 * nothing but `decide` can make one, and nothing but a permit can become a grant.
 */
class Permit {
  readonly principal: Principal
  readonly operation: Operation
  readonly decision: Decision
  readonly effects: Effects
  readonly #unknown: UnknownFacts | null

  constructor(
    { principal, operation }: AskedOf,
    decision: Decision,
    effects: Effects,
    unknown: UnknownFacts | null,
  ) {
    this.principal = principal
    this.operation = operation
    this.decision = decision
    this.effects = effects
    this.#unknown = unknown
  }

  /** What effects do to the body, in words: `pinned`, `stamped`. */
  get doneToBody(): readonly string[] {
    return doneToBody(this.effects)
  }

  /** The refusal if nobody tells what this permit still depends on; null if it depends on nothing. */
  refusedUntold(): Refused | null {
    return this.#unknown === null ? null : withoutFacts(this.decision, this.#unknown)
  }

  /** Private names make the type nominal: no object literal can pass for a permit. */
  static isPermit(value: unknown): value is Permit {
    return typeof value === 'object' && value !== null && #unknown in value
  }
}

export type { Permit }

export function isPermit(judged: Permit | Awaiting): judged is Permit {
  return Permit.isPermit(judged)
}

/**
 * A decision that nothing but a review keeps from being a permit. Until there is one, Azure is asked in its place about
 * what is to be reviewed, and nothing is sent on.
 */
class Awaiting {
  readonly principal: Principal
  readonly operation: Operation
  /** A refusal by the policies that ask for a review. */
  readonly decision: Decision
  readonly effects: Effects
  readonly approval: Approval
  readonly #permitted: Decision
  readonly #unknown: UnknownFacts | null

  constructor(
    { principal, operation }: AskedOf,
    permitted: Decision,
    effects: Effects,
    approval: Approval,
    unknown: UnknownFacts | null,
  ) {
    const policies = approval.asks.map(({ policy }) => policy)
    this.principal = principal
    this.operation = operation
    this.decision = { ...permitted, verdict: 'refuse', policies, reason: approval.reason }
    this.effects = effects
    this.approval = approval
    this.#permitted = permitted
    this.#unknown = unknown
  }

  /** The refusal if nobody tells what the permit would still depend on; null if it depends on nothing. */
  refusedUntold(): Refused | null {
    return this.#unknown === null ? null : withoutFacts(this.decision, this.#unknown)
  }

  get doneToBody(): readonly string[] {
    return doneToBody(this.effects)
  }

  /** What the review made possible. @throws TypeError for the proof of another review: a fault of the gateway's */
  released(proof: ApprovalProof): Permit {
    if (proof.author !== this.principal.id || !answers(proof, this.approval))
      throw new TypeError('the proof is of another review')
    const { principal, operation } = this
    const facts = { ...this.#permitted.facts, approvals: [...proof.reviewers] }
    const asked = { principal, operation, given: facts, told: undefined }
    return new Permit(asked, { ...this.#permitted, facts }, this.effects, this.#unknown)
  }
}

export type { Awaiting }

/** What was decided. A cached refusal gets a new error for each request: errors are not shared. */
export type Verdict = { readonly permit: Permit; readonly decision: Decision } | Refused

interface Refused {
  readonly permit: null
  readonly refusal: Refusal
  readonly decision: Decision
  /** If a review would lift it; whoever does not know of reviews refuses. */
  readonly awaiting?: Awaiting
}

/**
 * Judges one request. Never throws: whatever goes wrong, in Cedar too, is a refusal.
 * @param told `all` if nobody will tell more: then a fact that a forbid asks for and that is not told is a refusal.
 *   Otherwise a permit may depend on such facts, and `refusedUntold` has that refusal
 */
export type Decide = (
  principal: Principal,
  operation: Operation,
  facts: Facts,
  told?: 'all',
) => Verdict

/** Decisions kept, at about 2 KB each. */
const CACHE_SIZE = 50_000
/** Characters. A longer key is not cached, or a caller could fill the memory with long facts of bodies. */
const MAX_KEY_LENGTH = 4_096

export interface DecideOptions {
  /** Decisions kept. */
  readonly cacheSize?: number
  /** Judges sign-ins for `@stepup`; without it, such a forbid cannot be lifted. */
  readonly checkSignIn?: CheckSignIn
}

/** Creates the judge of one policy set. */
export function createDecide(set: PolicySet, options: DecideOptions = {}): Decide {
  const size = options.cacheSize ?? CACHE_SIZE
  const cache = size > 0 ? createCache<Key, Judged>(size) : null
  const judge = createJudge(set)
  const factsOf = createFactsOf(set.facts)
  const callerOf = callersOf(set)
  const numberWith = createNumberWith(Math.max(size, 1))
  const numberOf = createOperations(Math.max(size, 1))

  /** Everything that a decision depends on, besides the policies. */
  function keyOf(caller: number, operation: number, { facts, number }: Mattering): Key {
    return number === null
      ? `${caller} ${operation} ${JSON.stringify(facts)}`
      : pair(numberWith(caller, number), operation)
  }

  function keep(key: Key, judged: Judged): void {
    if (typeof key === 'number' || key.length <= MAX_KEY_LENGTH) cache?.set(key, judged)
  }

  return (principal, operation, given, told) => {
    let judged: Judged | undefined
    try {
      const caller = callerOf(principal)
      const mattering = factsOf(principal, operation, given)
      const number = numberOf(operation)
      const ofAlike = keyOf(caller.alike.number, number, mattering)
      judged = cache?.get(ofAlike)
      if (judged === undefined) {
        // a refusal says what this caller lacks, whom a mistyped binding may be meant for
        const own = keyOf(caller.number, number, mattering)
        judged = cache?.get(own)
        if (judged === undefined) {
          judged = judge({ principals: caller.uids, operation, facts: mattering.facts })
          keep(judged.effects === null ? own : ofAlike, judged)
        }
      }
    } catch (error) {
      judged = failed(set.version, 'the policies could not be evaluated', [], {}, error)
    }
    return verdictOf(judged, { principal, operation, given, told }, options.checkSignIn)
  }
}

/** A refusal that no body could change, or null. It is never a permit: the body has the last word. */
export type RefuseWithoutBody = (
  principal: Principal,
  operation: Operation,
  facts: Facts,
  /** Whether the body may name another resource of the operation's type as what the call is about. */
  bodyNames: boolean,
) => { readonly refusal: Refusal; readonly decision: Decision } | null

/** Refusals kept: most callers have one kind of call that they may not make. */
const EARLY_CACHE_SIZE = 10_000

/** Creates the judge that is asked before a body is read. What it needs of the policies is built at its first question. */
export function createRefuseWithoutBody(
  set: PolicySet,
  options: DecideOptions = {},
): RefuseWithoutBody {
  let built: {
    readonly decide: Decide
    readonly mayName: ReturnType<typeof createMayName>
  } | null = null
  return (principal, operation, facts, bodyNames) => {
    built ??= {
      decide: createDecide(policiesWithoutBody(set), { ...options, cacheSize: EARLY_CACHE_SIZE }),
      mayName: createMayName(set),
    }
    const verdict = built.decide(principal, operation, facts)
    // what cannot be judged yet is judged with the body
    if (verdict.permit !== null || verdict.refusal.code === 'policy_error') return null
    if (verdict.awaiting !== undefined) return null
    if (bodyNames && built.mayName(principalUids(principal), operation)) return null
    return { refusal: verdict.refusal, decision: verdict.decision }
  }
}

interface AskedOf {
  readonly principal: Principal
  readonly operation: Operation
  readonly given: Facts
  readonly told: 'all' | undefined
}

function verdictOf(judged: Judged, asked: AskedOf, checkSignIn: CheckSignIn | undefined): Verdict {
  const { principal, given, told } = asked
  if (judged.effects !== null) {
    const { stepUp, unknown } = judged
    if (unknown !== null && told === 'all') return withoutFacts(judged.decision, unknown)
    if (stepUp === null) return permitFor(judged, judged.decision, asked)
    // not cached: a sign-in grows old while the decision is kept
    const refusal = refuseSignIn(stepUp, principal, checkSignIn)
    const facts = { ...judged.decision.facts, ...signInFacts(principal, given) }
    const decision: Decision = { ...judged.decision, facts }
    if (refusal === null) return permitFor(judged, decision, asked)
    const { policies, reason } = stepUp
    return {
      permit: null,
      refusal,
      decision: { ...decision, verdict: 'refuse', policies, reason },
    }
  }
  const { decision } = judged
  const refusal = new Refusal(judged.code, judged.message ?? decision.reason, {
    policies: judged.told,
    ...(judged.remedy === null ? {} : { remedy: judged.remedy }),
    ...(judged.inner === undefined ? {} : { inner: judged.inner }),
    ...(judged.cause instanceof Error ? { cause: judged.cause, inner: judged.cause.message } : {}),
  })
  return { permit: null, refusal, decision }
}

/** A permit, unless a review is missing. */
function permitFor(
  { approval, effects, unknown }: Extract<Judged, { effects: Effects }>,
  decision: Decision,
  asked: AskedOf,
): Verdict {
  return approval === null
    ? { permit: new Permit(asked, decision, effects, unknown), decision }
    : awaitingOf(new Awaiting(asked, decision, effects, approval, unknown))
}

function awaitingOf(awaiting: Awaiting): Refused {
  const { decision } = awaiting
  const refusal = new Refusal('policy_refused', decision.reason, {
    policies: decision.policies,
    remedy: 'it needs a review, and cannot be reviewed as a part of this call: make it on its own',
  })
  return { permit: null, refusal, decision, awaiting }
}

/** The refusal of a call for which policy asks a fact that nobody told. */
function withoutFacts(permitted: Decision, unknown: UnknownFacts): Refused {
  const { policies } = unknown
  const refusal = factUnknown(unknown)
  const decision: Decision = { ...permitted, verdict: 'refuse', policies, reason: refusal.message }
  return { permit: null, refusal, decision }
}

/** Numbers pairs of a caller and facts. All are forgotten at once: there are new ones each second where policy asks how old a token is. */
function createNumberWith(size: number): (caller: number, facts: number) => number {
  const known = new Map<Key, number>()
  let number = 0
  return (caller, facts) => {
    const key = pair(caller, facts)
    const kept = known.get(key)
    if (kept !== undefined) return kept
    if (known.size >= size) known.clear()
    known.set(key, number)
    return number++
  }
}

/** Equal operations have one number. No number is used twice: one that was forgotten gets a new one. */
function createOperations(size: number): (operation: Operation) => number {
  const known = createCache<string, number>(size)
  let number = 0
  return memoOf((operation) => {
    const key = operationKey(operation)
    const made = known.get(key) ?? number++
    // a long one has its number for as long as the operation itself is there
    if (key.length <= MAX_KEY_LENGTH) known.set(key, made)
    return made
  })
}

/**
 * All of an operation that a decision depends on. Lengths keep one part from running into the next. An ancestor's id is
 * most often the beginning of the resource's own, and then its length is enough.
 */
function operationKey({ action, effect, secrets, resource }: Operation): string {
  const { type, id, ancestors } = resource
  const parts = [effect, secrets ? 's' : '-', action.length, action, type, id.length, id]
  for (const ancestor of ancestors) {
    parts.push(ancestor.type, ancestor.id.length)
    if (!id.startsWith(ancestor.id)) parts.push(ancestor.id)
  }
  // in one piece of memory: a sum of texts keeps each of its terms, which took three times as much
  return parts.join(' ')
}

/** Numbers below it are two halves of one that is exact. */
const HALF = 2 ** 26

type Key = string | number

/** One key for two numbers. A text that has to be put together costs more than the rest of a decision that is known. */
function pair(one: number, other: number): Key {
  return one < HALF && other < HALF ? one * HALF + other : `${one} ${other}`
}
