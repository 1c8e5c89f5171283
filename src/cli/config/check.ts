/**
 * `config check`: says whether the gateway would start with a configuration, and all that is wrong with it.
 * @module
 */
import { resolve } from 'node:path'
import { ConfigError } from '../../config/faults.ts'
import { loadConfig } from '../../config/load.ts'
import { EXIT, type Command, type Io } from '../io.ts'
import type { Config } from '../../config/schema/schema.ts'

export const configCheck: Command = {
  summary: 'judge a configuration file, all faults at once',
  help: `Usage: azureml-harness config check FILE [--json]

Judges the file as "serve" would at its start, without touching anything that it names.

  --json   one object on standard output: {"file", "ok", "faults": [{"key", "line", "column", "message"}]}

Exit status: 0 the file is right, 1 it has faults, 2 wrong arguments.
Example: azureml-harness config check config/harness.yaml`,
  async run(args, io) {
    const json = args.includes('--json')
    const [file, ...others] = args.filter((arg) => arg !== '--json')
    if (file === undefined || file.startsWith('-') || others.length > 0) {
      io.err('config check needs one FILE; the only option is --json')
      return EXIT.usage
    }
    try {
      const config = await loadConfig(resolve(io.cwd, file))
      if (json) io.out(JSON.stringify({ file, ok: true, faults: [] }))
      else summarise(file, config, io)
      return EXIT.ok
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      if (json) io.out(JSON.stringify({ file, ok: false, faults: error.faults }))
      else io.err(error.message)
      return EXIT.failed
    }
  },
}

function summarise(file: string, config: Config, io: Io): void {
  io.out(`${file} is right`)
  io.out(`  issuers: ${config.issuers.map(({ name }) => name).join(', ')}`)
  io.out(`  identities: ${Object.keys(config.identities).join(', ')}`)
  io.out(`  sinks: ${config.audit.sinks.map(({ name }) => name).join(', ')}`)
}
