/**
 * `workspace ...`, as it is typed.
 * @module
 */
import { Option } from '@commander-js/extra-typings'
import {
  group,
  jsonOption,
  outputOption,
  repeated,
  TOKEN_VARIABLE,
  withConfig,
  type Cli,
} from '../command.ts'

const CLOUDS = ['AzureCloud', 'AzureUSGovernment', 'AzureChinaCloud'] as const
const ASKS = `Asks Azure Resource Manager with the token in ${TOKEN_VARIABLE}, or, where the gateway runs, with those of its identities, and waits when Azure throttles. It changes nothing.`
const EXAMPLE_ID =
  '/subscriptions/$S/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/research'

export const workspaceCommands = (cli: Cli) =>
  group(
    cli,
    'workspace',
    'Check and onboard workspaces, so that they are used through the gateway only',
  ).addCommand(check(cli))

const principalOption = () =>
  new Option(
    '--principal <name=object-id>',
    'object id of an identity of the gateway; else its objectId in the configuration, or, where the gateway runs, the one in its token; may be repeated',
  ).argParser<string[]>(repeated)

const cloudOption = () =>
  new Option('--cloud <name>', 'the cloud, without --config; AzureCloud if absent').choices(CLOUDS)

const check = (cli: Cli) =>
  withConfig(cli, 'check', {
    summary: 'say what lets somebody use a workspace without the gateway, and what to fix first',
    description: `Examines, in the order in which to fix: that the workspace is there; that the gateway's identities may do what the policies permit; who else may write, by role assignments of any scope; its network; keys of its storage, computes and endpoints; diagnostics, Azure Policy and deny assignments; identities of computes, bindings and clients. Run it where the gateway runs: DNS and clients are asked from here.\n\n${ASKS} With --output json: {ok, workspace, findings: [{check, status, where, what, next}], bypass: [{principalId, kind, name, role, scope, actions, grantsRoles}]}, status being ok, warning, unverified or failed.`,
    exit: '0 sound: nothing failed and nothing is unverified, 1 gaps or something that could not be checked, 2 wrong arguments.',
    example: `azureml-harness workspace check ${EXAMPLE_ID} --config harness.yaml`,
  })
    .argument('<workspace>', 'ARM id of the workspace')
    .addOption(principalOption())
    .addOption(
      new Option(
        '--accept <object-id>',
        'a principal that may write around the gateway, such as an account for emergencies: a warning instead of a failure; may be repeated',
      ).argParser<string[]>(repeated),
    )
    .addOption(cloudOption())
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (workspace, options) => {
      const { workspaceCheck } = await import('./check.ts')
      cli.status = await workspaceCheck({ ...options, workspace }, cli.io)
    })
