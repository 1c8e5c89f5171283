/**
 * The vocabulary as Cedar sees it: which action entity an operation is, and which groups it belongs to.
 *
 * An operation whose answer holds secrets belongs to the group `secrets` and to no other, not even to a role: no
 * policy that speaks of reading, writing or a role can reach it by accident. An action that returns secrets in some
 * calls only has two entities, `<name>` and `<name>#secrets`.
 * @module
 */
import type { Effect } from '../../vocabulary/operation.ts'
import { ACTIONS, OWN_PROVIDER, type ActionWord } from '../../vocabulary/actions.ts'
import { BUILTIN_ROLES, roleTest } from './builtin-roles.ts'
import type { Uid } from './conditions.ts'
import { CEDAR_TYPES, GATEWAY } from '../../vocabulary/resource-types.ts'

/** One action entity. */
export interface Action {
  /** Cedar entity id: the name, with `#secrets` if the name alone does not tell. */
  readonly id: string
  /** RBAC action in its published spelling. */
  readonly name: string
  readonly parents: readonly string[]
  /** The entity and its parents. */
  readonly uids: readonly Uid[]
  readonly secrets: boolean
}

/** The vocabulary, ready to look up. */
export interface Words {
  readonly actions: readonly Action[]
  readonly resourceTypes: readonly string[]
  /** The action entity of a call, for names outside of the vocabulary too. */
  readonly actionOf: (call: { action: string; effect: Effect; secrets: boolean }) => Action
}

export const GROUPS = ['read', 'write', 'delete', 'invoke', 'secrets'] as const

const roleTests = BUILTIN_ROLES.map((role) => ({
  group: `role:${role.name}`,
  covers: roleTest(role),
}))

/** Action groups named after Azure's built-in roles. */
export const ROLE_GROUPS: readonly string[] = Object.freeze(roleTests.map(({ group }) => group))

/** Names are published by Azure, so few; the bound only guards against a client that invents them. */
const REMEMBERED_ACTIONS = 4096

function parentsOf(name: string, effect: Effect, secrets: boolean): readonly string[] {
  if (secrets) return ['secrets']
  // who may read or write in a workspace has no part in its reviews because of that
  if (name.startsWith(`${OWN_PROVIDER}/`)) return []
  const roles = roleTests.filter(({ covers }) => covers(name)).map(({ group }) => group)
  return [effect, ...roles]
}

/** Builds the lookup. An action listed both with and without secrets gets two entities. */
export function createWords(
  vocabulary: readonly ActionWord[] = ACTIONS,
  resourceTypes: readonly string[] = [...CEDAR_TYPES, GATEWAY.type],
): Words {
  const plain = new Map<string, ActionWord>()
  const secret = new Map<string, ActionWord>()
  for (const word of vocabulary) {
    const key = word.name.toLowerCase()
    const map = word.secrets ? secret : plain
    if (!map.has(key)) map.set(key, word)
  }
  const remembered = new Map<string, Action>()

  const make = (action: string, effect: Effect, asked: boolean): Action => {
    const key = action.toLowerCase()
    // a name that always returns secrets is secret whatever the classification of this call says
    const secrets = asked || (secret.has(key) && !plain.has(key))
    const name = (plain.get(key) ?? secret.get(key))?.name ?? action
    const id = secrets && plain.has(key) ? `${name}#secrets` : name
    const parents = parentsOf(name, effect, secrets)
    const uids = [id, ...parents].map((word) => ({ type: 'Action', id: word }))
    return { id, name, secrets, parents, uids }
  }

  return {
    actions: [...plain.values(), ...secret.values()].map((word) =>
      make(word.name, word.group, word.secrets),
    ),
    resourceTypes,
    actionOf: ({ action, effect, secrets }) => {
      const key = `${effect}${secrets ? '#' : ' '}${action}`
      let found = remembered.get(key)
      if (found === undefined) {
        found = make(action, effect, secrets)
        if (remembered.size < REMEMBERED_ACTIONS) remembered.set(key, found)
      }
      return found
    },
  }
}
