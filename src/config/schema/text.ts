/**
 * The published form of the schema, for editors: config/harness.schema.json is exactly this text.
 * @module
 */
import { ConfigSchema } from './schema.ts'

/** JSON, two spaces deep, with a newline at its end. */
export function schemaText(): string {
  return `${JSON.stringify(ConfigSchema, null, 2)}\n`
}
