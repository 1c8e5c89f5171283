/**
 * Principals and facts as people write them down for the tools. No request is judged by these.
 * @module
 */
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Principal } from '../../identity/principal.ts'
import type { Operation } from '../../vocabulary/operation.ts'
import { ABSENT, DOCUMENT_FACTS, type Facts } from '../facts.ts'

const strict = { additionalProperties: false }
const Names = Type.Array(Type.String({ minLength: 1 }))
const Nullable = Type.Union([Type.String(), Type.Null()])

/** When and how a principal signed in; what is left out is not known, and meets no `@stepup`. */
export const GivenSignIn = Type.Object(
  {
    ageSeconds: Type.Optional(Type.Integer({ minimum: 0 })),
    methods: Type.Optional(Names),
  },
  strict,
)

/** A principal as people write it down. */
export const GivenPrincipal = Type.Object(
  {
    kind: Type.Optional(
      Type.Union([Type.Literal('user'), Type.Literal('service'), Type.Literal('compute')]),
    ),
    id: Type.String({ minLength: 1 }),
    groups: Type.Optional(Names),
    roles: Type.Optional(Names),
    client: Type.Optional(Nullable),
    tenant: Type.Optional(Nullable),
    methods: Type.Optional(Names),
    scopes: Type.Optional(Names),
    workspace: Type.Optional(Nullable),
    signedIn: Type.Optional(GivenSignIn),
  },
  strict,
)

const GivenFacts = Type.Record(
  Type.String(),
  Type.Union([Type.String(), Type.Number(), Type.Boolean(), Names]),
)

/**
 * The principal that is written down so; it has no token.
 * @param now the moment as of which ages are given, in milliseconds since the epoch
 */
export function principalOf(given: Type.Static<typeof GivenPrincipal>, now: number): Principal {
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

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** @throws Error if the text is not a principal's JSON */
export function parsePrincipal(text: string, now: number): Principal {
  const value = parse(text)
  if (Value.Check(GivenPrincipal, value)) return principalOf(value, now)
  if (value === undefined) throw new Error('is not JSON')
  const [first] = Value.Errors(GivenPrincipal, value)
  const member = first?.instancePath.slice(1) ?? ''
  throw new Error(
    member === 'kind'
      ? 'is not a principal: "kind" is user, service or compute'
      : `is not a principal: ${member === '' ? '' : `"${member}" `}${first?.message ?? ''}`,
  )
}

/** @throws Error if the text is not a JSON object of facts */
export function parseFacts(text: string): Facts {
  const value = parse(text)
  if (Value.Check(GivenFacts, value)) return value
  throw new Error(
    'not facts: an object of strings, numbers, booleans and lists of strings is needed',
  )
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
