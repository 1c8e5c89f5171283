/**
 * The console: at which issuers people sign in to it, and what seals their sessions.
 * @module
 */
import { Type } from 'typebox'
import { name, SecretSource, strict } from './parts.ts'

/** Of an issuer: the application that people sign in to with a browser. */
export const IssuerConsole = Type.Object(
  {
    clientId: Type.String({ minLength: 1 }),
    scopes: Type.Array(Type.String({ pattern: '^[!-~]+$' }), {
      minItems: 1,
      description: 'what the access token is for: the gateway, as for callers',
    }),
    authentication: Type.Union(
      [
        Type.Object(
          { federatedBy: name },
          {
            ...strict,
            description: 'a managed identity of `identities`, in the place of a secret',
          },
        ),
        Type.Object(
          {
            privateKey: SecretSource,
            keyId: Type.Optional(Type.String({ minLength: 1 })),
          },
          { ...strict, description: 'an RSA or EC P-256 key in PEM (private_key_jwt)' },
        ),
        Type.Object({ secret: SecretSource }, strict),
      ],
      { description: 'how the gateway shows the issuer that it is that application' },
    ),
  },
  {
    ...strict,
    description:
      'people sign in to the console here; redirect URI: publicUrl and /_harness/console/callback',
  },
)

export const Console = Type.Object(
  {
    cookieKeys: Type.Optional(
      Type.Array(SecretSource, {
        minItems: 1,
        maxItems: 5,
        description:
          'of at least 32 characters: the first one seals sessions, all of them open; the same on every replica; random, and gone with a restart, if absent',
      }),
    ),
  },
  { ...strict, description: 'pages for people; at least one issuer has `console`, too' },
)
