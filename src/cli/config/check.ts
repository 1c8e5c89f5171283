/**
 * `config check`: says whether the gateway would start with a configuration, and all that is wrong with it.
 * @module
 */
import { ConfigError, type Fault } from '../../config/faults.ts'
import { loadConfig } from '../../config/load.ts'
import { configFile } from '../config-file.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import type { Config } from '../../config/schema/schema.ts'

export interface ConfigCheckOptions {
  readonly file?: string | undefined
  readonly config?: string | undefined
  readonly output: Output
}

export async function configCheck(options: ConfigCheckOptions, io: Io): Promise<number> {
  const { output } = options
  const path = configFile({ config: options.file ?? options.config }, io)
  const file = options.file ?? options.config ?? path
  try {
    const config = await loadConfig(path)
    const faults: readonly Fault[] = []
    show(io, output, {
      json: () => ({ file, ok: true, faults }),
      table: () => summaryOf(file, config),
      tsv: () => [],
    })
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { faults } = error
    if (output === 'table') io.err(error.message)
    else
      show(io, output, {
        json: () => ({ file, ok: false, faults }),
        table: () => [],
        tsv: () =>
          faults.map(({ key, line, column, message }) => ['fault', key, line, column, message]),
      })
    return EXIT.failed
  }
}

function summaryOf(file: string, config: Config): readonly string[] {
  return [
    `${file} is valid`,
    `  issuers: ${config.issuers.map(({ name }) => name).join(', ')}`,
    `  identities: ${Object.keys(config.identities).join(', ')}`,
    `  sinks: ${config.audit.sinks.map(({ name }) => name).join(', ')}`,
  ]
}
