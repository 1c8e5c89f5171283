/**
 * What each member of a sink's configuration is to the rest of the gateway: everything that asks which are secrets,
 * paths, URLs or identities asks this table.
 *
 * Apart from the schema, which a bundle has as the code that it is compiled to, and would load for this alone.
 * @module
 */
import type { Static } from 'typebox'
import type { SecretSource } from './parts.ts'
import type { SinkConfig, SinkKind, SinkMembers } from './sinks.ts'

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

/** Each member of each kind has a role. */
type Roles = {
  readonly [Kind in SinkKind]: {
    readonly [Name in keyof SinkMembers<Kind>]-?: RoleOf<NonNullable<SinkMembers<Kind>[Name]>>
  }
}

const ROLES: Roles = {
  'azure-monitor': {
    endpoint: 'url',
    ruleId: 'plain',
    stream: 'plain',
    identity: 'identity',
    compression: 'plain',
  },
  stdout: {},
  otlp: { endpoint: 'url', token: 'secret', compression: 'plain' },
  'splunk-hec': { endpoint: 'url', token: 'secret', index: 'plain' },
  syslog: { host: 'plain', port: 'plain', caFile: 'path' },
  https: { endpoint: 'url', token: 'secret' },
}

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
  const roles = new Map<string, MemberRole>(Object.entries(ROLES[config.kind]))
  return Object.entries(members).filter(([member]) => roles.get(member) === role)
}

/** Every member that is a path, of any kind. */
export const SINK_PATHS: readonly string[] = Object.values(ROLES).flatMap((roles) =>
  Object.entries(roles).flatMap(([member, role]) => (role === 'path' ? [member] : [])),
)
