/**
 * `policy ...`, as it is typed.
 * @module
 */
import { InvalidArgumentError, Option } from '@commander-js/extra-typings'
import {
  command,
  group,
  jsonOption,
  outputOption,
  repeated,
  TOKEN_VARIABLE,
  whole,
  withConfig,
  withPolicies,
  type Cli,
} from '../command.ts'

const DAYS = 30
const LOG_COMMITS = 100
const SPOOL_TEXT = "the records to look into: a spool's directory, or one of its files"

export const policyCommands = (cli: Cli) =>
  group(cli, 'policy', 'Check, test, compare and export policies')
    .addCommand(check(cli))
    .addCommand(test(cli))
    .addCommand(diff(cli))
    .addCommand(plan(cli))
    .addCommand(log(cli))
    .addCommand(propose(cli))
    .addCommand(exportRoles(cli))
    .addCommand(drift(cli))
    .addCommand(schema(cli))
    .addCommand(matrix(cli))

const check = (cli: Cli) =>
  withPolicies(cli, 'check', {
    summary: 'check policies, templates and bindings, and report every fault at once',
    description:
      'Checks policies, templates and bindings against the schema. Every fault comes with file and line. Notes point out policies that refuse more calls than they look like, because a fact is not known yet when they are evaluated, and bindings that end within 14 days, have ended, have not begun, or end in more than a year. With --spool it also reports bindings whose principal no token has carried for some time: most unexpected refusals come from an outdated or mistyped id.\n\nWith --output json: {ok, version, faults, stale, notes}.',
    exit: '0 valid, 1 faults, 2 wrong arguments. Stale bindings and notes are no faults.',
    example:
      'azureml-harness policy check --config config/harness.yaml --spool /var/lib/azureml-harness/spool --days 90',
  })
    .option('--spool <spool>', SPOOL_TEXT)
    .option(
      '--days <n>',
      `days without a token, with --spool; ${DAYS} if absent. Records that do not reach back so far show nothing stale`,
      whole('days', 1),
    )
    .option('--require-until', 'a binding of a person or a service without "until" is a fault')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { policyCheck } = await import('./check.ts')
      cli.status = await policyCheck({ ...options, days: options.days ?? null }, cli.io)
    })

const test = (cli: Cli) =>
  withPolicies(cli, 'test', {
    summary: 'run the cases beside the policies (*.tests.yaml)',
    description:
      "Runs every case of every *.tests.yaml in the policies' directory and lists those that fail. With --output json: one object a case, {file, name, wrong}.",
    exit: '0 all passed, 1 some failed, there are none, or faults, 2 wrong arguments.',
    example: 'azureml-harness policy test --config config/harness.yaml',
  })
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { policyTest } = await import('./test.ts')
      cli.status = await policyTest(options, cli.io)
    })

const diff = (cli: Cli) =>
  withConfig(cli, 'diff', {
    summary: 'replay recorded decisions against other policies',
    description:
      'Asks every decision of a spool again, of the policies in the directory OLD and of those in NEW, and lists what changes. Each directory has its own bindings.yaml, unless --config names a bindings file elsewhere, which then counts for both. Decisions that OLD does not reproduce from the record are counted and left out.\n\nIf the record has no sign-in data, a permitted call is assumed to meet @stepup and a refused one not to. The number of assumptions is printed. With --output json: {replayed, unreproducible, assumed, changes}.',
    exit: '0 nothing changes, 1 something does, nothing could be compared, or faults, 2 wrong arguments.',
    example:
      'azureml-harness policy diff policies ../new/policies --replay /var/lib/azureml-harness/spool --config harness.yaml',
  })
    .argument('<old>', 'directory of the policies that decided')
    .argument('<new>', 'directory of the policies to compare with')
    .requiredOption('--replay <spool>', "the spool's directory, or one of its files")
    .addOption(identityOption())
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (old, now, options) => {
      const { policyDiff } = await import('./diff.ts')
      cli.status = await policyDiff({ ...options, old, now }, cli.io)
    })

const identityOption = () =>
  new Option(
    '--identity <name>',
    'a managed identity that @identity may name, without --config; may be repeated',
  ).argParser<string[]>(repeated)

const plan = (cli: Cli) =>
  withConfig(cli, 'plan', {
    summary: 'say who may do more or less with other policies',
    description:
      'Judges every action of the vocabulary for everybody whom a rule of OLD or NEW names, and for a stranger, on everything that is bound, and lists what changes: permitted (+), permitted depending on facts of the call or on the sign-in (~), refused (-). It needs no records; policy diff says what of the recorded calls would have changed. Each is asked alone: what two groups of one person give or take together is not looked at. Rules that are written otherwise are named on standard error, because conditions and effects can change where these answers do not. With --output json: {before, after, changes: [{principal, on, before, after, actions}], rules}.',
    exit: '0 nothing changes, 2 an answer or a rule does, or the arguments are wrong, 1 faults.',
    example: 'azureml-harness policy plan main/policies policies --config harness.yaml',
  })
    .argument('<old>', 'directory of the policies in force')
    .argument('<new>', 'directory of the policies to compare with')
    .addOption(identityOption())
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (old, now, options) => {
      const { policyPlan } = await import('./plan.ts')
      cli.status = await policyPlan({ ...options, old, now }, cli.io)
    })

/** The beginning of a version, in lower case. Empty text is none: every version begins with it. */
function versionStart(value: string): string {
  if (/^[0-9a-f]+$/iu.test(value)) return value.toLowerCase()
  throw new InvalidArgumentError('It takes a version, or its beginning: hexadecimal digits.')
}

const log = (cli: Cli) =>
  withPolicies(cli, 'log', {
    summary: 'say which commit of a policy repository is which policy version',
    description:
      'Records and answers name the policy version, a hash of all files. This reads the history of the repository that the policies are in, with git, and computes the version of each commit that changed them. Nothing of the checkout is touched. A version depends on the identities of the configuration and on the release of this program, too. With --output json: [{commit, time, author, subject, version}].',
    exit: '0 listed or found, 1 not found, or git cannot read the history, 2 wrong arguments.',
    example: 'azureml-harness policy log --config harness.yaml --find 2c99e7',
  })
    .addOption(
      new Option(
        '--find <version>',
        'the commit of this version, or of one that begins like this',
      ).argParser(versionStart),
    )
    .option('--limit <n>', 'commits to look at, the newest first', whole('commits', 1), LOG_COMMITS)
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { policyLog } = await import('./log.ts')
      cli.status = await policyLog(options, cli.io)
    })

const propose = (cli: Cli) =>
  withPolicies(cli, 'propose', {
    summary: 'show the smallest change that permits a refused call, and what else it would give',
    description:
      'Finds a refused call by its decision id in the records (--decision), or by what its refusal says after "why" (--need: proved by operationKey of --config, or by the gateway that the caller is signed in at), and proposes the smallest change that permits it: the role template that adds the fewest actions, bound for the caller\'s group with the fewest people, or a policy that names the one action where no template has it, or with --one-action. Roles that requests.yaml lets the caller ask for come first, for as long as it says. It shows what that adds, what it would have changed over the recorded calls, and what the managed identities need at Azure. A binding of a person or a service ends after 90 days unless requests.yaml or --until says otherwise. With --output json: {kind, path, text, gain, replayed, changes, azureRolesChange, azure, ways, written, branch, commit, page}.',
    exit: '0 proposed, 1 nothing to propose, no such decision, not offered for so long, or faults, 2 wrong arguments.',
    example:
      'azureml-harness policy propose --config harness.yaml --decision 0b9ff4f0-8d2e-4d5e-a6a1-0a5d7e6c9f10 --write',
  })
    .option('--decision <id>', 'the decision id of the refusal')
    .option('--need <text>', 'instead, what the refusal says after "why", or its link')
    .option('--gateway <url>', 'the gateway to prove --need with, without --config')
    .option('--ca <file>', 'certificates (PEM) to trust there besides the usual ones')
    .option(
      '--spool <spool>',
      "the spool's directory, or one of its files; with --config the gateway's own if absent",
    )
    .addOption(
      new Option(
        '--for <whom>',
        "the caller's smallest group, if there is one, or the caller alone",
      )
        .choices(['group', 'caller'] as const)
        .default('group' as const),
    )
    .option(
      '--one-action',
      'a policy that names this action alone, with the effects and conditions of the smallest role that has it',
    )
    .option(
      '--until <time>',
      'when it ends: 14d for 14 days, or an instant such as 2027-03-01T00:00:00Z',
    )
    .option('--reason <text>', 'why, for whoever reviews it')
    .option('--ticket <text>', 'the ticket that it belongs to')
    .option('--write', 'write the file')
    .option(
      '--branch [name]',
      'commit the file to a new branch of the clone that the policies are in; the checkout stays as it is',
    )
    .option(
      '--open',
      'open the page of GitHub or Gitea with the file filled in, as repository in requests.yaml says; without a browser, print it',
    )
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { policyPropose } = await import('./propose.ts')
      cli.status = await policyPropose(options, cli.io)
    })

const exportRoles = (cli: Cli) =>
  withPolicies(cli, 'export', {
    summary:
      'write Azure roles and assignments that match the policies, as ARM JSON, Bicep or Terraform',
    description:
      'Works out what each managed identity needs in Azure so that it can do what the policies permit, and no more. One of --azure-role, --json, --arm-template, --bicep and --terraform is needed.',
    exit: '0 done, 1 faults, 2 wrong arguments.',
    example:
      'azureml-harness policy export --config config/harness.yaml --bicep --out deploy/roles',
  })
    .addOption(
      new Option('--azure-role', 'custom role definitions, one JSON array').conflicts([
        'json',
        'armTemplate',
        'bicep',
        'terraform',
      ]),
    )
    .addOption(
      new Option(
        '--json',
        'identities, roles and assignments as one JSON object: policyExport of deploy/bicep and deploy/terraform',
      ).conflicts(['armTemplate', 'bicep', 'terraform']),
    )
    .addOption(
      new Option(
        '--arm-template',
        'roles and assignments as templates, one a subscription, so it needs --out; object ids of the identities are a parameter',
      ).conflicts(['bicep', 'terraform']),
    )
    .addOption(
      new Option(
        '--bicep',
        'identities, roles and assignments; several files, so it needs --out',
      ).conflicts('terraform'),
    )
    .option('--terraform', 'identities, roles and assignments for the azurerm provider')
    .option('--out <dir>', 'write files there instead of to standard output')
    .action(async (options) => {
      const { policyExport } = await import('./export.ts')
      cli.status = await policyExport(options, cli.io)
    })

const drift = (cli: Cli) =>
  withConfig(cli, 'drift', {
    summary: 'compare what Azure grants the managed identities with what the policies need',
    description: `Reads all role assignments of each identity from Azure Resource Manager, in every subscription where policies need something and wherever in it they are, and compares. Missing actions are calls that policy permits and Azure refuses; excess ones Azure would allow if policy failed. So a role that was widened or narrowed, an assignment that was added, removed, moved or given a condition, and what comes from above or by a group, is drift.\n\nAsks ARM with the token in ${TOKEN_VARIABLE}, or, where the gateway runs, with those of the identities. Deny assignments are not looked at, and conditions are named, not evaluated. With --output json: {ok, drift: [{identity, scope, missing, excess, inherited, assigned: [{role, scope, condition}]}]}.`,
    exit: '0 Azure grants what the policies need and nothing else, 1 there is drift or ARM cannot be asked, 2 wrong arguments.',
    example: `${TOKEN_VARIABLE}=$(az account get-access-token --query accessToken -o tsv) azureml-harness policy drift --config harness.yaml`,
  })
    .addOption(
      new Option(
        '--principal <name=object-id>',
        'object id of an identity; else its objectId in the configuration, or, where the gateway runs, the one in its token; may be repeated',
      ).argParser<string[]>(repeated),
    )
    .option('--allow-excess', 'show what is granted beyond what is needed, and do not fail for it')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { policyDrift } = await import('./drift.ts')
      cli.status = await policyDrift(options, cli.io)
    })

const schema = (cli: Cli) =>
  command(cli, 'schema', {
    summary: 'print the Cedar schema: principals, resources, actions and facts',
    description:
      'Prints the schema that policies are checked against, for editors and for people. It is policies/schema.cedarschema.',
    exit: '0 done, 2 wrong arguments.',
    example: 'azureml-harness policy schema > policies/schema.cedarschema',
  }).action(async () => {
    const { policySchema } = await import('./schema.ts')
    cli.status = policySchema(cli.io)
  })

const matrix = (cli: Cli) =>
  withPolicies(cli, 'matrix', {
    summary: 'print which template grants which operation',
    description:
      'Judges every action for every template, without facts, and prints the table of docs/policy-matrix.md, in Markdown.',
    exit: '0 done, 1 faults, 2 wrong arguments.',
    example:
      'azureml-harness policy matrix --policies policies --identity ml-reader --identity ml-writer',
  }).action(async (options) => {
    const { policyMatrix } = await import('./matrix.ts')
    cli.status = await policyMatrix(options, cli.io)
  })
