/**
 * `env`: prints the variables that lead Azure ML's clients to the gateway.
 * @module
 */
import { platform } from 'node:os'
import { EXIT, type Io } from '../io.ts'
import { freshCredential, type Wanted } from './credential.ts'
import { quote, type Shell } from './quote.ts'
import { variablesOf } from './variables.ts'
import { chosenWorkspace, sayPlaces } from './workspaces.ts'

export interface EnvOptions extends Wanted {
  readonly shell?: Shell | undefined
  readonly workspace?: string | undefined
  readonly mlflow: 'https' | 'azureml'
}

export async function env(options: EnvOptions, io: Io): Promise<number> {
  const { mlflow } = options
  const shell = options.shell ?? (platform() === 'win32' ? 'powershell' : 'sh')
  const workspace = await chosenWorkspace(io, options, options.workspace)
  const credential = await freshCredential(io, options)
  if (workspace === null) await sayPlaces(io, options)
  io.out(quote(await variablesOf(io, credential, { workspace, mlflow }), shell))
  return EXIT.ok
}
