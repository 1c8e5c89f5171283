/**
 * What a policy looks at: the facts it asks for and the entities it names.
 * @module
 */
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'

/** A reference to an entity, as Cedar's JSON has it. */
export interface Uid {
  readonly type: string
  readonly id: string
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isContext(value: unknown): boolean {
  return isRecord(value) && value['Var'] === 'context'
}

/** Facts named by `context.x` and `context has x`; null if `context` appears in any other way. */
export function factsIn(expression: unknown): string[] | null {
  if (isContext(expression)) return null
  if (!isRecord(expression)) return []
  const access = expression['.'] ?? expression['has']
  if (isRecord(access) && isContext(access['left'])) {
    const { attr } = access
    const name: unknown = Array.isArray(attr) ? attr[0] : attr
    return typeof name === 'string' ? [name] : null
  }
  const found: string[] = []
  for (const part of Object.values(expression)) {
    const facts = factsIn(part)
    if (facts === null) return null
    found.push(...facts)
  }
  return found
}

function isUid(value: unknown): value is Uid {
  return isRecord(value) && typeof value['type'] === 'string' && typeof value['id'] === 'string'
}

/** Every entity that appears as a literal, in the scope (`entity`) or in a condition (`__entity`). */
function literals(part: unknown): Uid[] {
  if (isUid(part)) return [part]
  return isRecord(part) ? Object.values(part).flatMap(literals) : []
}

function isLiteral(expression: unknown): boolean {
  if (!isRecord(expression)) return false
  const { Value: value, Set: set } = expression
  if (Array.isArray(set)) return set.every(isLiteral)
  return isRecord(value) && '__entity' in value
}

/** Whether every `in` asks for membership of entities that the policy itself names. */
function onlyLiterals(expression: unknown): boolean {
  if (!isRecord(expression)) return true
  const { in: membership, is: kind } = expression
  if (isRecord(membership) && 'right' in membership && !isLiteral(membership['right'])) return false
  if (isRecord(kind) && 'in' in kind && !isLiteral(kind['in'])) return false
  return Object.values(expression).every(onlyLiterals)
}

/**
 * The entities that a policy asks membership of. Whether a principal, action or resource is in any other entity
 * cannot matter to it. Null if that cannot be told, as for `principal in resource`.
 */
export function namedIn(json: PolicyJson): readonly Uid[] | null {
  const { principal, action, resource, conditions } = json
  return onlyLiterals(conditions) ? literals([principal, action, resource, conditions]) : null
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
