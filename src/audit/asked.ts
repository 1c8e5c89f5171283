/**
 * What a decision was made from, besides who, what and where: memberships and facts, so that it can be asked again.
 *
 * Only ids that an issuer has signed, and only facts of known form: a caller's own words are not among them.
 * @module
 */
import { line, lineIfAny } from './text.ts'
import type { Exchange } from '../exchange.ts'
import type { Principal } from '../identity/principal.ts'

/** Entra puts 200 groups into a token at most. */
const MOST_MEMBERSHIPS = 200
const LONGEST_MEMBERSHIP = 256
/** A record has room for facts, not for a body. */
const MOST_VALUES = 32

/** A caller's own words, which may hold anything: a decision that hangs on them cannot be asked again. */
const LEFT_OUT = new Set(['tags'])
/** Names, ids, addresses, times and paths; nothing with a query, an assignment or a space in it. */
const NAME = /^[\w.:@/+~*-]{0,256}$/
const OTHER = '(other)'

/**
 * Ids under their issuer's name, as identity makes them. What an administrator named (Okta's groups are known by name,
 * not by id) is one bounded line like all else.
 */
function memberships(ids: readonly string[], issuer: string): string[] | undefined {
  const own = `${issuer}/`
  const kept = ids.filter((id) => id.startsWith(own)).slice(0, MOST_MEMBERSHIPS)
  return kept.length === 0 ? undefined : kept.map((id) => line(id, LONGEST_MEMBERSHIP))
}

interface Members {
  readonly PrincipalGroups: string[] | undefined
  readonly PrincipalRoles: string[] | undefined
  readonly PrincipalWorkspace: string | undefined
}

/** A principal makes many calls with the same memberships. */
const members = new WeakMap<Principal, Members>()

/** Memberships of the caller. */
export function memberColumns(principal: Principal | null): Members | null {
  if (principal === null) return null
  let known = members.get(principal)
  if (known === undefined) {
    known = {
      PrincipalGroups: memberships(principal.groups, principal.issuer),
      PrincipalRoles: memberships(principal.roles, principal.issuer),
      PrincipalWorkspace: lineIfAny(principal.workspace, 1024),
    }
    members.set(principal, known)
  }
  return known
}

/** The facts that policies asked for. */
export function factsColumn(decision: Exchange['decision']): Record<string, unknown> | undefined {
  const facts = Object.entries(decision?.facts ?? {}).filter(([name]) => !LEFT_OUT.has(name))
  if (facts.length === 0) return undefined
  return Object.fromEntries(
    facts.map(([name, value]): [string, unknown] => [name, recordable(value)]),
  )
}

function recordable(value: string | number | boolean | readonly string[]): unknown {
  if (typeof value === 'string') return named(value)
  return typeof value === 'object' ? value.slice(0, MOST_VALUES).map(named) : value
}

const named = (value: string): string => (NAME.test(value) ? value : OTHER)
