/**
 * The configuration of each kind of sink: its members. What a kind does is in the table of audit/ship/sinks/sinks.ts.
 * @module
 */
import { Type, type Static, type TObject, type TProperties } from 'typebox'
import { SecretSource, name, path, strict, url } from './parts.ts'

/** Members of every kind. */
const COMMON = {
  name,
  required: Type.Optional(
    Type.Boolean({ description: 'segments are kept until this sink has them; true by default' }),
  ),
  ocsf: Type.Optional(
    Type.Boolean({
      description:
        'rows have their OCSF event in the column Ocsf, which says again what the other columns say; by default false for azure-monitor, and true for all others',
    }),
  ),
}

const text = Type.String({ minLength: 1 })
const compression = Type.Optional(
  Type.Literal('gzip', { description: 'less to send for more work; without it, none' }),
)

/** Each kind's own members; sink-roles.ts says what each of them is. */
const KINDS = {
  'azure-monitor': { endpoint: url, ruleId: text, stream: text, identity: name, compression },
  stdout: {},
  otlp: { endpoint: url, token: Type.Optional(SecretSource), compression },
  'splunk-hec': { endpoint: url, token: SecretSource, index: Type.Optional(Type.String()) },
  syslog: {
    host: text,
    port: Type.Integer({ minimum: 1, maximum: 65535 }),
    caFile: Type.Optional(path),
  },
  https: { endpoint: url, token: Type.Optional(SecretSource) },
} satisfies Record<string, TProperties>

export type SinkKind = keyof typeof KINDS

/** The members that sinks of kind `Kind` alone have. */
export type SinkMembers<Kind extends SinkKind> = Static<TObject<(typeof KINDS)[Kind]>>

/** The configuration of a sink of kind `Kind`; of any, if none is given. */
export type SinkConfig<Kind extends SinkKind = SinkKind> = {
  [K in Kind]: { readonly kind: K } & Static<TObject<typeof COMMON>> & SinkMembers<K>
}[Kind]

/** One entry of `audit.sinks`. */
export const Sink = Type.Unsafe<SinkConfig>(
  Type.Union(
    Object.entries(KINDS).map(([kind, members]) =>
      Type.Object({ ...COMMON, kind: Type.Literal(kind), ...members }, strict),
    ),
  ),
)
