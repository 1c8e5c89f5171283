/**
 * Which actions the scope of a policy names.
 * @module
 */
import { cedarTypesOf } from '../../vocabulary/resource-types.ts'
import type { Policy } from '../load/source.ts'
import type { Action, Words } from '../load/words.ts'

const found = new WeakMap<readonly string[], WeakMap<Action, readonly string[]>>()

/**
 * Resource types that an action can be on, as far as the vocabulary tells; found once, since the tools ask it of every
 * action for every rule.
 */
export function typesOf(action: Action, types: readonly string[]): readonly string[] {
  const known = found.get(types) ?? new WeakMap<Action, readonly string[]>()
  found.set(types, known)
  const on = known.get(action) ?? cedarTypesOf(action.name, types)
  known.set(action, on)
  return on
}

/** Whether a policy's scope names the action, itself or by a group of it, on a type of resource that it can be on. */
export function covers(
  { actions, kind }: Pick<Policy, 'actions' | 'kind'>,
  action: Action,
  types: readonly string[],
): boolean {
  const named = actions === null || action.uids.some(({ id }) => actions.includes(id))
  return named && (kind === null || typesOf(action, types).includes(kind))
}

/** The actions of the vocabulary that a policy's scope names. */
export function actionsOf(policy: Pick<Policy, 'actions' | 'kind'>, words: Words): Action[] {
  return words.actions.filter((action) => covers(policy, action, words.resourceTypes))
}
