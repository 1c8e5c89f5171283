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
  )
    .addCommand(check(cli))
    .addCommand(list(cli))
    .addCommand(onboard(cli))

const principalOption = () =>
  new Option(
    '--principal <name=object-id>',
    'object id of an identity of the gateway; else its objectId in the configuration, or, where the gateway runs, the one in its token; may be repeated',
  ).argParser<string[]>(repeated)

const acceptOption = () =>
  new Option(
    '--accept <object-id>',
    'a principal that may write around the gateway, such as an account for emergencies: a warning and no failure; may be repeated',
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
    .addOption(acceptOption())
    .addOption(cloudOption())
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (workspace, options) => {
      const { workspaceCheck } = await import('./check.ts')
      cli.status = await workspaceCheck({ ...options, workspace }, cli.io)
    })

const list = (cli: Cli) =>
  withConfig(cli, 'list', {
    summary: 'list workspaces that are used through the gateway only, in part, or not at all',
    description: `Lists the workspaces of a subscription, or of all that who asks may see, eight of which are looked at at the same time. "governed": a binding reaches it, its public network access is disabled, and nobody but the gateway's identities may write. "half": a binding reaches it, and something of the rest is not so or not known. "none": no binding reaches it. workspace check says more of one.\n\n${ASKS} With --output json: {ok, workspaces: [{id, state, bindings, writers, publicNetwork, unknown}]}.`,
    exit: '0 all could be read, 1 something could not, 2 wrong arguments.',
    example: 'azureml-harness workspace list --config harness.yaml --subscription $S',
  })
    .option('--subscription <id>', 'this subscription alone')
    .addOption(principalOption())
    .addOption(acceptOption())
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { workspaceList } = await import('./list.ts')
      cli.status = await workspaceList(options, cli.io)
    })

const onboard = (cli: Cli) =>
  withConfig(cli, 'onboard', {
    summary: 'write the files with which a workspace is put behind the gateway; applies nothing',
    description: `Examines the workspace as workspace check does, compares it with a profile (profiles/NAME.yaml beside the policies), and writes what is lacking into a directory: bindings, owners, roles, a private endpoint and the assignment of Azure Policy as Bicep or Terraform, settings for clients, and README.md with what to run in which order. Files that are there with other content are not replaced. If nothing is lacking, it says so and writes nothing.\n\n${ASKS}`,
    exit: '0 written, or nothing to do, 1 the workspace cannot be read, or a file is there with other content, 2 wrong arguments.',
    example: `azureml-harness workspace onboard ${EXAMPLE_ID} --config harness.yaml --group 'scientists=Group::"entra/TENANT/GROUP"' --out research`,
  })
    .argument('<workspace>', 'ARM id of the workspace')
    .option('--profile <name>', 'the profile', 'standard')
    .addOption(
      new Option(
        '--group <name=principal>',
        'who is meant by a name of the profile, as in scientists=Group::"entra/TENANT/GROUP"; may be repeated',
      ).argParser<string[]>(repeated),
    )
    .requiredOption('--out <dir>', 'where the files are written')
    .addOption(
      new Option('--bicep', 'main.bicep, which it is if neither is given').conflicts('terraform'),
    )
    .option('--terraform', 'main.tf, for the azapi provider')
    .addOption(principalOption())
    .addOption(acceptOption())
    .action(async (workspace, options) => {
      const { workspaceOnboard } = await import('./onboard.ts')
      cli.status = await workspaceOnboard({ ...options, workspace }, cli.io)
    })
