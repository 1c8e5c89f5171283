/**
 * `config schema [FILE]`: the JSON schema of the configuration, on standard output or into a file.
 * @module
 */
import { writeFile } from 'node:fs/promises'
import { schemaText } from '../config/schema-text.ts'
import type { Io } from './config-check.ts'

const USAGE = 'usage: config schema [FILE]\n'

/** Exit status 0, or 2 if the command was wrong. `npm` runs it to write config/harness.schema.json. */
export async function configSchema(args: readonly string[], io: Io): Promise<number> {
  const [file, ...others] = args
  if (file?.startsWith('-') === true || others.length > 0) {
    io.err(USAGE)
    return 2
  }
  if (file === undefined) io.out(schemaText())
  else await writeFile(file, schemaText())
  return 0
}
