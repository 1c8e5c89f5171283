/**
 * The configuration of each kind of sink: its members, and what each member is to the rest of the gateway.
 *
 * Everything that asks about a member (which are secrets, paths, URLs or identities) asks this table; what a kind does
 * is in the table of audit/ship/sinks/sinks.ts.
 * @module
 */
import { Type, type Static, type TObject, type TProperties } from 'typebox'
import { SecretSource, name, path, strict, url } from './parts.ts'

/**
 * `secret`: read once at the start. `identity`: an entry of `identities` that can act without a caller. `url`: must be
 * https, except on this machine. `path`: made absolute. `plain`: nothing but the sink's own business.
 */
type MemberRole = 'secret' | 'identity' | 'url' | 'path' | 'plain'

/** The roles that a member of this type can have. A secret can be nothing else. */
type RoleOf<Value> =
  Value extends Static<typeof SecretSource>
    ? 'secret'
    : Value extends string
      ? Exclude<MemberRole, 'secret'>
      : 'plain'

/** Members of every kind. */
const COMMON = {
  name,
  required: Type.Optional(
    Type.Boolean({ description: 'segments are kept until this sink has them; true by default' }),
  ),
  ocsf: Type.Optional(
    Type.Boolean({
      description:
        'rows have their OCSF event in the column Ocsf, which says again what the other columns say; true by default',
    }),
  ),
}

/** A kind's own members; each has a role. */
const sink = <Members extends TProperties>(
  members: Members,
  roles: { readonly [Name in keyof Members]: RoleOf<Static<Members[Name]>> },
) => ({ members, roles })

const text = Type.String({ minLength: 1 })

const KINDS = {
  'azure-monitor': sink(
    { endpoint: url, ruleId: text, stream: text, identity: name },
    { endpoint: 'url', ruleId: 'plain', stream: 'plain', identity: 'identity' },
  ),
  stdout: sink({}, {}),
  otlp: sink(
    {
      endpoint: url,
      token: Type.Optional(SecretSource),
      compression: Type.Optional(
        Type.Literal('gzip', { description: 'less to send for more work; without it, none' }),
      ),
    },
    { endpoint: 'url', token: 'secret', compression: 'plain' },
  ),
  'splunk-hec': sink(
    { endpoint: url, token: SecretSource, index: Type.Optional(Type.String()) },
    { endpoint: 'url', token: 'secret', index: 'plain' },
  ),
  syslog: sink(
    {
      host: text,
      port: Type.Integer({ minimum: 1, maximum: 65535 }),
      caFile: Type.Optional(path),
    },
    { host: 'plain', port: 'plain', caFile: 'path' },
  ),
  https: sink(
    { endpoint: url, token: Type.Optional(SecretSource) },
    { endpoint: 'url', token: 'secret' },
  ),
}

export type SinkKind = keyof typeof KINDS

/** The configuration of a sink of kind `Kind`; of any, if none is given. */
export type SinkConfig<Kind extends SinkKind = SinkKind> = {
  [K in Kind]: { readonly kind: K } & Static<TObject<typeof COMMON>> &
    Static<TObject<(typeof KINDS)[K]['members']>>
}[Kind]

/** One entry of `audit.sinks`. */
export const Sink = Type.Unsafe<SinkConfig>(
  Type.Union(
    Object.entries(KINDS).map(([kind, { members }]) =>
      Type.Object({ ...COMMON, kind: Type.Literal(kind), ...members }, strict),
    ),
  ),
)

type StringRole = Extract<MemberRole, 'identity' | 'url' | 'path'>

/** The members of a sink that have `role`, by name; those that are absent are left out. */
export function sinkMembers(config: SinkConfig, role: StringRole): [string, string][] {
  return valuesOf(config, role).flatMap(([member, value]) =>
    typeof value === 'string' ? [[member, value]] : [],
  )
}

/** The secrets of a sink, by the member that names each. */
export function sinkSecrets(config: SinkConfig): [string, Static<typeof SecretSource>][] {
  return valuesOf(config, 'secret').flatMap(([member, value]) =>
    typeof value === 'object' ? [[member, value]] : [],
  )
}

type MemberValue = string | number | boolean | Static<typeof SecretSource>

function valuesOf(config: SinkConfig, role: MemberRole): [string, MemberValue][] {
  const members: Readonly<Record<string, MemberValue>> = config
  const roles = new Map<string, MemberRole>(Object.entries(KINDS[config.kind].roles))
  return Object.entries(members).filter(([member]) => roles.get(member) === role)
}

/** Every member that is a path, of any kind. */
export const SINK_PATHS: readonly string[] = Object.values(KINDS).flatMap(({ roles }) =>
  Object.entries(roles).flatMap(([member, role]) => (role === 'path' ? [member] : [])),
)
