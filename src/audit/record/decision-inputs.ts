/**
 * The inputs of a decision besides principal, action and resource: memberships and facts, so that it can be replayed.
 *
 * Only ids that an issuer has signed, and only facts of known form: a caller's own words are not among them.
 * @module
 */
import { line, lineIfAny } from './safe-text.ts'
import { memoOf } from '../../lib/memo.ts'
import type { Exchange } from '../../exchange.ts'

/** Entra puts 200 groups into a token at most. */
const MAX_MEMBERSHIPS = 200
const MAX_MEMBERSHIP_LENGTH = 256
/** A record has room for facts, not for a body. */
const MAX_VALUES = 32

/** Facts that are the caller's own text, which may contain anything: a decision that needs them cannot be replayed. */
const LEFT_OUT = new Set(['tags'])
/** Names, ids, addresses, times and paths; nothing with a query, an assignment or a space in it. */
const NAME = /^[\w.:@/+~*-]{0,256}$/
const OTHER = '(other)'

/**
 * Groups and roles that policy names, under their issuer's name as identity makes them. Others cannot have
 * changed the decision, and are not recorded.
 */
function memberships(
  decision: Exchange['decision'],
  type: string,
  issuer: string,
): string[] | undefined {
  const own = `${issuer}/`
  const kept = (decision?.memberships ?? [])
    .filter((one) => one.type === type && one.id.startsWith(own))
    .slice(0, MAX_MEMBERSHIPS)
  return kept.length === 0 ? undefined : kept.map(({ id }) => line(id, MAX_MEMBERSHIP_LENGTH))
}

interface Members {
  readonly PrincipalGroups: string[] | undefined
  readonly PrincipalRoles: string[] | undefined
  readonly PrincipalWorkspace: string | undefined
}

/** Memberships of the caller, as far as policy knows them. */
export function memberColumns({ principal, decision }: Exchange): Members | null {
  if (principal === null) return null
  return {
    PrincipalGroups: memberships(decision, 'Group', principal.issuer),
    PrincipalRoles: memberships(decision, 'Role', principal.issuer),
    PrincipalWorkspace: lineIfAny(principal.workspace, 1024),
  }
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
  return typeof value === 'object' ? value.slice(0, MAX_VALUES).map(named) : value
}

const named = (value: string): string => (NAME.test(value) ? value : OTHER)

/** Of what permits by a grant, the id of the rule ends so. */
const BY_GRANT = /@grant:([a-z2-7]{16}-[1-9]\d{0,4})$/u

/** The grants among the policies that decided: found once for a list, which many calls have in common. */
const grantsIn = memoOf((policies: readonly string[]) =>
  policies.flatMap((id) => BY_GRANT.exec(id)?.[1] ?? []),
)

/** The grants that permitted the call, or that it is about. */
export function grantColumns({ decision, content }: Exchange) {
  const about = content?.['grant']
  const ids = [
    ...(decision === null ? [] : grantsIn(decision.policies)),
    ...(typeof about === 'string' ? [line(about, 32)] : []),
  ]
  return { GrantIds: ids.length === 0 ? undefined : ids }
}
