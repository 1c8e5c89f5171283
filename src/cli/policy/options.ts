/**
 * Where a policy command finds its policies: the gateway's configuration, or a directory of its own.
 * @module
 */
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { loadConfig } from '../../config/load.ts'
import { loadPolicy, type LoadOptions } from '../../policy/load/load.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import type { Io } from '../io.ts'

/** For `parseArgs`. */
export const POLICY_OPTIONS = {
  config: { type: 'string' },
  policies: { type: 'string' },
  bindings: { type: 'string' },
  identity: { type: 'string', multiple: true },
} as const

/** For `--help`. */
export const POLICY_HELP = `  --config FILE     the gateway's configuration: policies, bindings, identities and issuers are taken from it
  --policies DIR    instead, a directory of policies; its bindings.yaml unless --bindings names another
  --bindings FILE   bindings, with --policies
  --identity NAME   a managed identity that @identity may name, with --policies; may be repeated`

/** What `parseArgs` found. */
export interface PolicyValues {
  readonly config?: string | undefined
  readonly policies?: string | undefined
  readonly bindings?: string | undefined
  readonly identity?: string[] | undefined
}

/**
 * The options to load with; null, and a line to people, if they are not all there.
 * @throws ConfigError if the configuration has faults
 */
export async function policyOptions(values: PolicyValues, io: Io): Promise<LoadOptions | null> {
  const { config, policies, bindings, identity } = values
  if ((config === undefined) === (policies === undefined)) {
    io.err('either --config FILE or --policies DIR is needed')
    return null
  }
  if (policies !== undefined) {
    const directory = resolve(io.cwd, policies)
    const file =
      bindings === undefined ? join(directory, 'bindings.yaml') : resolve(io.cwd, bindings)
    return { directory, bindings: file, identities: identity ?? [] }
  }
  const loaded = await loadConfig(resolve(io.cwd, config ?? ''))
  const { directory } = loaded.policies
  return {
    directory,
    bindings: loaded.policies.bindings ?? join(directory, 'bindings.yaml'),
    identities: Object.keys(loaded.identities),
    issuers: loaded.issuers.map(({ name }) => name),
  }
}

/** The loaded policies with the options that they were loaded with, or null if the options are not all there. */
export async function policyOf(
  values: PolicyValues,
  io: Io,
): Promise<{ set: PolicySet; options: LoadOptions } | null> {
  const options = await policyOptions(values, io)
  return options === null ? null : { set: await loadPolicy(options), options }
}

/** The files of cases beside the policies. */
export async function caseFiles(directory: string): Promise<{ file: string; text: string }[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.tests.yaml')).sort()
  return Promise.all(
    names.map(async (file) => ({ file, text: await readFile(join(directory, file), 'utf8') })),
  )
}
