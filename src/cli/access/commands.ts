/**
 * The commands about who has access to what: `why`, `whoami`, `can`, `who-can`, as they are typed.
 * @module
 */
import { jsonOption, outputOption, withGateway, withPolicies, type Cli } from '../command.ts'

export const accessCommands = (cli: Cli) => [why(cli), whoami(cli), can(cli), whoCan(cli)]

const why = (cli: Cli) =>
  withGateway(cli, 'why', {
    summary: 'ask the gateway why it refused a call of yours, and what would permit it',
    description:
      'Asks the gateway, with your own token, about a refusal of yours: what is missing, which of your groups count, which roles would permit the call and what else each of them would give, who can change it, and in which ways you may ask for it (requests.yaml). Without DECISION it is your last refusal. A replica remembers what it refused itself; the whole command of a refusal, and its link, work on every replica. With --output json: {decision, call, now, reason, remedy, memberships, forbids, templates, ways, proposal, request, help}.',
    exit: '0 answered, 1 no such refusal of yours, or nobody is signed in, 2 wrong arguments.',
    example: 'azureml-harness why 0b9ff4f0-8d2e-4d5e-a6a1-0a5d7e6c9f10',
  })
    .argument(
      '[decision]',
      'what follows "why" in the refusal: its id and what was refused; or its id alone, or its link',
    )
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (decision, options) => {
      const { why: run } = await import('./why.ts')
      cli.status = await run(decision, options, cli.io)
    })

const whoami = (cli: Cli) =>
  withGateway(cli, 'whoami', {
    summary: 'show whom the gateway takes you for, and what you have where',
    description:
      'Asks the gateway, with your own token, who you are to it: your id, which of your groups some policy or binding names, when your token ends, and which role you have on what, through whom and until when. With --output json: {principal, tokenExpires, memberships, access, help, policyVersion}.',
    exit: '0 answered, 1 nobody is signed in, or the gateway refuses, 2 wrong arguments.',
    example: 'azureml-harness whoami',
  })
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { whoami: run } = await import('./whoami.ts')
      cli.status = await run(options, cli.io)
    })

const ON_TEXT =
  'ARM id of a workspace, registry, resource group or subscription, or a workspace by its name'

const can = (cli: Cli) =>
  withPolicies(cli, 'can', {
    summary: 'say what you, or somebody else, can do on something',
    description:
      'Without --who it asks the gateway, with your own token, about yourself: no policies are needed. With --who it judges by the policies for somebody else. Either way without facts of a call: "depends" means on those, or on how its caller signed in. PRINCIPAL is Type::"id" with an id or a name of bindings.yaml, or a file with a principal as JSON (see explain --help). With --output json: [{action, may, policies}].',
    exit: '0 it can, 1 it cannot, faults, nobody is signed in or the gateway refuses, 2 wrong arguments.',
    example:
      'azureml-harness can workspaces/jobs/write --on churn\n  azureml-harness can --list --on churn --who Group::scientists --config harness.yaml',
  })
    .argument('[action]', 'an RBAC action, with or without Microsoft.MachineLearningServices/')
    .requiredOption('--on <resource>', ON_TEXT)
    .option('--who <principal>', 'who would do it, by the policies; you, by the gateway, if absent')
    .option('--list', 'all that can be done there, in the place of one action')
    .option(
      '--gateway <url>',
      'the gateway to ask, without --who; that of the last login if absent',
    )
    .option('--ca <file>', 'certificates (PEM) to trust there besides the usual ones')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (action, { who, ...options }) => {
      if (who === undefined) {
        const { ownCan } = await import('./can.ts')
        cli.status = await ownCan(action, options, cli.io)
        return
      }
      const { can: run } = await import('../policy/who-can.ts')
      cli.status = await run(action, { ...options, who }, cli.io)
    })

const whoCan = (cli: Cli) =>
  withPolicies(cli, 'who-can', {
    summary: 'list who can do something, by the policies',
    description:
      'Judges an action on a resource for everybody whom some policy or binding names, without facts of a call: "depends" means on those, or on how its caller signed in. With --output json: [{principal, may, policies}].',
    exit: '0 somebody can, 1 nobody can, or faults, 2 wrong arguments.',
    example: 'azureml-harness who-can workspaces/computes/write --on churn --config harness.yaml',
  })
    .argument('<action>', 'an RBAC action, with or without Microsoft.MachineLearningServices/')
    .requiredOption('--on <resource>', ON_TEXT)
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (action, options) => {
      const { whoCanDo } = await import('../policy/who-can.ts')
      cli.status = await whoCanDo(action, options, cli.io)
    })
