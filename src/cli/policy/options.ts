/**
 * Where a policy command finds its policies: the gateway's configuration, or a directory of its own.
 * @module
 */
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { readRegular } from '../../lib/files/regular.ts'
import { loadPolicy, type LoadOptions } from '../../policy/load/load.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import type { ProfileName } from '../../vocabulary/profiles.ts'
import { configFileIfAny } from '../config-file.ts'
import type { Io } from '../io.ts'
import { UsageError } from '../problem.ts'
import { createProgress } from '../progress.ts'

/** The options of every command on policies, as they were typed. */
export interface PolicyValues {
  readonly config?: string | undefined
  readonly policies?: string | undefined
  readonly bindings?: string | undefined
  readonly identity?: string[] | undefined
}

/** What to load with, and what is known of the issuers. */
export interface PolicyOptions extends LoadOptions {
  /** By the names of the issuers; absent without a configuration. */
  readonly profiles?: ReadonlyMap<string, ProfileName>
}

/**
 * The options to load with.
 * @throws UsageError if they are not all there
 * @throws ConfigError if the configuration has faults
 */
export async function policyOptions(values: PolicyValues, io: Io): Promise<PolicyOptions> {
  const { config, policies, bindings, identity } = values
  if (config !== undefined && policies !== undefined)
    throw new UsageError('--config and --policies exclude each other')
  if (policies !== undefined) {
    const directory = resolve(io.cwd, policies)
    const file =
      bindings === undefined ? join(directory, 'bindings.yaml') : resolve(io.cwd, bindings)
    return { directory, bindings: file, identities: identity ?? [] }
  }
  const file = configFileIfAny(values, io)
  if (file === null) throw new UsageError('either --config FILE or --policies DIR is needed')
  const { loadConfig } = await import('../../config/load.ts')
  const loaded = await loadConfig(file)
  const { directory } = loaded.policies
  return {
    directory,
    bindings: loaded.policies.bindings ?? join(directory, 'bindings.yaml'),
    identities: Object.keys(loaded.identities),
    issuers: loaded.issuers.map(({ name }) => name),
    profiles: new Map(loaded.issuers.map(({ name, profile }) => [name, profile])),
  }
}

/** The loaded policies with the options that they were loaded with. @throws PolicyError with every fault */
export async function policyOf(
  values: PolicyValues,
  io: Io,
): Promise<{ set: PolicySet; options: PolicyOptions }> {
  const options = await policyOptions(values, io)
  return { set: await loadShown(options, io), options }
}

/** Loads policies and says how far it is. @throws PolicyError with every fault */
export async function loadShown(options: LoadOptions, io: Io): Promise<PolicySet> {
  const progress = createProgress(io, 'reading policies', 100)
  let done = 0
  try {
    return await loadPolicy({
      ...options,
      async onProgress(percent) {
        progress.add(percent - done)
        done = percent
        // lets an interrupt in, which the first process of a container has to answer by itself
        await setImmediate()
      },
    })
  } finally {
    progress.end()
  }
}

/** The files of cases beside the policies. */
export async function caseFiles(directory: string): Promise<{ file: string; text: string }[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.tests.yaml')).sort()
  return Promise.all(
    names.map(async (file) => ({ file, text: await readRegular(join(directory, file)) })),
  )
}
