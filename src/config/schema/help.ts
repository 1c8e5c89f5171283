/**
 * Whom a refused caller can ask.
 * @module
 */
import { Type, type Static } from 'typebox'
import { strict } from './parts.ts'

export const Help = Type.Object(
  {
    contact: Type.String({
      minLength: 1,
      maxLength: 200,
      pattern: '^[^\\u0000-\\u001f\\u007f]+$',
      description: 'in each refusal of policy: a team, an address, a channel',
    }),
    url: Type.Optional(
      Type.String({
        maxLength: 500,
        pattern: '^https://[!-~]+$',
        description: 'where to ask, in each refusal; `{decision}` becomes the id of the decision',
      }),
    ),
  },
  strict,
)

export type Help = Static<typeof Help>
