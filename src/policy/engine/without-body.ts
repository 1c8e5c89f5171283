/**
 * The policies without what only a body, or the document that a call is about, can tell.
 *
 * Whatever they refuse is refused whatever the body says: of a permit, each condition on an unknown fact is taken as met;
 * a forbid that asks for one is taken as not met. So nobody whom no policy could permit has a body read and held.
 * @module
 */
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import type { Operation } from '../../vocabulary/operation.ts'
import { CALL_FACTS } from '../facts.ts'
import { factsIn, namedIn, type Residual, type Uid } from '../load/conditions.ts'
import type { PolicySet, Rule } from '../load/rules.ts'
import type { Policy } from '../load/source.ts'
import { isObject } from '../../lib/strict-json.ts'

type Condition = PolicyJson['conditions'][number]

/** Whether nothing but the call itself is needed to tell whether an expression holds. */
function isKnown(expression: unknown): boolean {
  return factsIn(expression)?.every((fact) => CALL_FACTS.has(fact)) ?? false
}

/** The parts of `a && b`, or of `a || b`, in their order. */
function partsOf(expression: Condition['body'], operator: '&&' | '||'): Condition['body'][] {
  const operands: unknown = new Map<string, unknown>(Object.entries(expression)).get(operator)
  if (!isOperands(operands)) return [expression]
  return [...partsOf(operands.left, operator), ...partsOf(operands.right, operator)]
}

function isOperands(
  value: unknown,
): value is { readonly left: Condition['body']; readonly right: Condition['body'] } {
  return isObject(value) && isObject(value['left']) && isObject(value['right'])
}

/** What is left of the conditions of a permit: all of `when`, and none of `unless`, has to hold. */
function weakened(conditions: readonly Condition[]): Condition[] {
  return conditions.flatMap(({ kind, body }) =>
    partsOf(body, kind === 'when' ? '&&' : '||')
      .filter(isKnown)
      .map((part) => ({ kind, body: part })),
  )
}

const ALL = { op: 'All' } as const
/** For a permit that cannot be rewritten: its scope is known to match, and the rest is taken as met. */
const ANYTHING: PolicyJson = {
  effect: 'permit',
  principal: ALL,
  action: ALL,
  resource: ALL,
  conditions: [],
}

function weakenedResidual({ residual }: Policy): Residual {
  const json =
    residual === null
      ? ANYTHING
      : { ...residual.json, conditions: weakened(residual.json.conditions) }
  return { json, named: namedIn(json) }
}

/** The policy as far as it can be judged without the body; null for a forbid that cannot be. */
function withoutBody(policy: Policy): Policy | null {
  const { facts } = policy
  if (facts !== null && [...facts].every((fact) => CALL_FACTS.has(fact))) return policy
  if (policy.effect === 'forbid') return null
  const known = facts === null ? [] : [...facts].filter((fact) => CALL_FACTS.has(fact))
  return { ...policy, residual: weakenedResidual(policy), facts: new Set(known) }
}

/** A policy set that permits whatever `set` permits with some body. Its decisions are made for no other purpose. */
export function policiesWithoutBody(set: PolicySet): PolicySet {
  const rewritten = new Map<Policy, Policy | null>()
  const rewrite = (policy: Policy): Policy | null => {
    const known = rewritten.get(policy)
    if (known !== undefined) return known
    const fresh = withoutBody(policy)
    rewritten.set(policy, fresh)
    return fresh
  }
  const rules = new Map<string, Rule>()
  for (const [id, rule] of set.rules) {
    const policy = rewrite(rule.policy)
    if (policy !== null) rules.set(id, { ...rule, policy })
  }
  const templates = new Map<string, Policy>()
  for (const [id, template] of set.templates) {
    const policy = rewrite(template)
    if (policy !== null) templates.set(id, policy)
  }
  const facts =
    set.facts === null ? null : new Set([...set.facts].filter((fact) => CALL_FACTS.has(fact)))
  // another key, because slices and answers are kept by it
  return { ...set, key: `${set.key} without-body`, rules, templates, facts }
}

/**
 * Whether a permit for one of these callers names a resource of the operation's own type, which the body of the call may
 * name too: an MLflow call says in its body which run it is about.
 */
export function createMayName(
  set: PolicySet,
): (callers: readonly Uid[], operation: Operation) => boolean {
  const naming = [...set.rules.values()].flatMap((rule) => {
    const { resource, policy, shadow } = rule
    if (shadow || policy.effect !== 'permit') return []
    const named = [...(resource === null ? [] : [resource]), ...(policy.named ?? [])]
    return [{ rule, types: new Set(named.map(({ type }) => type)), any: policy.named === null }]
  })
  return (callers, operation) => {
    const { uids } = set.words.actionOf(operation)
    return naming.some(
      ({ rule: { principal, policy }, types, any }) =>
        (any || types.has(operation.resource.type)) &&
        (principal === null ||
          callers.some(({ type, id }) => type === principal.type && id === principal.id)) &&
        (policy.actions === null || uids.some(({ id }) => policy.actions?.includes(id) === true)),
    )
  }
}
