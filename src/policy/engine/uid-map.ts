/**
 * Values by entity, looked up by the id alone first: ids are long, and joining them with their type on each request
 * costs more than the lookup.
 * @module
 */
import type { Uid } from '../load/conditions.ts'

/** A map keyed by type and id. */
export interface UidMap<T> {
  readonly get: (uid: Uid) => T | undefined
  readonly set: (uid: Uid, value: T) => void
}

export function createUidMap<T>(): UidMap<T> {
  const byId = new Map<string, Map<string, T>>()
  return {
    get: ({ type, id }) => byId.get(id)?.get(type),
    set: ({ type, id }, value) => {
      const byType = byId.get(id) ?? new Map<string, T>()
      byId.set(id, byType)
      byType.set(type, value)
    },
  }
}
