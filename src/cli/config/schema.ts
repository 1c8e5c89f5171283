/**
 * `config schema`: the JSON schema of the configuration, for editors and for config/harness.schema.json.
 * @module
 */
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { schemaText } from '../../config/schema/schema.ts'
import { EXIT, type Command } from '../io.ts'

export const configSchema: Command = {
  summary: 'print the JSON schema of the configuration file',
  help: `Usage: azureml-harness config schema [FILE]

Prints the schema (JSON Schema 2020-12), or writes it to FILE. Editors take it from the first line of a YAML file:
  # yaml-language-server: $schema=harness.schema.json

Exit status: 0 done, 1 FILE cannot be written, 2 wrong arguments.
Example: azureml-harness config schema config/harness.schema.json`,
  async run(args, io) {
    const [file, ...others] = args
    if (file?.startsWith('-') === true || others.length > 0) {
      io.err('config schema takes one FILE at most')
      return EXIT.usage
    }
    if (file === undefined) io.out(schemaText().trimEnd())
    else await writeFile(resolve(io.cwd, file), schemaText())
    return EXIT.ok
  },
}
