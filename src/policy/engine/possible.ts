/**
 * What a forbid says of a call of which not all facts are known: whether it would apply for some value of those.
 *
 * Cedar's `context has tags && ...` is false where nobody told the tags, and the forbid would not apply: who hides a
 * fact would be better off than who tells it. So each part of a condition that depends on an unknown fact is replaced by
 * "may be true". A forbid that then holds can apply.
 * @module
 */
import type { Expr, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import { factsIn } from '../load/conditions.ts'

type Unknown = ReadonlySet<string>

const TRUE: Expr = { Value: true }

const and = (left: Expr, right: Expr): Expr => ({ '&&': { left, right } })
const or = (left: Expr, right: Expr): Expr => ({ '||': { left, right } })

/** The policy with conditions that hold wherever the written ones hold for some value of the unknown facts. */
export function possibly(policy: PolicyJson, unknown: Unknown): PolicyJson {
  const conditions = policy.conditions.map(({ kind, body }): PolicyJson['conditions'][number] => ({
    kind: 'when',
    body: kind === 'when' ? mayHold(body, unknown) : mayFail(body, unknown),
  }))
  return { ...policy, conditions }
}

/** Parts stay in their order, so that what guards a part (`context has x &&`) still does. */
function mayHold(expression: Expr, unknown: Unknown): Expr {
  if (!dependsOn(expression, unknown)) return expression
  const parts = partsOf(expression)
  if (parts?.both !== undefined) {
    const [left, right] = parts.both
    return and(mayHold(left, unknown), mayHold(right, unknown))
  }
  if (parts?.either !== undefined) {
    const [left, right] = parts.either
    return or(mayHold(left, unknown), mayHold(right, unknown))
  }
  if (parts?.not !== undefined) return mayFail(parts.not, unknown)
  if (parts?.choice !== undefined) return choose(parts.choice, unknown, mayHold)
  return TRUE
}

function mayFail(expression: Expr, unknown: Unknown): Expr {
  if (!dependsOn(expression, unknown)) return { '!': { arg: expression } }
  const parts = partsOf(expression)
  if (parts?.both !== undefined) {
    const [left, right] = parts.both
    // the right part is looked at only where the left one may hold: it may guard it
    return or(mayFail(left, unknown), and(mayHold(left, unknown), mayFail(right, unknown)))
  }
  if (parts?.either !== undefined) {
    const [left, right] = parts.either
    return and(mayFail(left, unknown), mayFail(right, unknown))
  }
  if (parts?.not !== undefined) return mayHold(parts.not, unknown)
  if (parts?.choice !== undefined) return choose(parts.choice, unknown, mayFail)
  return TRUE
}

function choose(
  [test, then, otherwise]: readonly [Expr, Expr, Expr],
  unknown: Unknown,
  may: (expression: Expr, unknown: Unknown) => Expr,
): Expr {
  return or(
    and(mayHold(test, unknown), may(then, unknown)),
    and(mayFail(test, unknown), may(otherwise, unknown)),
  )
}

/** Whether an expression looks at one of these facts, or at the context as a whole. */
function dependsOn(expression: Expr, unknown: Unknown): boolean {
  const facts = factsIn(expression)
  return facts === null || facts.some((fact) => unknown.has(fact))
}

/** The parts of an expression that is made of others by Cedar's logic. */
interface Parts {
  readonly both?: readonly [Expr, Expr]
  readonly either?: readonly [Expr, Expr]
  readonly not?: Expr
  readonly choice?: readonly [Expr, Expr, Expr]
}

function partsOf(expression: Expr): Parts | null {
  if ('&&' in expression && !Array.isArray(expression['&&'])) {
    const { left, right } = expression['&&']
    return { both: [left, right] }
  }
  if ('||' in expression && !Array.isArray(expression['||'])) {
    const { left, right } = expression['||']
    return { either: [left, right] }
  }
  if ('!' in expression && !Array.isArray(expression['!'])) return { not: expression['!'].arg }
  if ('if-then-else' in expression && !Array.isArray(expression['if-then-else'])) {
    const { if: test, then, else: otherwise } = expression['if-then-else']
    return { choice: [test, then, otherwise] }
  }
  return null
}
