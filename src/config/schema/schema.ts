/**
 * The configuration: one TypeBox schema is the type, the validation and the published
 * JSON schema (config/harness.schema.json, written by `azureml-harness config schema`).
 * @module
 */
import { Type, type Static } from 'typebox'
import { PROFILE_NAMES, type ProfileName } from '../../vocabulary/profiles.ts'
import { Approvals } from './approvals.ts'
import { Audit } from './audit.ts'
import { Cloud } from './cloud.ts'
import { Console, IssuerConsole } from './console.ts'
import { Help } from './help.ts'
import { Listen } from './listen.ts'
import { SecretSource as Secret, defaulted, name, path, strict, url } from './parts.ts'

const MIB = 1_048_576

const Issuer = Type.Object(
  {
    name,
    profile: Type.Unsafe<ProfileName>(Type.Union(PROFILE_NAMES.map((one) => Type.Literal(one)))),
    issuer: Type.String({
      pattern: '^https?://[^/]',
      description:
        'exact `iss`, https (http on this machine alone); for multi-tenant Entra with {tenantid} in place of the tenant',
    }),
    audiences: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'accepted `aud` values; all of a token’s must be among them',
    }),
    tenants: Type.Optional(
      Type.Array(Type.String(), {
        minItems: 1,
        description: 'tenants accepted; a multi-tenant Entra issuer needs them',
      }),
    ),
    algorithms: defaulted(
      Type.Array(
        Type.Union([Type.Literal('RS256'), Type.Literal('PS256'), Type.Literal('ES256')]),
        { minItems: 1, default: ['RS256'] },
      ),
    ),
    clockToleranceSeconds: defaulted(
      Type.Integer({
        minimum: 0,
        maximum: 60,
        default: 30,
        description: 'by how much clocks may differ',
      }),
    ),
    guests: Type.Optional(
      Type.Boolean({ default: false, description: 'accept guest users of an Entra tenant' }),
    ),
    jwksUri: Type.Optional(url),
    introspection: Type.Optional(
      Type.Object(
        {
          clientId: Type.String({ minLength: 1 }),
          clientSecret: Secret,
          endpoint: Type.Optional({
            ...url,
            description: 'RFC 7662 endpoint; by default the one that discovery names',
          }),
          everyToken: Type.Optional(
            Type.Boolean({
              default: false,
              description:
                'also ask about tokens that verify here, so that a revoked one is refused within 30 s',
            }),
          ),
        },
        { ...strict, description: 'asks the issuer about tokens that cannot be verified here' },
      ),
    ),
    cli: Type.Optional(
      Type.Object(
        {
          clientId: Type.String({ minLength: 1 }),
          scopes: Type.Array(Type.String({ pattern: '^[!-~]+$' }), { minItems: 1 }),
          storage: Type.Optional(
            Type.Boolean({
              default: false,
              description:
                'azureml-harness exec also gives the person’s own tokens for https://storage.azure.com; the client needs the delegated permission user_impersonation of Azure Storage; Entra ID only',
            }),
          ),
        },
        {
          ...strict,
          description:
            'the public client of the command line at this issuer, published for azureml-harness login',
        },
      ),
    ),
    console: Type.Optional(IssuerConsole),
    graph: Type.Optional(
      Type.Object(
        {
          endpoint: url,
          identity: name,
          scope: Type.Optional(
            Type.String({
              minLength: 1,
              description:
                'what the identity asks a token for; `<origin of endpoint>/.default` if absent',
            }),
          ),
        },
        {
          ...strict,
          description: 'resolves group overage with one of the gateway’s own identities',
        },
      ),
    ),
  },
  strict,
)

const Identity = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('managed-identity'),
      clientId: Type.Optional(Type.String({ minLength: 1 })),
      objectId: Type.Optional(Type.String({ minLength: 1 })),
    },
    strict,
  ),
  Type.Object(
    {
      kind: Type.Literal('workload-identity'),
      tenantId: Type.String({ minLength: 1 }),
      clientId: Type.String({ minLength: 1 }),
      tokenFile: path,
      authorityHost: Type.Optional(url),
    },
    strict,
  ),
  Type.Object(
    {
      kind: Type.Literal('on-behalf-of'),
      tenantId: Type.String({ minLength: 1 }),
      clientId: Type.String({ minLength: 1 }),
      federatedBy: name,
      authorityHost: Type.Optional(url),
    },
    {
      ...strict,
      description:
        'the caller’s token is exchanged; the client is authenticated by another identity of this list, not by a secret',
    },
  ),
])

// limits of callers: what the pipelines of one service principal need, hundreds of steps at once, is far below
const Limits = defaulted(
  Type.Object(
    {
      bodyBytes: defaulted(
        Type.Integer({
          minimum: 1024,
          default: 4 * MIB,
          description: 'largest body that policy may read',
        }),
      ),
      answerBytes: defaulted(
        Type.Integer({
          minimum: 1024,
          default: 8 * MIB,
          description: 'largest answer that is checked whole before its first byte is sent',
        }),
      ),
      heldBytesPerPrincipal: defaulted(
        Type.Integer({
          minimum: 1024,
          default: 64 * MIB,
          description:
            'bodies and answers that may be held in memory for one caller; further calls are refused with 429',
        }),
      ),
      heldBytes: defaulted(
        Type.Integer({
          minimum: 1024,
          default: 256 * MIB,
          description: 'and for all callers together; further calls are refused with 503',
        }),
      ),
      inFlightPerPrincipal: defaulted(
        Type.Integer({
          minimum: 1,
          default: 1_000,
          description: 'calls of one caller at once; further ones are refused with 429',
        }),
      ),
      requestsPerSecondPerPrincipal: defaulted(
        Type.Integer({
          minimum: 1,
          default: 500,
          description:
            'calls of one caller a second, on average; further ones are refused with 429',
        }),
      ),
      burstPerPrincipal: defaulted(
        Type.Integer({
          minimum: 1,
          default: 5_000,
          description: 'calls of one caller that may come at once after a pause',
        }),
      ),
      connections: defaulted(
        Type.Integer({
          minimum: 1,
          default: 10_000,
          description: 'open at once; further ones are closed',
        }),
      ),
      connectionsPerAddress: defaulted(
        Type.Integer({
          minimum: 1,
          default: 5_000,
          description:
            'open at once from one IPv4 address or one /64 of IPv6, which may be a hop that stands for many clients',
        }),
      ),
      idleTimeoutMs: defaulted(
        Type.Integer({
          minimum: 1000,
          default: 65_000,
          description: 'how long a connection may stay open between two requests',
        }),
      ),
      stalledTimeoutMs: defaulted(
        Type.Integer({
          minimum: 1000,
          default: 600_000,
          description:
            'how long nothing may pass in either direction during a request, such as an answer that nobody reads; at least three times upstreamTimeoutMs, and twice the limit of an endpoint that is waited for',
        }),
      ),
      headersTimeoutMs: defaulted(
        Type.Integer({
          minimum: 1000,
          default: 10_000,
          description:
            'for TLS to be agreed on, and for the head of a request: what sends nothing is closed then',
        }),
      ),
      requestTimeoutMs: defaulted(Type.Integer({ minimum: 1000, default: 30 * 60_000 })),
      bodyBytesPerSecond: defaulted(
        Type.Integer({
          minimum: 0,
          default: 1024,
          description: 'least pace of a body over each `bodyPauseMs`; 0: as slow as it likes',
        }),
      ),
      bodyPauseMs: defaulted(
        Type.Integer({
          minimum: 1000,
          default: 30_000,
          description: 'over how long the pace of a body is measured',
        }),
      ),
      lingerBytes: defaulted(
        Type.Integer({
          minimum: 0,
          default: 32 * MIB,
          description:
            'largest body that is read, and not kept, after its request was refused, so that the refusal arrives; 0: none',
        }),
      ),
      lingerMs: defaulted(
        Type.Integer({ minimum: 0, default: 30_000, description: 'for how long it is read' }),
      ),
      stopMs: defaulted(
        Type.Integer({
          minimum: 0,
          default: 25_000,
          description:
            'for a stop in all: three fifths of it for requests that are under way, the rest for their records',
        }),
      ),
      upstreamTimeoutMs: defaulted(
        Type.Integer({
          minimum: 100,
          default: 120_000,
          description:
            'how long Azure may take for the head of an answer, and for each pause in it',
        }),
      ),
      scoringTimeoutMs: defaulted(
        Type.Integer({
          minimum: 100,
          default: 180_000,
          description: 'the same for a call of an online endpoint: what Azure allows it',
        }),
      ),
      promptFlowTimeoutMs: defaulted(
        Type.Integer({
          minimum: 100,
          default: 300_000,
          description:
            'the same for an online endpoint that serves a prompt flow: what Azure allows it',
        }),
      ),
      tokenTimeoutMs: defaulted(
        Type.Integer({
          minimum: 100,
          default: 3_000,
          description: 'how long a caller may wait for a token of an identity',
        }),
      ),
      issuerTimeoutMs: defaulted(
        Type.Integer({
          minimum: 100,
          default: 5_000,
          description: 'for one call to an issuer (keys, introspection) or to Graph',
        }),
      ),
    },
    { ...strict, default: {} },
  ),
)

export const ConfigSchema = Type.Object(
  {
    listen: Listen,
    cloud: Cloud,
    issuers: Type.Array(Issuer, { minItems: 1 }),
    identities: Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,62}$' }), Identity, {
      minProperties: 1,
    }),
    policies: Type.Object(
      {
        directory: path,
        bindings: Type.Optional(
          Type.String({
            minLength: 1,
            description: 'bindings file; `bindings.yaml` in the directory if absent',
          }),
        ),
      },
      strict,
    ),
    help: Type.Optional(Help),
    console: Type.Optional(Console),
    denyListFile: Type.Optional(path),
    operationKey: Type.Optional({
      ...Secret,
      description:
        'signs the polling URLs of long-running operations: the same on every replica; random, and gone with a restart, if absent',
    }),
    approvals: Type.Optional({
      ...Approvals,
      description: 'reviews that policies ask for with @approval',
    }),
    audit: Audit,
    limits: Limits,
  },
  {
    ...strict,
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Azure ML Harness configuration',
  },
)

/** A validated configuration: every key that has a default is there. */
export type Config = Static<typeof ConfigSchema>
export type IssuerConfig = Static<typeof Issuer>
export type IdentityConfig = Static<typeof Identity>
export type CloudConfig = Static<typeof Cloud>

export type AuditConfig = Static<typeof Audit>
export type SecretSource = Static<typeof Secret>

/** The published form of the schema, for editors: config/harness.schema.json is exactly this text. */
export function schemaText(): string {
  return `${JSON.stringify(ConfigSchema, null, 2)}\n`
}
