/**
 * What a decision depends on, besides the policies, as the key that it is remembered by.
 * @module
 */
import { LRUCache } from 'lru-cache'
import type { Operation } from '../vocabulary/operation.ts'
import type { Principal } from '../identity/principal.ts'
import type { Uid } from './load/conditions.ts'
import { principalUids } from './engine/entities.ts'
import type { Facts } from './facts.ts'

/** Who is asking, as far as policy can see: callers with the same memberships share a number. */
export interface Caller {
  readonly uids: readonly Uid[]
  readonly number: number
}

/** Callers by what they are. Numbers are never given twice, so that what is forgotten cannot come back as another. */
export function createCallers(size: number): (principal: Principal) => Caller {
  const seen = new WeakMap<Principal, Caller>()
  const known = new LRUCache<string, Caller>({ max: size })
  let number = 0
  return (principal) => {
    let caller = seen.get(principal)
    if (caller === undefined) {
      const uids = principalUids(principal)
      const key = JSON.stringify(uids.map(({ type, id }) => [type, id]))
      caller = known.get(key) ?? { uids, number: number++ }
      known.set(key, caller)
      seen.set(principal, caller)
    }
    return caller
  }
}

/**
 * Everything that a decision depends on, besides the policies. Lengths keep one part from running into the next; an
 * ancestor's id is most often the beginning of the resource's own, and then its length says it all.
 */
export function keyOf(caller: Caller, operation: Operation, facts: Facts): string {
  const { action, effect, secrets, resource } = operation
  const { type, id, ancestors } = resource
  let key = `${caller.number} ${effect} ${secrets ? 's' : '-'} ${action.length} ${action} ${type} ${id.length} ${id}`
  for (const ancestor of ancestors) {
    key += ` ${ancestor.type} ${ancestor.id.length}`
    if (!id.startsWith(ancestor.id)) key += ` ${ancestor.id}`
  }
  for (const name in facts) {
    if (Object.hasOwn(facts, name)) return `${key} ${JSON.stringify(facts)}`
  }
  return key
}
