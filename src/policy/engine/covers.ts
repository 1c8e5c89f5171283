/**
 * Which actions the scope of a policy names.
 * @module
 */
import { cedarTypesOf } from '../../vocabulary/resource-types.ts'
import type { Policy } from '../load/source.ts'
import type { Action, Words } from '../load/words.ts'

/** Resource types that an action can be on, as far as the vocabulary tells. */
export function typesOf(action: Action, types: readonly string[]): readonly string[] {
  return cedarTypesOf(action.name, types)
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
