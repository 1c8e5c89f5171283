/**
 * The schema of `audit`: where records are kept and sent.
 * @module
 */
import { Type } from 'typebox'
import { SecretSource, defaulted, name, path, strict, url } from './parts.ts'
import { GUID } from '../../lib/guid.ts'
import { Sink } from './sinks.ts'

/** How much of the spool refusals before identification may use. */
const Unidentified = Type.Object(
  {
    burst: defaulted(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000,
        default: 20,
        description: 'refusals of one source (an IPv4 address, an IPv6 /64) with a record each',
      }),
    ),
    perSecond: defaulted(
      Type.Number({
        minimum: 0,
        maximum: 10_000,
        default: 1,
        description: 'how many more of them each second; beyond it one summary a second',
      }),
    ),
    sources: defaulted(
      Type.Integer({
        minimum: 1,
        maximum: 100_000,
        default: 1_024,
        description: 'sources that are told apart; all others count as one',
      }),
    ),
    spoolShare: defaulted(
      Type.Number({
        minimum: 0.01,
        maximum: 0.9,
        default: 0.5,
        description: 'of softLimitBytes, which their records may use; beyond it they are counted',
      }),
    ),
  },
  {
    ...strict,
    default: {},
    description: 'refusals before the caller is identified: how many have a record of their own',
  },
)

/** Where records are searched, if not in the spool of the replica that is asked. */
const Search = Type.Object(
  {
    kind: Type.Literal('azure-monitor'),
    workspaceId: Type.String({
      pattern: `^${GUID}$`,
      description: 'id of the Log Analytics workspace (a GUID) that the sink’s table is in',
    }),
    identity: name,
    endpoint: Type.Optional({
      ...url,
      description: 'origin of the Logs query API; that of the configured cloud if absent',
    }),
  },
  {
    ...strict,
    description:
      'where records are searched by the API and the console; the spool of the replica that is asked, if absent',
  },
)

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
    unidentified: defaulted(Unidentified),
    hashKey: Type.Optional(SecretSource),
    sinks: Type.Array(Sink, { minItems: 1 }),
    search: Type.Optional(Search),
  },
  strict,
)
