/**
 * One decision: asked of Cedar, and not cached.
 * @module
 */
import type { Operation } from '../../vocabulary/operation.ts'
import type { Uid } from '../load/conditions.ts'
import { resolveEffects, type Effects } from '../effects.ts'
import { contextOf, createUidMap, resourceUids, type Question } from './entities.ts'
import { evaluate, type Answer } from './evaluate.ts'
import type { Facts } from '../facts.ts'
import { createCache } from '../../lib/caches/cache.ts'
import { memoOf } from '../../lib/memo.ts'
import { bindingsOnOf, createNeeded, hasOneOf, placeOf } from './refusal-advice.ts'
import type { PolicySet, Rule } from '../load/rules.ts'
import { createSlicer, parseSlice, type Slice } from './slices.ts'
import { unknownFacts, type UnknownFacts } from './unknown-facts.ts'
import { approvalOf, type Approval } from '../approval.ts'
import { stepUpOf, type StepUp } from '../step-up.ts'

/** What policy decided on one request. A refusal has the same fields as a permit, so that both can be explained. */
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
  /** The facts that it was decided on: those that policies ask for and, for `@stepup`, those of the sign-in. */
  readonly facts: Facts
  /** The caller's groups and roles that some policy or binding names: no other can have mattered. */
  readonly memberships: readonly Uid[]
}

/** A decision before it is somebody's permit or refusal. */
export type Judged =
  | {
      readonly effects: Effects
      readonly decision: Decision
      readonly stepUp: StepUp | null
      readonly approval: Approval | null
      /** What nobody told and the permit depends on; null if it depends on nothing else. */
      readonly unknown: UnknownFacts | null
    }
  | Refused

/** A refusal before it is somebody's. */
interface Refused {
  readonly effects: null
  readonly code: 'policy_refused' | 'secrets_refused' | 'policy_error'
  readonly remedy: string | null
  /** Of the ids of the policies that decided, those that the caller is told. */
  readonly told: readonly string[]
  /** What the caller is told in the place of the decision's reason, which names policies. */
  readonly message?: string
  /** For the record alone. */
  readonly inner?: string
  readonly cause?: unknown
  readonly decision: Decision
}

/** Creates the judge of one policy set. @throws Error if Cedar cannot read the question */
export function createJudge(
  set: PolicySet,
): (asked: {
  readonly principals: readonly Uid[]
  readonly operation: Operation
  readonly facts: Facts
}) => Judged {
  const relevantTo = createSlicer(set)
  const bindingsOn = bindingsOnOf(set)
  const neededFor = createNeeded(set)
  const { version } = set
  const isNamed = createIsNamed(set)
  // one answer of Cedar's is that of many questions: what follows from its policies, however many, is found once
  const reasonsOf = memoOf((policies: readonly string[]) => {
    const deciding = policies.flatMap((id) => set.rules.get(id) ?? [])
    return { deciding, reason: reasonOf(deciding) }
  })
  const permit = createPermit(set, reasonsOf)

  return ({ principals, operation, facts }) => {
    const action = set.words.actionOf(operation)
    const resources = resourceUids(operation)
    const question: Question = { principals, action, resources, context: contextOf(facts) }
    const relevant = relevantTo(question)
    const { key, rules, shadowed } = relevant
    const first = evaluate(parseSlice(key, rules), question)
    if (first.errors.length > 0) {
      const message = 'a policy could not be evaluated'
      const reason = `${message}: ${first.errors.join(', ')}`
      const refusal = failed(version, reason, first.errors, facts)
      return hasOneOf(bindingsOn(question), question) ? refusal : { ...refusal, told: [], message }
    }
    const refusing = first.permitted ? [] : first.reasons.flatMap((id) => set.rules.get(id) ?? [])
    const lifts = refusing.length > 0 && refusing.every(({ policy }) => isLifted(policy))
    const answer = lifts ? evaluate(withoutLifted(key, rules), question) : first
    const policies = answer.reasons
    const shadow =
      shadowed.length === 0
        ? []
        : shadowOf(set, answer, evaluate(parseSlice(`${key} shadow`, shadowed), question))
    const memberships = principals.filter(isNamed)
    if (answer.permitted) {
      const answered = lifts ? first.reasons : []
      const unknown = unknownFacts(relevant, { question, operation, facts, answered })
      return permit({ policies, facts, memberships, shadow, refusing, unknown })
    }
    const { deciding, reason: reasonGiven } = reasonsOf(policies)
    const isForbidden = deciding.length > 0
    const needed = neededFor(question, placeOf(operation))
    const reason = isForbidden ? reasonGiven : needed.reason
    return {
      effects: null,
      code: action.secrets ? 'secrets_refused' : 'policy_refused',
      remedy: isForbidden ? NOT_LIFTED : needed.remedy,
      told: needed.hasAccess ? policies : namesOfNoBinding(deciding),
      ...(isForbidden || needed.mistyped === null ? {} : { inner: needed.mistyped }),
      decision: { verdict: 'refuse', policies, reason, version, shadow, facts, memberships },
    }
  }
}

/** What Cedar has permitted. */
interface Permitted extends Pick<Decision, 'policies' | 'facts' | 'memberships' | 'shadow'> {
  /** Forbids that a sign-in or a review lifts. */
  readonly refusing: readonly Rule[]
  readonly unknown: UnknownFacts | null
}

/** What follows from the policies that decided. */
type ReasonsOf = (policies: readonly string[]) => {
  readonly deciding: readonly Rule[]
  readonly reason: string
}

/** Permits that depend on nothing but policies, facts and memberships, and are kept. */
const MAX_PLAIN = 10_000

/** Makes permits. Those of the same policies, facts and memberships are one, whatever it is that they permit. */
function createPermit(set: PolicySet, reasonsOf: ReasonsOf): (permitted: Permitted) => Judged {
  const effectsOf = memoOf((policies: readonly string[]) =>
    resolveEffects(reasonsOf(policies).deciding, set.bindings.order),
  )
  let number = 0
  const numberOf = memoOf(() => number++)
  const plain = createCache<string, Judged>(MAX_PLAIN)

  function make({ refusing, unknown, ...decided }: Permitted): Judged {
    const { policies } = decided
    const { reason } = reasonsOf(policies)
    return {
      effects: effectsOf(policies),
      decision: { verdict: 'permit', reason, version: set.version, ...decided },
      stepUp: stepUpOf(refusing),
      approval: approvalOf(refusing),
      unknown,
    }
  }

  return (permitted) => {
    const { policies, facts, memberships, shadow, refusing, unknown } = permitted
    // what else a permit may depend on
    if (refusing.length > 0 || shadow.length > 0 || unknown !== null) return make(permitted)
    const key = `${numberOf(policies)} ${numberOf(facts)} ${textOf(memberships)}`
    const judged = plain.get(key) ?? make(permitted)
    plain.set(key, judged)
    return judged
  }
}

/** The refusal of a request that could not be evaluated. */
export function failed(
  version: string,
  reason: string,
  policies: readonly string[],
  facts: Facts,
  cause?: unknown,
): Refused {
  const decision: Decision = {
    verdict: 'refuse',
    policies,
    reason,
    version,
    shadow: [],
    facts,
    memberships: [],
  }
  return { effects: null, code: 'policy_error', remedy: null, told: policies, cause, decision }
}

/** What a caller is told whom a policy forbids the call, whatever is bound. */
export const NOT_LIFTED = 'no group and no role changes that'

/** Without those of bound templates: whoever has no access to the place is told no names of templates and bindings. */
const namesOfNoBinding = (rules: readonly Rule[]): readonly string[] =>
  rules.flatMap(({ id, link }) => (link === null ? [id] : []))

/** Groups and roles that bindings or conditions name: no other can matter. */
export function createIsNamed(set: PolicySet): (uid: Uid) => boolean {
  const named = createUidMap<true>()
  for (const { principal, policy } of set.rules.values()) {
    for (const uid of [...(principal === null ? [] : [principal]), ...(policy.named ?? [])])
      named.set(uid, true)
  }
  return (uid) => (uid.type === 'Group' || uid.type === 'Role') && named.get(uid) === true
}

/** Each id has its length, so that no two lists have one text. */
function textOf(uids: readonly Uid[]): string {
  let text = ''
  for (const { type, id } of uids) text += `${type} ${id.length} ${id} `
  return text
}

/** Whether a sign-in or a review lifts a forbid. */
function isLifted({ stepUp, approval }: Rule['policy']): boolean {
  return stepUp !== null || approval !== null
}

/** The rules without those forbids: what they decide once the caller has signed in and others have approved. */
function withoutLifted(key: string, rules: readonly Rule[]): Slice {
  return parseSlice(
    `${key} lifted`,
    rules.filter(({ policy }) => !isLifted(policy)),
  )
}

function reasonOf(rules: readonly Rule[]): string {
  return [...new Set(rules.map(({ policy }) => policy.reason))].join('; ')
}

/** Ids of the shadow policies that would have changed the answer, or that could not be evaluated. */
function shadowOf(set: PolicySet, answer: Answer, shadowed: Answer): readonly string[] {
  const isShadow = (id: string): boolean => set.rules.get(id)?.shadow === true
  if (shadowed.errors.length > 0) return shadowed.errors.filter(isShadow)
  return shadowed.permitted === answer.permitted ? [] : shadowed.reasons.filter(isShadow)
}
