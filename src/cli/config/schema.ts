/**
 * `config schema`: the JSON schema of the configuration, for editors and for config/harness.schema.json.
 * @module
 */
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { schemaText } from '../../config/schema/schema.ts'
import { EXIT, type Io } from '../io.ts'

/** @param file where to write it; standard output if absent */
export async function configSchema(file: string | undefined, io: Io): Promise<number> {
  if (file === undefined) io.out(schemaText().trimEnd())
  else await writeFile(resolve(io.cwd, file), schemaText())
  return EXIT.ok
}
