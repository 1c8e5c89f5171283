/**
 * The shipped policies and the lab's bindings, with a test's own beside them.
 * @module
 */
import { appendFile, cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import { SHIPPED } from '../policy/support.ts'

const LAB_BINDINGS = join(import.meta.dirname, '..', '..', 'lab', 'gateway', 'bindings.yaml')

export interface OwnPolicies {
  /** For `startGateway`'s `gateway.change`. */
  readonly change: (config: ConfigFile) => ConfigFile
  remove(): Promise<void>
  /** Where they are. */
  readonly directory: string
}

/**
 * @param files by name, e.g. `more.cedar`
 * @param bindings lines to add to `bindings.yaml`
 */
export async function ownPolicies(
  files: Readonly<Record<string, string>>,
  bindings = '',
): Promise<OwnPolicies> {
  const directory = await mkdtemp(join(tmpdir(), 'azureml-harness-policies-'))
  const bindingsFile = join(directory, 'bindings.yaml')
  await cp(SHIPPED, directory, { recursive: true })
  await cp(LAB_BINDINGS, bindingsFile)
  await appendFile(bindingsFile, bindings)
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
  return {
    change: (config) => ({ ...config, policies: { directory, bindings: bindingsFile } }),
    directory,
    remove: () => rm(directory, { recursive: true, force: true }),
  }
}
