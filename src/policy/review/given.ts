/**
 * Principals and facts as people write them down for the tools. No request is judged by these.
 * @module
 */
import type { Principal } from '../../identity/principal.ts'
import type { Operation } from '../../vocabulary/operation.ts'
import { ABSENT, DOCUMENT_FACTS, type Facts } from '../facts.ts'

/** A principal as people write it down. */
interface Given {
  readonly kind?: Principal['kind']
  readonly id: string
  readonly groups?: readonly string[]
  readonly roles?: readonly string[]
  readonly client?: string | null
  readonly tenant?: string | null
  readonly methods?: readonly string[]
  readonly scopes?: readonly string[]
  readonly workspace?: string | null
  readonly signedIn?: { readonly ageSeconds?: number; readonly methods?: readonly string[] }
}

/**
 * The principal that is written down so; it has no token.
 * @param now the moment as of which ages are given, in milliseconds since the epoch
 */
export function principalOf(given: Given, now: number): Principal {
  const { ageSeconds, methods } = given.signedIn ?? {}
  return {
    kind: given.kind ?? 'user',
    id: given.id,
    issuer: given.id.split('/')[0] ?? '',
    tenant: given.tenant ?? null,
    client: given.client ?? null,
    groups: given.groups ?? [],
    roles: given.roles ?? [],
    scopes: given.scopes ?? [],
    resourceId: null,
    workspace: given.workspace ?? null,
    methods: methods ?? given.methods ?? [],
    issuedAt: 0,
    expiresAt: 0,
    authenticatedAt: ageSeconds === undefined ? null : now / 1_000 - ageSeconds,
    tokenId: null,
    challengeable: false,
  }
}

/**
 * Facts as people write them down: where they name one of a document, that document is known, and the others that it
 * could have are known to be absent.
 */
export function withAbsent(facts: Facts): Facts {
  if (!DOCUMENT_FACTS.some((name) => Object.hasOwn(facts, name))) return facts
  const known = facts[ABSENT]
  const others = [...DOCUMENT_FACTS, 'bodyDigest'].filter((name) => !Object.hasOwn(facts, name))
  return { ...facts, [ABSENT]: [...(typeof known === 'object' ? known : []), ...others] }
}

/** Whether nobody will tell more of a call. A read is judged once more, by what Azure answers. */
export function toldIn({ effect }: Operation, facts: Facts): 'all' | undefined {
  const isJudgedLater =
    effect === 'read' && !DOCUMENT_FACTS.some((name) => Object.hasOwn(facts, name))
  return isJudgedLater ? undefined : 'all'
}
