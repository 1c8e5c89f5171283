/**
 * `exec`: runs a command that finds the gateway by itself, also where Azure ML's job runtime has said otherwise.
 * @module
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { EXIT, type Io } from '../io.ts'
import { freshCredential, type Wanted } from './credential.ts'
import { variablesOf, type Variables } from './variables.ts'
import { chosenWorkspace } from './workspaces.ts'
import { codeOf } from '../../lib/error-code.ts'

/** As shells have it. */
const NOT_EXECUTABLE = 126
const NOT_FOUND = 127
const SIGNALLED = 128

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

export interface ExecOptions extends Wanted {
  readonly workspace?: string | undefined
  readonly mlflow?: 'https' | 'azureml' | undefined
}

/** Resolves with the exit status of the command that `words` are. */
export async function exec(
  words: readonly string[],
  options: ExecOptions,
  io: Io,
): Promise<number> {
  const [command = '', ...rest] = words
  const mlflow = options.mlflow ?? schemeOfJob(io)
  const workspace = await chosenWorkspace(io, options, options.workspace)
  const credential = await freshCredential(io, options)
  const variables = await variablesOf(io, credential, { workspace, mlflow })
  const { openIdentityEndpoint } = await import('./identity-endpoint.ts')
  const { createStorageTokens } = await import('./storage-token.ts')
  const identity = await openIdentityEndpoint({
    gateway: credential.gateway,
    env: io.env,
    credential: () => freshCredential(io, { ...options, gateway: credential.gateway }),
    storage: createStorageTokens(io, credential),
  })
  try {
    return await runChild(
      command,
      rest,
      merge(io.env, new Map([...variables, ...identity.variables])),
      io,
    )
  } finally {
    identity.close()
  }
}

/** A job's runtime names the plug-in's scheme where it is installed. */
function schemeOfJob({ env }: Io): 'https' | 'azureml' {
  return env['MLFLOW_TRACKING_URI']?.startsWith('azureml:') === true ? 'azureml' : 'https'
}

function merge(env: Io['env'], variables: Variables): Record<string, string> {
  const merged = new Map(Object.entries(env))
  for (const [name, value] of variables) {
    if (value === null) merged.delete(name)
    else merged.set(name, value)
  }
  const kept: [string, string][] = []
  for (const [name, value] of merged) if (value !== undefined) kept.push([name, value])
  return Object.fromEntries(kept)
}

async function runChild(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
  io: Io,
): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const child = spawn(command, args, { cwd: io.cwd, env, stdio: 'inherit' })
  // what is typed at a terminal reaches the child by itself: a second interrupt would cut its clean-up short
  const typed = isatty(0) || isatty(2)
  const forward = (signal: string): void => {
    const known = FORWARDED.find((one) => one === signal)
    if (known === undefined || (typed && known === 'SIGINT')) return
    child.kill(known)
  }
  const release = io.onSignal?.(FORWARDED, forward)
  const aborted = (): void => forward(String(io.signal.reason))
  if (release === undefined) io.signal.addEventListener('abort', aborted, { once: true })
  child.once('error', (error) => {
    const missing = codeOf(error) === 'ENOENT'
    io.err(
      missing
        ? `there is no command "${command}"`
        : `"${command}" cannot be run: ${codeOf(error, error.message)}`,
    )
    resolve(missing ? NOT_FOUND : NOT_EXECUTABLE)
  })
  child.once('exit', (code, signal) => {
    resolve(signal === null ? (code ?? EXIT.failed) : SIGNALLED + constants.signals[signal])
  })
  try {
    return await promise
  } finally {
    release?.()
    io.signal.removeEventListener('abort', aborted)
  }
}
