/**
 * The schema of `audit`: where records are kept and sent.
 * @module
 */
import { Type } from 'typebox'
import { SecretSource, defaulted, path, strict } from './parts.ts'
import { Sink } from './sinks.ts'

/** `audit`: the spool and its sinks. */
export const Audit = Type.Object(
  {
    spool: Type.Object(
      {
        directory: path,
        durability: defaulted(
          Type.Union(
            [Type.Literal('fsync'), Type.Literal('records-may-be-lost-on-power-failure')],
            { default: 'fsync' },
          ),
        ),
        segmentBytes: Type.Optional(
          Type.Integer({
            minimum: 65_536,
            description: 'if absent 64 MiB, or an eighth of hardLimitBytes where that is less',
          }),
        ),
        softLimitBytes: Type.Optional(
          Type.Integer({
            minimum: 65_536,
            description: 'from here on the gateway is unready; if absent 80 % of hardLimitBytes',
          }),
        ),
        hardLimitBytes: defaulted(
          Type.Integer({
            minimum: 65_536,
            default: 4_294_967_296,
            description: 'from here on requests are refused',
          }),
        ),
        retentionSeconds: defaulted(
          Type.Integer({
            minimum: 0,
            default: 86_400,
            description:
              'how long shipped segments are kept while there is room, for `explain`, `audit cat` and `audit verify`',
          }),
        ),
        signingKeyFile: Type.Optional(path),
      },
      strict,
    ),
    hashKey: Type.Optional(SecretSource),
    sinks: Type.Array(Sink, { minItems: 1 }),
  },
  strict,
)
