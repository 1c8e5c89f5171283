/**
 * Principals and facts as people write them down for the tools, and what their files hold. No request is judged by these.
 *
 * Apart from given.ts since few commands read such files, and what checks them takes as long to load as a command takes.
 * @module
 */
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Principal } from '../../identity/principal.ts'
import type { Facts } from '../facts.ts'
import { principalOf } from './given.ts'

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
