/**
 * What a policy depends on: the facts that it asks for and the entities that it names.
 * @module
 */
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import { isObject } from '../../lib/strict-json.ts'

/** A reference to an entity, as Cedar's JSON has it. */
export interface Uid {
  readonly type: string
  readonly id: string
}

/** The parts of an object or list of Cedar's JSON. */
function partsOf(expression: unknown): readonly unknown[] {
  return typeof expression === 'object' && expression !== null ? Object.values(expression) : []
}

function isContext(value: unknown): boolean {
  return isObject(value) && value['Var'] === 'context'
}

/** Facts named by `context.x` and `context has x`; null if `context` appears in any other way. */
export function factsIn(expression: unknown): string[] | null {
  if (isContext(expression)) return null
  const access = isObject(expression) ? (expression['.'] ?? expression['has']) : null
  if (isObject(access) && isContext(access['left'])) {
    const { attr } = access
    const name: unknown = Array.isArray(attr) ? attr[0] : attr
    return typeof name === 'string' ? [name] : null
  }
  const found: string[] = []
  for (const part of partsOf(expression)) {
    const facts = factsIn(part)
    if (facts === null) return null
    found.push(...facts)
  }
  return found
}

function isUid(value: unknown): value is Uid {
  return isObject(value) && typeof value['type'] === 'string' && typeof value['id'] === 'string'
}

/** Every entity that appears as a literal, in the scope (`entity`) or in a condition (`__entity`). */
function literals(part: unknown): Uid[] {
  if (isUid(part)) return [part]
  return partsOf(part).flatMap(literals)
}

function isLiteral(expression: unknown): boolean {
  if (!isObject(expression)) return false
  const { Value: value, Set: set } = expression
  if (Array.isArray(set)) return set.every(isLiteral)
  return isObject(value) && '__entity' in value
}

/** `principal`, `action` or `resource` itself. */
function isEntity(expression: unknown): boolean {
  return isObject(expression) && 'Var' in expression && !isContext(expression)
}

/**
 * Whether a condition looks at principal, action and resource only by their type and by comparing them with entities
 * that it names itself: `==` or `in` a literal. Cedar has no other way to see an id than to compare it.
 */
function onlyNames(expression: unknown): boolean {
  if (!isObject(expression)) return partsOf(expression).every(onlyNames)
  if (isEntity(expression)) return false
  const { in: membership, is: kind, '==': equal, '!=': unequal } = expression
  if (isObject(membership) && 'right' in membership) {
    const { left, right } = membership
    return isLiteral(right) && (isEntity(left) || onlyNames(left))
  }
  if (isObject(kind) && 'entity_type' in kind) {
    const { left, in: within } = kind
    return (within === undefined || isLiteral(within)) && (isEntity(left) || onlyNames(left))
  }
  const comparison = equal ?? unequal
  if (isObject(comparison)) {
    const { left, right } = comparison
    if (isEntity(left)) return isLiteral(right)
    if (isEntity(right)) return isLiteral(left)
  }
  return Object.values(expression).every(onlyNames)
}

/**
 * The entities that a policy names. What else the principal, action or resource is, or is in, besides its type,
 * cannot matter to it. Null if that cannot be told, as for `principal in resource`.
 */
export function namedIn(json: PolicyJson): readonly Uid[] | null {
  const { principal, action, resource, conditions } = json
  return onlyNames(conditions) ? literals([principal, action, resource, conditions]) : null
}

/** What is left to ask of a policy once its scope is known to match. */
export interface Residual {
  readonly json: PolicyJson
  /** The entities that it names; null if that cannot be told. */
  readonly named: readonly Uid[] | null
}

/** Whether JSON keeps every number: JavaScript rounds those beyond 2^53, which Cedar has exactly (64 bits). */
function isExact(expression: unknown): boolean {
  if (typeof expression === 'number') return Number.isSafeInteger(expression)
  if (typeof expression === 'bigint') return false
  return partsOf(expression).every(isExact)
}

/**
 * A policy for requests whose principal, action and resource are known to be in what its scope says: `in` holds, and is
 * not asked again. `==` and `is` stay as they are written. Null if the policy has to be asked as it is written.
 */
export function residualOf(policy: PolicyJson): Residual | null {
  const { effect, principal, action, resource, conditions } = policy
  if (!isExact(conditions)) return null
  const all = { op: 'All' } as const
  const json: PolicyJson = {
    effect,
    principal: principal.op === 'in' ? all : principal,
    action: action.op === 'in' ? all : action,
    resource: resource.op === 'in' ? all : resource,
    conditions,
  }
  return { json, named: namedIn(json) }
}

/** The one entity that a scope narrows principal or resource to; null if any will do, or a slot. */
export function scopeUid(scope: PolicyJson['principal'] | PolicyJson['resource']): Uid | null {
  if (scope.op === 'All') return null
  const within = scope.op === 'is' ? scope.in : scope
  if (within === undefined || !('entity' in within)) return null
  const { entity } = within
  if (!('__entity' in entity)) return entity
  const { __entity: uid } = entity
  return uid
}

/** The actions and action groups that a scope narrows a policy to; null if any action will do. */
export function scopeActions({ action }: PolicyJson): readonly string[] | null {
  return action.op === 'All' ? null : literals(action).map(({ id }) => id)
}
