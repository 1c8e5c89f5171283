/**
 * How to load policies from a directory that is not the configured one: another version of them.
 * @module
 */
import { join, relative, resolve } from 'node:path'
import type { LoadOptions } from '../../policy/load/load.ts'
import { configFileIfAny } from '../config-file.ts'
import type { Io } from '../io.ts'
import { policyOptions } from './options.ts'

/** What names identities, issuers and a bindings file outside of the directory. */
export interface DirectoryOptions {
  readonly config?: string | undefined
  readonly identity?: string[] | undefined
}

/** Identities, issuers and a bindings file outside of the directory come from the configuration, if there is one. */
export async function optionsFor(
  options: DirectoryOptions,
  policies: string,
  io: Io,
): Promise<LoadOptions> {
  const directory = resolve(io.cwd, policies)
  const own = join(directory, 'bindings.yaml')
  if (configFileIfAny(options, io) === null || options.identity !== undefined)
    return { directory, bindings: own, identities: options.identity ?? [] }
  const configured = await policyOptions({ config: options.config }, io)
  const isInside = !relative(configured.directory, configured.bindings).startsWith('..')
  return {
    ...configured,
    directory,
    bindings: isInside
      ? join(directory, relative(configured.directory, configured.bindings))
      : configured.bindings,
  }
}
