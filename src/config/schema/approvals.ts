/**
 * Where reviews are kept, and what signs them.
 * @module
 */
import { Type } from 'typebox'
import { name, path, SecretSource, strict, url } from './parts.ts'

/** `https://{vault}/keys/{name}/{version}`, in the vault's own form. */
const VAULT_KEY_ID = '^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/keys/[A-Za-z0-9-]{1,127}/[0-9a-f]{32}$'

const VaultKey = Type.Object(
  {
    keyVault: Type.String({
      pattern: VAULT_KEY_ID,
      description:
        'id of a key in Azure Key Vault or Managed HSM, with its version: https://{vault}/keys/{name}/{version}',
    }),
    identity: name,
  },
  { ...strict, description: 'a key that never leaves its vault; documents are signed with ES256' },
)

export const Approvals = Type.Object(
  {
    keys: Type.Array(Type.Union([SecretSource, VaultKey]), {
      minItems: 1,
      description:
        'Ed25519 private keys in PEM, or EC keys (P-256) in a key vault: the first one signs, all of them verify; the same on every replica',
    }),
    ledger: Type.Union(
      [
        Type.Object(
          { directory: path },
          { ...strict, description: 'for one replica, or several that share a file system' },
        ),
        Type.Object(
          {
            container: { ...url, description: 'URL of a container of Azure Blob storage' },
            identity: name,
          },
          { ...strict, description: 'for any number of replicas' },
        ),
      ],
      {
        description: 'where the documents of reviews are: they are created once and never changed',
      },
    ),
    ticket: Type.Optional(
      Type.String({
        maxLength: 200,
        description: 'regular expression for the tickets of overrides, such as ^INC-[0-9]+$',
      }),
    ),
    notify: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name,
            kind: Type.Union([
              Type.Literal('teams'),
              Type.Literal('slack'),
              Type.Literal('webhook'),
            ]),
            url: {
              ...SecretSource,
              description: 'where the URL is, which is a secret: whoever has it can post there',
            },
            signingKey: Type.Optional({
              ...SecretSource,
              description:
                'of a webhook: key of the HMAC-SHA256 of the body in the header x-harness-signature-256',
            }),
          },
          strict,
        ),
        {
          maxItems: 20,
          description: 'channels that are told of reviews, with a link and nothing of the change',
        },
      ),
    ),
  },
  strict,
)
