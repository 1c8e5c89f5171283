/**
 * The schema's common parts: names, URLs, paths, and where secrets are.
 * @module
 */
import { Type, type TSchema } from 'typebox'

/** No unknown keys: a misspelt one would silently do nothing. */
export const strict = { additionalProperties: false }
export const name = Type.String({
  pattern: '^[a-z][a-z0-9-]{0,62}$',
  description: 'lower-case name',
})
export const url = Type.String({
  format: 'uri',
  pattern: '^https?://[^/]',
  description: 'absolute http(s) URL',
})
export const path = Type.String({
  minLength: 1,
  description: "a file's path, relative to this file",
})

/** A key that a file may leave out because its schema has a `default`: a validated `Config` always has it. */
export function defaulted<T extends TSchema>(schema: T): T {
  return Type.Optional(schema)
}

/** A secret is never written into the configuration: it names the variable or the file that has it. */
export const SecretSource = Type.Union(
  [
    Type.Object({ fromEnv: Type.String({ minLength: 1 }) }, strict),
    Type.Object({ fromFile: path }, strict),
  ],
  { description: 'where a secret comes from: {fromEnv: NAME} or {fromFile: path}' },
)
