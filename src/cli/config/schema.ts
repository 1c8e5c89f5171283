/**
 * `config schema`: the JSON schema of the configuration, for editors and for config/harness.schema.json.
 * @module
 */
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { profileSchemaText } from '../../config/schema/profile.ts'
import { requestsSchemaText } from '../../config/schema/requests.ts'
import { schemaText } from '../../config/schema/schema.ts'
import { EXIT, type Io } from '../io.ts'

const TEXTS = {
  config: schemaText,
  requests: requestsSchemaText,
  profile: profileSchemaText,
} as const

/** The files that have a schema. */
export type Schema = keyof typeof TEXTS

/** @param file where to write it; standard output if absent */
export async function configSchema(
  file: string | undefined,
  { of }: { readonly of: Schema },
  io: Io,
): Promise<number> {
  const text = TEXTS[of]()
  if (file === undefined) io.out(text.trimEnd())
  else await writeFile(resolve(io.cwd, file), text)
  return EXIT.ok
}
