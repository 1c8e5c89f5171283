/**
 * Facts that nobody told and on which a permit depends all the same: a forbid asks for them, and could apply.
 * @module
 */
import type { Operation } from '../../vocabulary/operation.ts'
import { Refusal } from '../../errors.ts'
import { FACT_NAMES, isUnknown, type Facts } from '../facts.ts'
import type { Rule } from '../load/rules.ts'
import type { Question } from './entities.ts'
import { evaluate } from './evaluate.ts'
import { parsePossible, type Asked, type Relevant } from './slices.ts'

/** What a permit still depends on. */
export interface UnknownFacts {
  readonly facts: readonly string[]
  /** Ids of the forbids that ask for them. */
  readonly policies: readonly string[]
}

interface AskedOf {
  readonly question: Question
  readonly operation: Operation
  readonly facts: Facts
  /** Forbids that need not be asked: they have been answered. */
  readonly answered: readonly string[]
}

/** Null if no forbid can apply, whatever the facts are that nobody told. */
export function unknownFacts(
  { key, asking: forbids, asked }: Relevant,
  { question, operation, facts, answered }: AskedOf,
): UnknownFacts | null {
  if (asked.size === 0) return null
  const about = {
    type: operation.resource.type,
    effect: operation.effect,
    caller: question.principals[0]?.type ?? '',
  }
  const unknown = new Set([...asked].filter((fact) => isUnknown(fact, facts, about)))
  if (unknown.size === 0) return null
  const needs = ({ policy }: Rule): readonly string[] =>
    [...(policy.facts ?? FACT_NAMES)].filter((fact) => unknown.has(fact))
  const asking = forbids.filter((rule) => !answered.includes(rule.id) && needs(rule).length > 0)
  if (asking.length === 0) return null
  const readable = asking.filter(isReadable)
  const answer =
    readable.length === 0
      ? null
      : evaluate(parsePossible(`${key} ${answered.join(',')}`, readable, unknown), question)
  // what cannot be asked in this way, or fails, may apply
  const applying = new Set([
    ...asking.filter((rule) => !isReadable(rule)).map(({ id }) => id),
    ...(answer?.reasons ?? []),
    ...(answer?.errors ?? []),
  ])
  const policies = asking.filter(({ id }) => applying.has(id))
  if (policies.length === 0) return null
  return {
    facts: [...new Set(policies.flatMap(needs))].sort(),
    policies: policies.map(({ id }) => id),
  }
}

function isReadable(rule: Rule): rule is Asked {
  return rule.policy.residual !== null
}

/** More names do not help a reader. */
const MAX_NAMED = 5

/** The refusal that says which facts are missing, and who can do something about it. */
export function factUnknown({ facts, policies }: UnknownFacts): Refusal {
  const named = facts
    .slice(0, MAX_NAMED)
    .map((fact) => `"${fact}"`)
    .join(', ')
  const message = `policy asks for ${named} here, and nothing tells it`
  const ids = policies.slice(0, MAX_NAMED).join(', ')
  const remedy = `make the call in a form that tells it, or ask who keeps the policy ${ids}: with @absent("permits") it lets such calls through`
  return new Refusal('fact_unknown', message, { policies, remedy })
}
