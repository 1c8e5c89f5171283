/**
 * The commands that run, ask or examine a gateway, as they are typed.
 * @module
 */
import {
  command,
  withConfig,
  withPolicies,
  jsonOption,
  outputOption,
  whole,
  type Cli,
} from './command.ts'

const CONFIG = '/etc/azureml-harness/harness.yaml'
const STALE_DAYS = 30

export const gatewayCommands = (cli: Cli) => [
  init(cli),
  serve(cli),
  health(cli),
  doctor(cli),
  explain(cli),
]

const init = (cli: Cli) =>
  command(cli, 'init', {
    summary: 'write configuration, policies and the script of Azure commands for a workspace',
    description:
      'Writes into a directory what a gateway in front of one workspace starts with: harness.yaml, the policies with a binding of one group on that workspace, and azure.sh, a script of az commands that a person reads and runs: application, managed identities, roles, and the table of records. azure.sh puts the ids that Azure gives into harness.yaml.\n\nWhat no flag says is asked for at a terminal. It calls nobody, replaces no file, and writes all of the files or none; no file has a secret.',
    exit: '0 written, 1 a file is there already or cannot be written, 2 wrong arguments.',
    example:
      'azureml-harness init --issuer entra --url https://ml.contoso.com --out azureml-harness',
  })
    .option('--tenant <id>', 'the Entra tenant, by its id')
    .option('--workspace <id>', 'the ARM id of the workspace')
    .option('--region <name>', "the workspace's region")
    .option('--url <url>', 'where clients find the gateway: an https origin')
    .option('--issuer <kind>', 'who signs people in: entra or okta')
    .option('--issuer-url <url>', 'with okta: the issuer of the custom authorization server')
    .option('--client-id <id>', 'with okta: the native application of the command line')
    .option('--group <id>', 'who may work in the workspace: a group, by object id or Okta name')
    .option('--role <template>', 'what they may do: a template of the policies', 'data-scientist')
    .option('--cloud <name>', "Azure's cloud", 'AzureCloud')
    .option('--resource-group <name>', "for what is made at Azure; the workspace's if absent")
    .option(
      '--service-account <name>',
      'on Kubernetes: NAMESPACE/NAME, which may use the identities',
    )
    .option('--cluster-issuer <url>', "on Kubernetes: the cluster's OpenID issuer")
    .option('--spool <dir>', 'where records wait', '/var/lib/azureml-harness/spool')
    .option(
      '--from <dir>',
      'a checkout of the repository, whose policies are copied; those of this program if absent',
    )
    .option('--out <dir>', 'the directory to write')
    .action(async (options) => {
      const { init: run } = await import('./init/init.ts')
      cli.status = await run(options, cli.io)
    })

const serve = (cli: Cli) =>
  withConfig(cli, 'serve', {
    summary: 'run the gateway',
    description:
      'Runs the gateway until SIGINT or SIGTERM. Then it finishes the requests that run, closes the connections that do not end, and ships its records. A second SIGINT or SIGTERM ends the waiting. Policies and bindings are read again when their files change, and on SIGHUP; if the new ones have faults, the last valid ones stay in force.',
    exit: '0 stopped with every record shipped, 1 could not start or records are left in the spool, 2 wrong arguments.',
    example: `azureml-harness serve --config ${CONFIG}`,
  })
    .option(
      '--drain-ms <n>',
      'milliseconds for requests and records to finish on stop; limits.stopMs if absent',
      whole('milliseconds', 0),
    )
    .action(async (options) => {
      const { serve: run } = await import('./serving/serve.ts')
      cli.status = await run(options, cli.io)
    })

const health = (cli: Cli) =>
  withConfig(cli, 'health', {
    summary: 'ask the gateway on this machine whether it is ready',
    description:
      'Asks the gateway that runs on this machine with this configuration. Its certificate must be the configured one. If the configuration has listen.metrics, it prints why the gateway is not ready, its version and the version of its policies: callers are not told.',
    exit: '0 ready, 1 not ready or not there, 2 wrong arguments.',
    example: `azureml-harness health --config ${CONFIG}`,
  })
    .option('--live', 'ask only whether it is alive, not whether it is ready')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { health: run } = await import('./health.ts')
      cli.status = await run(options, cli.io)
    })

const doctor = (cli: Cli) =>
  withConfig(cli, 'doctor', {
    summary: 'examine a gateway and what it depends on, and say what to fix first',
    description:
      "Examines, in the order in which to fix: the configuration, policies and bindings, certificate and secrets, the clock, each issuer's discovery and keys, each managed identity's token, its role assignments at Azure Resource Manager against what policies need, the sinks, the spool, and bindings to principals that are gone or unseen.\n\nRun it where the gateway runs, as its user and with its environment. It changes nothing and records nothing. With --output json: {ok, findings: [{check, status, where, what, next}]}, status being ok, warning, unverified or failed.",
    exit: '0 nothing failed, 1 something did, 2 wrong arguments.',
    example: `azureml-harness doctor --config ${CONFIG}`,
  })
    .option(
      '--stale-days <n>',
      'report bindings that no recorded call has used for so many days',
      whole('days', 1),
      STALE_DAYS,
    )
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { doctor: run } = await import('./doctor.ts')
      cli.status = await run(options, cli.io)
    })

const explain = (cli: Cli) =>
  withPolicies(cli, 'explain', {
    summary: 'explain a decision: of a token or principal and a request, or by its id',
    description:
      'Says who asks, what they do on what, which rules decided, where those are written, which effects they bring and what would have to change. Nothing is sent to Azure and nothing is recorded. It needs --request with --principal or --token, or else --decision.\n\nA principal\'s file is JSON: {"kind": "user", "id": "entra/<tid>/<oid>", "groups": [...], "roles": [...], "signedIn": {"ageSeconds": 30, "methods": ["mfa"]}}. With --output json: the explanation as one object, for a decision id with {recorded, reproduced}.',
    exit: '0 explained, 1 no such decision, a token that is refused, or faults, 2 wrong arguments.',
    example:
      'azureml-harness token |\n  azureml-harness explain --config harness.yaml --token - --request "GET /subscriptions?api-version=2022-12-01"',
  })
    .option('--principal <file>', 'who asks, as JSON')
    .option(
      '--token <->',
      'a token on standard input, verified as the gateway does: its issuer is asked for keys',
    )
    .option(
      '--request <line>',
      'method and target, as in "GET /subscriptions/...?api-version=2024-04-01"',
    )
    .option(
      '--facts <json>',
      'further facts, as in \'{"instanceCount": 4}\'; those of the request and the token are known',
    )
    .option('--decision <id>', 'a decision id, as answers and records carry it')
    .option(
      '--spool <spool>',
      "the spool's directory, or one of its files; with --config the gateway's own if absent",
    )
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { explain: run } = await import('./explain/explain.ts')
      cli.status = await run(options, cli.io)
    })
