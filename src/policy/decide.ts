/**
 * The decision: Cedar's answer, its reasons, and the only place where a permit can be made.
 * @module
 */
import { LRUCache } from 'lru-cache'
import { createUidMap } from './uid-map.ts'
import type { Operation } from '../azureml/operation.ts'
import { Refusal } from '../errors.ts'
import type { Principal } from '../identity/principal.ts'
import { createCallers, keyOf } from './decision-key.ts'
import { resolveEffects, type Effects } from './effects.ts'
import { contextOf, createFactsOf, resourceUids } from './entities.ts'
import type { Facts } from './facts.ts'
import { evaluate, type Answer, type Question } from './evaluate.ts'
import type { PolicySet, Rule } from './rules.ts'
import { createNeeded, placeOf } from './needed.ts'
import { createSlicer, parseSlice, type Slice } from './slices.ts'
import type { Uid } from './conditions.ts'
import { refuseSignIn, signInFacts, stepUpOf, type CheckSignIn, type StepUp } from './step-up.ts'

/** What policy said of one request, permit or refusal alike: the same fields, so that both can be explained. */
export interface Decision {
  readonly verdict: 'permit' | 'refuse'
  /** Ids of the policies that decided; for a default deny, none. */
  readonly policies: readonly string[]
  /** `@reason` of the deciding policies, or what would have been needed. */
  readonly reason: string
  /** Content hash of everything that policy was loaded from. */
  readonly version: string
  /** Shadow policies that would have decided otherwise. */
  readonly shadow: readonly string[]
  /** The facts that it was decided on: those that policies ask for, and of the sign-in where `@stepup` asked for one. */
  readonly facts: Facts
  /** The caller's groups and roles that some policy or binding names: no other can have mattered. */
  readonly memberships: readonly Uid[]
}

export type { Facts }

/**
 * Proof that policy permitted this operation to this principal. The class is not exported as a value:
 * nothing but `decide` can make one, and nothing but a permit can become a grant.
 */
class Permit {
  readonly #minted = true
  readonly principal: Principal
  readonly operation: Operation
  readonly decision: Decision
  readonly effects: Effects

  constructor(principal: Principal, operation: Operation, decision: Decision, effects: Effects) {
    this.principal = principal
    this.operation = operation
    this.decision = decision
    this.effects = effects
  }

  /** Private names make the type nominal: no object literal can pass for a permit. */
  static isPermit(value: unknown): value is Permit {
    return typeof value === 'object' && value !== null && #minted in value && value.#minted
  }
}

export type { Permit }

/** What was decided. A refusal of the cache's is made anew for each request: errors are not shared. */
export type Verdict =
  | { readonly permit: Permit; readonly decision: Decision }
  | { readonly permit: null; readonly refusal: Refusal; readonly decision: Decision }

/**
 * Judges one request. Never throws: whatever goes wrong, in Cedar too, is a refusal.
 */
export type Decide = (principal: Principal, operation: Operation, facts: Facts) => Verdict

/** Decisions kept, at about 2 KB each. */
const CACHE_SIZE = 50_000
/** Facts of a body can be long: a decision on those is made anew, or a caller could fill the memory with them. */
const LONGEST_KEY = 4_096

type Judged =
  | { readonly effects: Effects; readonly decision: Decision; readonly stepUp: StepUp | null }
  | {
      readonly effects: null
      readonly code: 'policy_refused' | 'secrets_refused' | 'policy_error'
      readonly remedy: string | null
      readonly cause?: unknown
      readonly decision: Decision
    }

export interface DecideOptions {
  /** Decisions kept. */
  readonly cacheSize?: number
  /** Judges sign-ins for `@stepup`; without it, such a forbid is one like any other. */
  readonly checkSignIn?: CheckSignIn
}

/** Creates the judge of one policy set. */
export function createDecide(set: PolicySet, options: DecideOptions = {}): Decide {
  const size = options.cacheSize ?? CACHE_SIZE
  const cache = size > 0 ? new LRUCache<string, Judged>({ max: size }) : null
  const judge = createJudge(set)
  const factsOf = createFactsOf(set.facts)
  const callerOf = createCallers(Math.max(size, 1))

  return (principal, operation, given) => {
    let judged: Judged | undefined
    try {
      const caller = callerOf(principal)
      const facts = factsOf(principal, operation, given)
      const key = keyOf(caller, operation, facts)
      judged = cache?.get(key)
      if (judged === undefined) {
        judged = judge({ principals: caller.uids, operation, facts })
        if (key.length <= LONGEST_KEY) cache?.set(key, judged)
      }
    } catch (error) {
      judged = failed(set.version, 'the policies could not be evaluated', [], {}, error)
    }
    return verdictOf(judged, { principal, operation, given }, options.checkSignIn)
  }
}

interface AskedOf {
  readonly principal: Principal
  readonly operation: Operation
  readonly given: Facts
}

function verdictOf(
  judged: Judged,
  { principal, operation, given }: AskedOf,
  checkSignIn: CheckSignIn | undefined,
): Verdict {
  if (judged.effects !== null) {
    const { stepUp, effects } = judged
    if (stepUp === null) {
      const { decision } = judged
      return { permit: new Permit(principal, operation, decision, effects), decision }
    }
    // judged for each request: a sign-in grows old while the decision is remembered
    const refusal = refuseSignIn(stepUp, principal, checkSignIn)
    const facts = { ...judged.decision.facts, ...signInFacts(principal, given) }
    const permitted: Decision = { ...judged.decision, facts }
    if (refusal === null)
      return { permit: new Permit(principal, operation, permitted, effects), decision: permitted }
    const { policies, reason } = stepUp
    return {
      permit: null,
      refusal,
      decision: { ...permitted, verdict: 'refuse', policies, reason },
    }
  }
  const { decision } = judged
  const refusal = new Refusal(judged.code, decision.reason, {
    policies: decision.policies,
    ...(judged.remedy === null ? {} : { remedy: judged.remedy }),
    ...(judged.cause instanceof Error ? { cause: judged.cause, inner: judged.cause.message } : {}),
  })
  return { permit: null, refusal, decision }
}

function failed(
  version: string,
  reason: string,
  policies: readonly string[],
  facts: Facts,
  cause?: unknown,
): Judged {
  const decision: Decision = {
    verdict: 'refuse',
    policies,
    reason,
    version,
    shadow: [],
    facts,
    memberships: [],
  }
  return { effects: null, code: 'policy_error', remedy: null, cause, decision }
}

/** The decision itself, in Cedar, without a memory. */
function createJudge(
  set: PolicySet,
): (asked: {
  readonly principals: readonly Uid[]
  readonly operation: Operation
  readonly facts: Facts
}) => Judged {
  const relevantTo = createSlicer(set)
  const neededFor = createNeeded(set)
  const { version } = set
  const isNamed = createIsNamed(set)

  return ({ principals, operation, facts }) => {
    const action = set.words.actionOf(operation)
    const resources = resourceUids(operation)
    const question: Question = { principals, action, resources, context: contextOf(facts) }
    const { key, rules, shadowed } = relevantTo(question)
    const first = evaluate(parseSlice(key, rules), question)
    if (first.errors.length > 0) {
      const reason = `a policy could not be evaluated: ${first.errors.join(', ')}`
      return failed(version, reason, first.errors, facts)
    }
    const stepUp = first.permitted
      ? null
      : stepUpOf(first.reasons.flatMap((id) => set.rules.get(id) ?? []))
    const answer = stepUp === null ? first : evaluate(signedIn(key, rules), question)
    const policies = answer.reasons
    const shadow =
      shadowed.length === 0
        ? []
        : shadowOf(set, answer, evaluate(parseSlice(`${key} shadow`, shadowed), question))
    const deciding = policies.flatMap((id) => set.rules.get(id) ?? [])
    const memberships = principals.filter(isNamed)
    if (answer.permitted) {
      const effects = resolveEffects(deciding, set.bindings.order)
      const decision: Decision = {
        verdict: 'permit',
        policies,
        reason: reasonOf(deciding),
        version,
        shadow,
        facts,
        memberships,
      }
      return { effects, decision, stepUp }
    }
    const needed = neededFor(question, placeOf(operation))
    const reason = deciding.length > 0 ? reasonOf(deciding) : needed.reason
    return {
      effects: null,
      code: action.secrets ? 'secrets_refused' : 'policy_refused',
      remedy: deciding.length > 0 ? null : needed.remedy,
      decision: { verdict: 'refuse', policies, reason, version, shadow, facts, memberships },
    }
  }
}

/** Groups and roles that bindings or conditions name. */
function createIsNamed(set: PolicySet): (uid: Uid) => boolean {
  const named = createUidMap<true>()
  for (const { principal, policy } of set.rules.values()) {
    for (const uid of [...(principal === null ? [] : [principal]), ...(policy.named ?? [])])
      named.set(uid, true)
  }
  return (uid) => (uid.type === 'Group' || uid.type === 'Role') && named.get(uid) === true
}

/** The same rules as if every sign-in that can be asked for had been made. */
function signedIn(key: string, rules: readonly Rule[]): Slice {
  return parseSlice(
    `${key} signed-in`,
    rules.filter(({ policy }) => policy.stepUp === null),
  )
}

function reasonOf(rules: readonly Rule[]): string {
  return [...new Set(rules.map(({ policy }) => policy.reason))].join('; ')
}

/** Ids of the shadow policies that would have turned the answer, those that fail to evaluate among them. */
function shadowOf(set: PolicySet, answer: Answer, shadowed: Answer): readonly string[] {
  const isShadow = (id: string): boolean => set.rules.get(id)?.shadow === true
  if (shadowed.errors.length > 0) return shadowed.errors.filter(isShadow)
  return shadowed.permitted === answer.permitted ? [] : shadowed.reasons.filter(isShadow)
}
