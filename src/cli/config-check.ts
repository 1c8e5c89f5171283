/**
 * `config check FILE [--json]`: says whether the gateway would start with this configuration, and all that is wrong.
 * @module
 */
import { ConfigError } from '../config/faults.ts'
import { loadConfig } from '../config/load.ts'

/** Where a command writes: text as it is, with its own newlines. */
export interface Io {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

const USAGE = 'usage: config check FILE [--json]\n'

/**
 * Exit status 0 if the file is right, 1 if it has faults, 2 if the command itself was wrong. With `--json` the
 * answer is one object on standard output, `{file, ok, faults}`.
 */
export async function configCheck(args: readonly string[], io: Io): Promise<number> {
  const json = args.includes('--json')
  const [file, ...others] = args.filter((arg) => arg !== '--json')
  if (file === undefined || file.startsWith('-') || others.length > 0) {
    io.err(USAGE)
    return 2
  }
  try {
    const config = await loadConfig(file)
    if (json) io.out(`${JSON.stringify({ file, ok: true, faults: [] })}\n`)
    else {
      const issuers = config.issuers.map(({ name }) => name).join(', ')
      const identities = Object.keys(config.identities).join(', ')
      const sinks = config.audit.sinks.map(({ name }) => name).join(', ')
      io.out(`${file} is right\n`)
      io.out(`  issuers: ${issuers}\n  identities: ${identities}\n  sinks: ${sinks}\n`)
    }
    return 0
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    if (json) io.out(`${JSON.stringify({ file, ok: false, faults: error.faults })}\n`)
    else io.err(`${error.message}\n`)
    return 1
  }
}
