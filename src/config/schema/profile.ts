/**
 * The JSON schema of a profile: what a workspace gets when it is onboarded, as data beside the policies
 * (policies/profiles).
 * @module
 */
import { Type, type Static } from 'typebox'
import { strict } from './parts.ts'

const name = '^[a-z][a-z0-9-]{0,62}$'

const Template = Type.String({ pattern: name, description: 'a file of templates/' })

export const ProfileSchema = Type.Object(
  {
    about: Type.String({ minLength: 1, maxLength: 500, description: 'one line for people' }),
    groups: Type.Record(
      Type.String({ pattern: name }),
      Type.Object(
        {
          template: Template,
          owns: Type.Optional(
            Type.String({
              minLength: 1,
              description:
                'models and endpoints whose changes they review, as `models` of owners.yaml has them',
            }),
          ),
        },
        strict,
      ),
      {
        minProperties: 1,
        description: 'names for --group NAME=Group::"...", and the template bound for each',
      },
    ),
    computes: Type.Optional(
      Type.String({
        pattern: name,
        description: 'the template bound for the identities of all computes of the workspace',
      }),
    ),
  },
  {
    ...strict,
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Azure ML Harness profile of workspaces',
  },
)

export type Profile = Static<typeof ProfileSchema>

/** config/profile.schema.json is exactly this text. */
export function profileSchemaText(): string {
  return `${JSON.stringify(ProfileSchema, null, 2)}\n`
}
