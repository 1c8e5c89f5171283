/**
 * The JSON schema of `requests.yaml`, for editors (config/requests.schema.json). The policies' own reader checks more:
 * that templates, groups and workspaces exist, and which key is for which way.
 * @module
 */
import { Type } from 'typebox'
import { strict } from './parts.ts'

const text = (description: string) => Type.String({ minLength: 1, maxLength: 500, description })
const length = (description: string) => Type.String({ pattern: '^\\d{1,5}[mhd]$', description })
const oneOf = (words: readonly string[], description: string) =>
  Type.Unsafe<string>({ type: 'string', enum: [...words], description })
const principals = (description: string) =>
  Type.Array(Type.String({ pattern: '^[A-Z][A-Za-z]*::"[^"]+"$' }), { minItems: 1, description })

const Rule = Type.Object(
  {
    template: Type.String({ minLength: 1, description: 'what may be asked for: a role template' }),
    who: Type.Optional(
      principals('who may ask: Group, Role, User or Service; whoever is identified if absent'),
    ),
    in: Type.Optional(
      Type.String({
        pattern: '^[A-Z][A-Za-z]*::"[^"]+"$',
        description: 'on what: Workspace, Registry, ResourceGroup or Subscription; any if absent',
      }),
    ),
    way: oneOf(
      ['link', 'pull-request', 'grant'],
      'in another system, by a change of the policies, or by a grant of the gateway',
    ),
    for: Type.Optional(
      Type.Object(
        {
          default: Type.Optional(length('how long, if nothing is said; `max` if absent')),
          max: length('how long at most: 30m, 8h, 90d'),
        },
        { ...strict, description: 'of grants and pull requests' },
      ),
    ),
    reviewers: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 9,
        description: 'of a grant: how many approvers have to approve; 0 if a reason is enough',
      }),
    ),
    approvers: Type.Optional(principals('of a grant: Group, Role or User')),
    stepUp: Type.Optional(
      Type.String({
        pattern: '^(?:max-age|methods)=\\S+(?: +(?:max-age|methods)=\\S+)?$',
        description:
          'of a grant: the sign-in that whoever decides needs, as @stepup has it: max-age=900 methods=mfa',
      }),
    ),
    url: Type.Optional(
      Type.String({
        pattern: '^https://[!-~]+$',
        maxLength: 500,
        description: 'of a link: an Entra access package, PIM, or any other page',
      }),
    ),
    codeOwners: Type.Optional(text('of a pull request: who reviews it, for the caller to read')),
    note: Type.Optional(text('for the caller: what happens next')),
  },
  strict,
)

const Repository = Type.Object(
  {
    kind: oneOf(
      ['github', 'gitea', 'gitlab', 'azure-devops', 'other'],
      'github and gitea have pages that open with a new file filled in',
    ),
    url: Type.String({
      pattern: '^https://[\\w.-]+(?::\\d{1,5})?(?:/[\\w.~%-]+)+/?$',
      description: 'the address of the repository of the policies',
    }),
    branch: Type.Optional(
      Type.String({ pattern: '^\\w[\\w./-]{0,200}$', description: '`main` if absent' }),
    ),
    directory: Type.Optional(
      Type.String({
        pattern: '^(?:\\w[\\w.-]*/)*bindings\\.d/?$',
        description: 'folder of the bindings in it; `policies/bindings.d` if absent',
      }),
    ),
  },
  strict,
)

export const RequestsSchema = Type.Object(
  { requests: Type.Array(Rule), repository: Type.Optional(Repository) },
  {
    ...strict,
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Azure ML Harness requests for access',
  },
)

/** config/requests.schema.json is exactly this text. */
export function requestsSchemaText(): string {
  return `${JSON.stringify(RequestsSchema, null, 2)}\n`
}
