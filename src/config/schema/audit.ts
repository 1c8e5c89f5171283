/**
 * The schema of `audit`: where records are kept and sent.
 * @module
 */
import { Type } from 'typebox'
import { SecretSource, path, strict } from './parts.ts'
import { Sink } from './sinks.ts'

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
