/**
 * `exec`: runs a command that finds the gateway by itself, also where Azure ML's job runtime has said otherwise.
 * @module
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { parseArgs } from 'node:util'
import { EXIT, type Command, type Io } from '../io.ts'
import { freshCredential } from './credential.ts'
import { variablesOf, wantedWorkspace, type Variables } from './variables.ts'
import { codeOf } from '../../lib/error-code.ts'

/** As shells have it. */
const NOT_EXECUTABLE = 126
const NOT_FOUND = 127
const SIGNALLED = 128

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

export const exec: Command = {
  summary: 'run a command with those variables, also inside an Azure ML job',
  help: `Usage: azureml-harness exec [--workspace ID] [options] -- COMMAND [ARGUMENTS]

Runs the command with the variables of "azureml-harness env". Inside an Azure ML job, whose runtime sets MLflow's
variables to Azure itself, they are set anew here: put exec in front of the job's own command. The run that the
runtime has started is kept. Where nobody has signed in, the compute's managed identity calls the gateway.

  --workspace ID    ARM id of the workspace that MLflow tracks to; in an Azure ML job, that of the job if absent
  --mlflow SCHEME   https for MLflow alone, azureml for the azureml-mlflow plug-in; in a job whose runtime uses the
                    plug-in azureml, else https, if absent
  --gateway URL     the gateway; AZUREML_HARNESS_GATEWAY, or the one of the last login, if absent
  --ca FILE         certificates (PEM) to trust besides the usual ones, on compute; AZUREML_HARNESS_CA if absent
  --accept-change   on compute: trust what the gateway publishes now, if that has changed since its first use

Signals go on to the command.
Exit status: the command's own; 128 + N if signal N ended it; 126 it cannot be run, 127 there is no such command;
before it runs, 1 nobody is signed in, 2 wrong arguments.
Example: azureml-harness exec --gateway https://ml.contoso.example -- python train.py --epochs 3`,
  async run(args, io) {
    const at = args.indexOf('--')
    const [command, ...rest] = at < 0 ? [] : args.slice(at + 1)
    if (command === undefined) {
      io.err('exec needs a command after "--", e.g. azureml-harness exec -- python train.py')
      return EXIT.usage
    }
    const { values } = parseArgs({
      args: args.slice(0, at),
      options: {
        workspace: { type: 'string' },
        mlflow: { type: 'string' },
        gateway: { type: 'string' },
        ca: { type: 'string' },
        'accept-change': { type: 'boolean' },
      },
    })
    const mlflow = values.mlflow ?? schemeOfJob(io)
    if (mlflow !== 'https' && mlflow !== 'azureml') {
      io.err('--mlflow is "https" or "azureml"')
      return EXIT.usage
    }
    const workspace = wantedWorkspace(io, values.workspace)
    const credential = await freshCredential(io, {
      gateway: values.gateway,
      ca: values.ca,
      acceptChange: values['accept-change'],
    })
    const variables = await variablesOf(io, credential, { workspace, mlflow })
    return runChild(command, rest, merge(io.env, variables), io)
  },
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
