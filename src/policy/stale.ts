/**
 * Bindings that may have outlived what they name. Most "permission denied" is a stale object id, not a policy.
 * @module
 */
import type { Binding } from './load/bindings.ts'
import type { PolicySet } from './load/rules.ts'

/** A binding whose principal no token has carried for too long. */
export interface StaleBinding {
  readonly id: string
  readonly line: number
  readonly principal: string
  /** When a token last carried it, milliseconds since the epoch; null for never. */
  readonly lastSeen: number | null
  /** Whether the directory still knows it; null if it was not asked. */
  readonly known: boolean | null
}

const DAY_MS = 86_400_000

/**
 * Reports bindings to principals that no token has carried for `days`, or that the directory no longer knows.
 * @param lastSeen milliseconds since the epoch by `Type::"id"`
 * @param since when watching began: what was never seen is stale only once it was watched for long enough
 * @param unknown principals that the directory was asked for and does not have
 */
export function staleBindings(
  set: PolicySet,
  seen: {
    readonly lastSeen: ReadonlyMap<string, number>
    readonly since: number
    readonly unknown?: ReadonlySet<string>
  },
  days: number,
  now: number,
): StaleBinding[] {
  const oldest = now - days * DAY_MS
  return set.bindings.bindings.flatMap(({ id, line, principal }: Binding) => {
    const name = `${principal.type}::"${principal.id}"`
    const last = seen.lastSeen.get(name) ?? null
    const known = seen.unknown === undefined ? null : !seen.unknown.has(name)
    const old = (last ?? seen.since) < oldest
    return old || known === false ? [{ id, line, principal: name, lastSeen: last, known }] : []
  })
}
