/**
 * `config check`: says whether the gateway would start with a configuration, and all that is wrong with it.
 *
 * What the file names is looked at as well, since `serve` ends without it: certificate, secrets, policies, spool.
 * @module
 */
import { constants, existsSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Finding } from '../../doctor/finding.ts'
import { ConfigError } from '../../config/faults.ts'
import { loadConfig } from '../../config/load.ts'
import { configFile } from '../config-file.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { UsageError } from '../problem.ts'
import type { Config } from '../../config/schema/schema.ts'

export interface ConfigCheckOptions {
  readonly file?: string | undefined
  readonly config?: string | undefined
  /** Only the file itself, not what it names. */
  readonly fileOnly?: true | undefined
  /** Also all that the gateway does at its start and needs no network. */
  readonly deep?: true | undefined
  readonly output: Output
}

export async function configCheck(options: ConfigCheckOptions, io: Io): Promise<number> {
  const { output } = options
  const deep = options.deep === true
  if (deep && options.fileOnly === true)
    throw new UsageError('--deep and --file-only exclude each other')
  const path = configFile({ config: options.file ?? options.config }, io)
  const file = options.file ?? options.config ?? path
  try {
    const config = await loadConfig(path)
    const findings = deep
      ? await deepFindings(path, config, io)
      : await findingsOn(config, options.fileOnly === true, io)
    const lines = deep ? singleLines : linesOf
    const faults = findings.filter(({ status }) => status === 'failed')
    const warnings = findings.filter(({ status }) => status === 'warning')
    const ok = faults.length === 0
    show(io, output, {
      json: () => ({ file, ok, faults: keyed(faults), warnings: keyed(warnings) }),
      table: () => (ok ? [...summaryOf(file, config), ...lines(warnings, 'warning: ')] : []),
      tsv: () => findings.map(({ status, where, what }) => [STATES[status], where, '', '', what]),
    })
    if (!ok && output === 'table') {
      const what = deep ? 'a gateway would not work with it' : '"serve" would not start'
      io.err(`${file} is valid, but ${what} on this machine:`)
      for (const line of [...lines(faults, ''), ...lines(warnings, 'warning: ')]) io.err(line)
    }
    return ok ? EXIT.ok : EXIT.failed
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { faults } = error
    if (output === 'table') io.err(deep ? unreadable(file, faults) : error.message)
    else
      show(io, output, {
        json: () => ({ file, ok: false, faults, warnings: [] }),
        table: () => [],
        tsv: () =>
          faults.map(({ key, line, column, message }) => ['fault', key, line, column, message]),
      })
    return EXIT.failed
  }
}

/** The file's own faults in the form of all others; what it names can be looked at once they are mended. */
const unreadable = (file: string, faults: ConfigError['faults']): string =>
  [
    `${file} cannot be used; the rest is looked at once it loads:`,
    ...faults.map(
      ({ key, line, column, message }) =>
        `  ${key === '' ? 'the file' : key}: ${message} (line ${line}, column ${column}) -> mend it; config/harness.yaml shows every key`,
    ),
  ].join('\n')

const keyed = (findings: readonly Finding[]) =>
  findings.map(({ where, what, next }) => ({ key: where, message: what, next }))

const STATES = { ok: 'ok', unverified: 'ok', warning: 'warning', failed: 'fault' } as const

/** What is doubtful in the file, and what is wrong with what it names. */
async function findingsOn(config: Config, fileOnly: boolean, io: Io): Promise<readonly Finding[]> {
  const { checkDoubtful } = await import('../../doctor/doubtful.ts')
  const doubtful = checkDoubtful(config)
  if (fileOnly) return doubtful
  const { checkFiles } = await import('../../doctor/files.ts')
  const { readPolicies } = await import('../../doctor/policies.ts')
  const [, policies] = await readPolicies(config)
  const named = [...(await checkFiles(config, io.env, io.now())), ...policies]
  return [...doubtful, ...named, ...(await spoolFindings(config))].filter(
    ({ status }) => status !== 'ok',
  )
}

/** What keeps "serve" from starting or from answering, found without a network. */
async function deepFindings(file: string, config: Config, io: Io): Promise<readonly Finding[]> {
  const { checkOffline } = await import('../../doctor/offline/offline.ts')
  const found = await checkOffline({ file, config, env: io.env, now: io.now() })
  return found.filter(({ status }) => status !== 'ok')
}

/** A directory that is not there yet is made by "serve", if it may. */
async function spoolFindings(config: Config): Promise<readonly Finding[]> {
  let path = config.audit.spool.directory
  while (!existsSync(path) && path !== dirname(path)) path = dirname(path)
  const canBeMade = await access(path, constants.W_OK | constants.X_OK).then(
    () => path !== config.audit.spool.directory,
    () => false,
  )
  if (canBeMade) return []
  const { checkSpool } = await import('../../doctor/spool.ts')
  return checkSpool(config)
}

const linesOf = (findings: readonly Finding[], mark: string): readonly string[] =>
  findings.flatMap(({ where, what, next }) => [
    `  ${mark}${where}: ${what}`,
    ...(next === null ? [] : [`    -> ${next}`]),
  ])

/** The same, a line each, for lists that are long. */
const singleLines = (findings: readonly Finding[], mark: string): readonly string[] =>
  findings.map(({ where, what, next }) =>
    `  ${mark}${where}: ${what}${next === null ? '' : ` -> ${next}`}`.replaceAll(/\s*\n\s*/g, ' '),
  )

function summaryOf(file: string, config: Config): readonly string[] {
  return [
    `${file} is valid`,
    `  issuers: ${config.issuers.map(({ name }) => name).join(', ')}`,
    `  identities: ${Object.keys(config.identities).join(', ')}`,
    `  sinks: ${config.audit.sinks.map(({ name }) => name).join(', ')}`,
  ]
}
