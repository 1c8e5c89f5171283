/**
 * Whom records show: which principals, groups and roles tokens have carried, and when last.
 * @module
 */
import type { PolicySet } from './load/rules.ts'

/** What records say of who came. */
export interface Seen {
  /** When the first record is from, milliseconds since the epoch; null without records. */
  readonly since: number | null
  /** Milliseconds since the epoch by `Type::"id"`. */
  readonly lastSeen: ReadonlyMap<string, number>
}

const KINDS: ReadonlyMap<unknown, string> = new Map([
  ['user', 'User'],
  ['service', 'Service'],
  ['compute', 'Compute'],
])

function each(value: unknown, use: (id: string) => void): void {
  for (const id of Array.isArray(value) ? value : [value]) if (typeof id === 'string') use(id)
}

/** Gathers over the columns of records, in any order. */
export function createSeen(set: PolicySet): {
  readonly add: (columns: ReadonlyMap<string, unknown>) => void
  readonly result: () => Seen
} {
  const lastSeen = new Map<string, number>()
  let first: number | null = null
  const see = (type: string, id: string, time: number): void => {
    const name = `${type}::"${id}"`
    lastSeen.set(name, Math.max(lastSeen.get(name) ?? 0, time))
  }
  return {
    add(columns) {
      const time = Date.parse(String(columns.get('EventTime')))
      if (Number.isNaN(time)) return
      first = Math.min(first ?? time, time)
      const kind = KINDS.get(columns.get('PrincipalKind'))
      if (kind !== undefined) each(columns.get('PrincipalId'), (id) => see(kind, id, time))
      each(columns.get('PrincipalGroups'), (id) => see('Group', id, time))
      each(columns.get('PrincipalRoles'), (id) => see('Role', id, time))
      each(columns.get('PrincipalWorkspace'), (id) => see('Workspace', id, time))
      // that a binding has decided a call shows that a token carried whom it names
      each(columns.get('PolicyIds'), (id) => {
        const principal = set.rules.get(id)?.link?.principal
        if (principal !== undefined) see(principal.type, principal.id, time)
      })
    },
    result: () => ({ since: first, lastSeen }),
  }
}
