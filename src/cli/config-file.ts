/**
 * Which configuration a command is about.
 * @module
 */
import { resolve } from 'node:path'
import { CONFIG_VARIABLE } from './command.ts'
import type { Io } from './io.ts'
import { UsageError } from './problem.ts'

/** The path that `--config` or the environment names; null if neither does. */
export function configFileIfAny(
  options: { readonly config?: string | undefined },
  io: Io,
): string | null {
  const given = options.config ?? io.env[CONFIG_VARIABLE] ?? ''
  return given === '' ? null : resolve(io.cwd, given)
}

/** The same for a command that cannot do without. @throws UsageError if nothing names it */
export function configFile(options: { readonly config?: string | undefined }, io: Io): string {
  const file = configFileIfAny(options, io)
  if (file !== null) return file
  throw new UsageError(
    `--config FILE is needed, or ${CONFIG_VARIABLE}; config/harness.yaml is an example to start from`,
  )
}
