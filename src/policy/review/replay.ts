/**
 * Replays recorded decisions against other policies: which of them would have been different.
 *
 * A record may not hold all that its decision depended on: tags of a body, for instance, are in none. One whose decision
 * the old policies do not reproduce is counted and left out.
 * @module
 */
import { Refusal } from '../../errors.ts'
import type { SignInRequirement } from '../../identity/sign-in.ts'
import { createDecide, type DecideOptions, type Verdict } from '../decide.ts'
import { toldIn } from './given.ts'
import { withRecordedGrants } from './recorded-grants.ts'
import { askedIn, NOW, type Asked, type Row } from './recorded.ts'
import type { PolicySet } from '../load/rules.ts'
import type { CheckSignInAt } from '../step-up.ts'

/** Decisions that change in the same way: who, on what kind of thing, from what to what. */
export interface Change {
  readonly principal: string
  readonly action: string
  readonly workspace: string | null
  readonly before: string
  readonly after: string
  readonly count: number
  /** A decision id, for `explain`. */
  readonly example: string
}

export interface Replay {
  /** Decisions that the old policies reproduce, and that were asked of the new ones. */
  readonly replayed: number
  /** Decisions that the old policies do not reproduce from what the record has. */
  readonly unreproducible: number
  /** Replayed ones for which the new policies ask for a sign-in that the record does not tell. */
  readonly assumed: number
  readonly changes: readonly Change[]
}

function answer(verdict: Verdict): string {
  const { decision } = verdict
  const identity = verdict.permit === null ? '' : ` as ${verdict.permit.effects.identity}`
  return `${decision.verdict}${identity} by ${decision.policies.join(', ') || 'default'}`
}

/**
 * Judges recorded decisions again. If a record tells when and how the caller signed in, `@stepup` is judged by that. If it
 * does not, a recorded permit is taken to mean that the sign-in was good enough, and a refusal that it was not.
 * @param assumed called for each decision that rests on this assumption
 */
export function createRedecide(
  set: PolicySet,
  checkSignIn: CheckSignInAt,
  assumed: () => void = () => undefined,
): (asked: Asked) => Verdict {
  let current: Asked | null = null
  const judging: DecideOptions = {
    checkSignIn(principal, requirement) {
      if (current !== null && recordsSignIn(current, requirement))
        return checkSignIn(principal, requirement, NOW)
      assumed()
      return current?.verdict === 'permit'
        ? null
        : new Refusal('insufficient_scope', 'the sign-in was not good enough')
    },
  }
  const decide = createDecide(set, judging)
  return (asked) => {
    current = asked
    // a record does not hold all that was told, tags for instance: what was permitted had been told enough
    const told = asked.verdict === 'permit' ? undefined : toldIn(asked.operation, asked.facts)
    const granted = withRecordedGrants(set, asked)
    if (granted === null) return decide(asked.principal, asked.operation, asked.facts, told)
    const decideWith = createDecide(granted.set, { ...judging, cacheSize: 0 })
    return decideWith(granted.principal, asked.operation, asked.facts, told)
  }
}

/** Whether a record holds what a requirement asks of the sign-in. */
function recordsSignIn(
  { principal, facts }: Asked,
  { maxAgeSeconds, methods }: SignInRequirement,
): boolean {
  const age = maxAgeSeconds === undefined || principal.authenticatedAt !== null
  return age && (methods === undefined || Object.hasOwn(facts, 'methods'))
}

/** The verdict if it is the recorded one and the same policies decided, as far as the record names them; else null. */
export function reproduces(redecide: (asked: Asked) => Verdict, asked: Asked): Verdict | null {
  const verdict = redecide(asked)
  const decided = new Set(verdict.decision.policies)
  const same =
    verdict.decision.verdict === asked.verdict &&
    decided.size === asked.policyCount &&
    asked.policies.every((id) => decided.has(id))
  return same ? verdict : null
}

/** Replays records against two sets of policies. */
export async function replay(
  before: PolicySet,
  after: PolicySet,
  rows: AsyncIterable<Row> | Iterable<Row>,
  checkSignIn: CheckSignInAt,
): Promise<Replay> {
  let assumed = 0
  const old = createRedecide(before, checkSignIn)
  const now = createRedecide(after, checkSignIn, () => assumed++)
  const changes = new Map<string, Change>()
  let replayed = 0
  let unreproducible = 0
  for await (const row of rows) {
    const asked = askedIn(row, before)
    if (asked === null) continue
    const verdict = reproduces(old, asked)
    if (verdict === null) {
      unreproducible++
      continue
    }
    replayed++
    const was = answer(verdict)
    const is = answer(now(asked))
    if (was === is) continue
    const change = {
      principal: asked.principal.id,
      action: asked.operation.action,
      workspace: asked.operation.scope,
      before: was,
      after: is,
    }
    const key = JSON.stringify(change)
    const known = changes.get(key)
    changes.set(key, {
      ...change,
      count: (known?.count ?? 0) + 1,
      example: known?.example ?? asked.id,
    })
  }
  const all = [...changes.values()].sort((one, other) => other.count - one.count)
  return { replayed, unreproducible, assumed, changes: all }
}
