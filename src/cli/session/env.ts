/**
 * `env`: prints the variables that lead Azure ML's clients to the gateway.
 * @module
 */
import { platform } from 'node:os'
import { parseArgs } from 'node:util'
import { EXIT, type Command } from '../io.ts'
import { freshCredential } from './credential.ts'
import { isShell, quote, SHELLS } from './quote.ts'
import { variablesOf, wantedWorkspace } from './variables.ts'

export const env: Command = {
  summary: 'print the environment variables for SDKs, notebooks and MLflow',
  help: `Usage: azureml-harness env [--shell SHELL] [--workspace ID] [options]

Prints what azure-ai-ml, azureml-mlflow, MLflow, az and Terraform need to find the gateway by themselves.

  --shell SHELL     sh, powershell, notebook (a Python cell) or json (null: to be removed);
                    powershell on Windows, sh elsewhere if absent
  --workspace ID    ARM id of the workspace that MLflow tracks to; in an Azure ML job, that of the job if absent.
                    Without any, MLflow's variables are left alone
  --mlflow SCHEME   https for MLflow alone, azureml for the azureml-mlflow plug-in; https if absent
  --gateway URL     the gateway; AZUREML_HARNESS_GATEWAY, or the one of the last login, if absent
  --ca FILE         certificates (PEM) to trust besides the usual ones, on compute; AZUREML_HARNESS_CA if absent
  --accept-change   on compute: trust what the gateway publishes now, if that has changed since its first use

MLFLOW_TRACKING_TOKEN does not renew itself: for anything longer than its life (see token --json), start the
program with exec, or print the variables again.

Exit status: 0 printed, 1 nobody is signed in, 2 wrong arguments.
Example: eval "$(azureml-harness env --workspace "$WORKSPACE_ID")"`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        shell: { type: 'string' },
        workspace: { type: 'string' },
        mlflow: { type: 'string' },
        gateway: { type: 'string' },
        ca: { type: 'string' },
        'accept-change': { type: 'boolean' },
      },
    })
    const shell = values.shell ?? (platform() === 'win32' ? 'powershell' : 'sh')
    const mlflow = values.mlflow ?? 'https'
    if (!isShell(shell)) {
      io.err(`--shell is one of ${SHELLS.join(', ')}`)
      return EXIT.usage
    }
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
    io.out(quote(await variablesOf(io, credential, { workspace, mlflow }), shell))
    return EXIT.ok
  },
}
