/**
 * The part of the schema that says where records are kept and sent.
 * @module
 */
import { Type } from 'typebox'
import { SecretSource, name, path, strict, url } from './parts.ts'

const SinkBase = {
  name,
  required: Type.Optional(
    Type.Boolean({ description: 'segments are kept until this sink has them; true by default' }),
  ),
}
const Sink = Type.Union([
  Type.Object(
    {
      ...SinkBase,
      kind: Type.Literal('azure-monitor'),
      endpoint: url,
      ruleId: Type.String({ minLength: 1 }),
      stream: Type.String({ minLength: 1 }),
      identity: name,
    },
    strict,
  ),
  Type.Object({ ...SinkBase, kind: Type.Literal('stdout') }, strict),
  Type.Object(
    {
      ...SinkBase,
      kind: Type.Literal('otlp'),
      endpoint: url,
      token: Type.Optional(SecretSource),
      compression: Type.Optional(
        Type.Literal('gzip', { description: 'less to send for more work; without it, none' }),
      ),
    },
    strict,
  ),
  Type.Object(
    {
      ...SinkBase,
      kind: Type.Literal('splunk-hec'),
      endpoint: url,
      token: SecretSource,
      index: Type.Optional(Type.String()),
    },
    strict,
  ),
  Type.Object(
    {
      ...SinkBase,
      kind: Type.Literal('syslog'),
      host: Type.String({ minLength: 1 }),
      port: Type.Integer({ minimum: 1, maximum: 65535 }),
      caFile: Type.Optional(path),
    },
    strict,
  ),
  Type.Object(
    { ...SinkBase, kind: Type.Literal('https'), endpoint: url, token: Type.Optional(SecretSource) },
    strict,
  ),
])

/** `audit`: the spool and its sinks. */
export const Audit = Type.Object(
  {
    spool: Type.Object(
      {
        directory: path,
        durability: Type.Optional(
          Type.Union([Type.Literal('fsync'), Type.Literal('records-may-be-lost-on-power-failure')]),
        ),
        segmentBytes: Type.Optional(Type.Integer({ minimum: 65_536 })),
        softLimitBytes: Type.Optional(Type.Integer({ minimum: 65_536 })),
        hardLimitBytes: Type.Optional(Type.Integer({ minimum: 65_536 })),
        retentionSeconds: Type.Optional(Type.Integer({ minimum: 0 })),
        signingKeyFile: Type.Optional(path),
      },
      strict,
    ),
    hashKey: Type.Optional(SecretSource),
    sinks: Type.Array(Sink, { minItems: 1 }),
  },
  strict,
)
