/**
 * The commands of a person at a keyboard, and of a job: `login`, `token`, `env`, `exec`, `logout`, as they are typed.
 * @module
 */
import { Option } from '@commander-js/extra-typings'
import {
  command,
  hasTerminator,
  jsonOption,
  outputOption,
  repeated,
  whole,
  withGateway,
  type Cli,
} from '../command.ts'
import { UsageError } from '../problem.ts'

const WORKSPACE_TEXT =
  'name or ARM id of the workspace that MLflow tracks to; in an Azure ML job, that of the job if absent'
const SCHEMES = ['https', 'azureml'] as const

export const sessionCommands = (cli: Cli) => [
  login(cli),
  token(cli),
  env(cli),
  exec(cli),
  logout(cli),
]

const login = (cli: Cli) =>
  withGateway(cli, 'login', {
    summary: 'sign in at a gateway, with Okta or Entra ID',
    description:
      'Asks the gateway who issues its tokens and signs you in there. The other commands then use it: token, env, exec. Lists the workspaces that you may use.\n\nTokens are kept in $AZUREML_HARNESS_HOME (or ~/.config/azureml-harness), readable by you only. Redirect URIs to register: http://localhost/callback at Entra ID, http://127.0.0.1:PORT/callback at Okta. With --output json: {gateway, issuer, who, expiresAt, renewable}.',
    exit: '0 signed in, 1 not, 2 wrong arguments.',
    example: 'azureml-harness login --gateway https://ml.contoso.example --flow device',
  })
    .option(
      '--issuer <name>',
      'which issuer, by its name at the gateway or its URL; needed if there are several',
    )
    .addOption(
      new Option(
        '--flow <flow>',
        'browser: opens one on this machine. device: shows a code to enter on any device. Absent: browser if this machine has one that you can see, else device',
      ).choices(['browser', 'device'] as const),
    )
    .option(
      '--client-id <id>',
      "the command line's client at the issuer, if the gateway does not publish it",
    )
    .addOption(
      new Option(
        '--scope <scope>',
        'a scope to ask for, if the gateway does not publish them; may be repeated',
      ).argParser<string[]>(repeated),
    )
    .option(
      '--port <n>',
      "port of the browser's way back, if the issuer wants a fixed one; else any free one",
      whole('a port', 0, 65_535),
    )
    .option('--no-open', 'only print the URL, do not open a browser')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { login: run } = await import('./login.ts')
      cli.status = await run(options, cli.io)
    })

const token = (cli: Cli) =>
  withGateway(cli, 'token', {
    summary: 'print a fresh access token, for scripts',
    description:
      "Prints an access token for the gateway with at least five minutes to live, and nothing else. It is renewed if need be. On Azure ML compute where nobody has signed in, it is the compute's managed identity's. With --output json: {gateway, token, expiresAt, expiresOn, source}, expiresOn in seconds since 1970.",
    exit: '0 printed, 1 nobody is signed in or the issuer refuses, 2 wrong arguments.',
    example:
      'curl -H "Authorization: Bearer $(azureml-harness token)" https://ml.contoso.example/...',
  })
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { token: run } = await import('./token.ts')
      cli.status = await run(options, cli.io)
    })

const env = (cli: Cli) =>
  withGateway(cli, 'env', {
    summary: 'print the environment variables for SDKs, notebooks and MLflow',
    description:
      "Prints what azure-ai-ml, azureml-mlflow, MLflow, az and Terraform need to find the gateway by themselves.\n\nMLFLOW_TRACKING_TOKEN does not renew itself: for anything longer than its life (see token --output json), start the program with exec, or print the variables again. Without a workspace, MLflow's variables are left alone, and the workspaces that you may use are listed on standard error.",
    exit: '0 printed, 1 nobody is signed in, 2 wrong arguments.',
    example: 'eval "$(azureml-harness env --workspace "$WORKSPACE_ID")"',
  })
    .addOption(
      new Option(
        '--shell <shell>',
        'what to write for: notebook is a Python cell; in json, null is what has to be removed; powershell on Windows, sh elsewhere if absent',
      ).choices(['sh', 'powershell', 'notebook', 'json'] as const),
    )
    .option('--workspace <id>', WORKSPACE_TEXT)
    .addOption(
      new Option(
        '--mlflow <scheme>',
        'https for MLflow alone, azureml for the azureml-mlflow plug-in',
      )
        .choices(SCHEMES)
        .default('https' as const),
    )
    .action(async (options) => {
      const { env: run } = await import('./env.ts')
      cli.status = await run(options, cli.io)
    })

const exec = (cli: Cli) =>
  withGateway(cli, 'exec', {
    summary: 'run a command with those variables, also inside an Azure ML job',
    description:
      "Runs the command with the variables of \"azureml-harness env\". Inside an Azure ML job, whose runtime sets MLflow's variables to Azure itself, they are set anew here: put exec in front of the job's own command. The run that the runtime has started is kept. Where nobody has signed in, the compute's managed identity calls the gateway. Signals go on to the command.",
    exit: "the command's own; 128 + N if signal N ended it; 126 it cannot be run, 127 there is no such command; before it runs, 1 nobody is signed in, 2 wrong arguments.",
    example:
      'azureml-harness exec --gateway https://ml.contoso.example -- python train.py --epochs 3',
  })
    .usage('[options] -- COMMAND [ARGUMENTS]')
    .argument('<command...>', 'after "--", what to run')
    .option('--workspace <id>', WORKSPACE_TEXT)
    .addOption(
      new Option(
        '--mlflow <scheme>',
        'https for MLflow alone, azureml for the azureml-mlflow plug-in; if absent, azureml in a job whose runtime uses the plug-in, else https',
      ).choices(SCHEMES),
    )
    .action(async (words, options) => {
      if (!hasTerminator(cli))
        throw new UsageError(
          'a command is needed after "--", as in azureml-harness exec -- python train.py',
        )
      const { exec: run } = await import('./exec.ts')
      cli.status = await run(words, options, cli.io)
    })

const logout = (cli: Cli) =>
  command(cli, 'logout', {
    summary: 'sign out, and revoke the tokens where the issuer can',
    description:
      'Deletes the session from this machine, then tells its issuer to revoke the tokens. Entra ID cannot revoke: there, an access token lasts until its own end, about an hour. With --output json: {sessions: [{gateway, revoked}]}.',
    exit: '0 signed out, 1 deleted here but not revoked although the issuer could, 2 wrong arguments.',
    example: 'azureml-harness logout --all',
  })
    .addOption(
      new Option(
        '--gateway <url>',
        'of which gateway; the one of the last login if absent',
      ).conflicts('all'),
    )
    .option('--all', 'of all gateways')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { logout: run } = await import('./logout.ts')
      cli.status = await run(options, cli.io)
    })
