/**
 * The commands about access for a time, `access ...`, as they are typed.
 * @module
 */
import { Option } from '@commander-js/extra-typings'
import { reviewCommands } from '../review/commands.ts'
import { group, jsonOption, outputOption, whole, withGateway, type Cli } from '../command.ts'

const STATES = [
  'current',
  'open',
  'active',
  'denied',
  'ended',
  'expired',
  'void',
  'damaged',
  'all',
] as const
const EXIT_DONE = '0 done, 1 no such grant, or the gateway refuses, 2 wrong arguments.'
const EXAMPLE_ID = 'k3f5q2m7x2v4b6ta-1'
const WAIT_MINUTES = 30
const FOR_TEXT = 'for how long, such as 30m, 8h or 7d; what requests.yaml says if absent'
const ON_TEXT =
  'ARM id of a workspace, registry, resource group or subscription, or a workspace by its name'

export const grantCommands = (cli: Cli) =>
  group(
    cli,
    'access',
    'ask for access for a time, decide about what others ask for, and review all access',
  )
    .addCommand(request(cli))
    .addCommand(list(cli))
    .addCommand(show(cli))
    .addCommand(approve(cli))
    .addCommand(deny(cli))
    .addCommand(extend(cli))
    .addCommand(end(cli))
    .addCommand(grant(cli))
    .addCommand(wait(cli))
    .addCommand(reviewCommands(cli))

const request = (cli: Cli) =>
  withGateway(cli, 'request', {
    summary: 'ask for access: for a refused call, or for a role on a resource',
    description:
      'Asks for a role for a time, as requests.yaml offers it. With REFUSAL it is the role with the fewest actions that would permit the refused call; otherwise --template and --on say what is asked for. Where a reason is enough, it counts at once; otherwise from when its approvers have approved it. With --output json: the grant, as access show has it.',
    exit: '0 it counts, 1 it is not offered, or the gateway refuses, 2 wrong arguments, 4 it waits for its approvers.',
    example:
      'azureml-harness access request --template data-scientist --on churn --for 8h --reason "on call"',
  })
    .argument(
      '[refusal]',
      'what follows "why" in a refusal: its id and what was refused, or its link',
    )
    .option('--template <role>', 'the role')
    .option('--on <resource>', ON_TEXT)
    .option('--for <time>', FOR_TEXT)
    .requiredOption('--reason <text>', 'why; approvers are shown it, and it is on record')
    .option('--ticket <text>', 'a ticket')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (refusal, options) => {
      const { requestAccess } = await import('./ask.ts')
      cli.status = await requestAccess(refusal, options, cli.io)
    })

const grant = (cli: Cli) =>
  withGateway(cli, 'grant', {
    summary: 'give access to somebody, for a time',
    description:
      'Gives a role to a person or a service without being asked, for whoever approves such requests. It counts as your approval, and gives nothing to whom requests.yaml would not let ask for it.',
    exit: '0 it counts, 1 you do not approve it, or the gateway refuses, 2 wrong arguments, 4 it waits for other approvers.',
    example:
      'azureml-harness access grant --to \'User::"okta/00u1"\' --template reader --on churn --reason "audit"',
  })
    .requiredOption('--to <principal>', 'who gets it: User::"ID" or Service::"ID"')
    .requiredOption('--template <role>', 'the role')
    .requiredOption('--on <resource>', ON_TEXT)
    .option('--for <time>', FOR_TEXT)
    .requiredOption('--reason <text>', 'why')
    .option('--ticket <text>', 'a ticket')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { giveAccess } = await import('./ask.ts')
      cli.status = await giveAccess(options, cli.io)
    })

const list = (cli: Cli) =>
  withGateway(cli, 'list', {
    summary: 'list requests and grants that you see',
    description:
      'Lists what you hold or asked for, what you decide about, and what policy lets you see; what is open or counts now if --state names nothing else. With --output json: [{id, state, asked, since, until, for, grantee, by, template, resource, reason, ticket, extension, mayApprove}].',
    exit: '0 done, 1 nobody is signed in, or the gateway refuses, 2 wrong arguments.',
    example: 'azureml-harness access list --to-me',
  })
    .option('--to-me', 'those that wait for your verdict')
    .addOption(new Option('--mine', 'those that you hold or asked for').conflicts('toMe'))
    .addOption(
      new Option('--state <state>', 'their state').choices(STATES).default('current' as const),
    )
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { listGrants } = await import('./list.ts')
      cli.status = await listGrants(options, cli.io)
    })

const show = (cli: Cli) =>
  withGateway(cli, 'show', {
    summary: 'show one grant: what it gives to whom and until when, and who has said what',
    description:
      'Shows a request or a grant. A grant is void once its rule in requests.yaml or its role has changed, or its holder is none of those who may ask for it.',
    exit: EXIT_DONE,
    example: `azureml-harness access show ${EXAMPLE_ID}`,
  })
    .argument('<id>', 'the id of the grant')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (id, options) => {
      const { showGrant } = await import('./show.ts')
      cli.status = await showGrant(id, options, cli.io)
    })

const approve = (cli: Cli) => verdict(cli, 'approve', 'approve a request, or its extension')
const deny = (cli: Cli) => verdict(cli, 'deny', 'deny a request, or its extension, for good')
const end = (cli: Cli) => verdict(cli, 'end', 'end a grant before its time, or take back a request')

const ABOUT = {
  approve: 'The verdict is about what the grant shows at this moment. Nobody approves their own.',
  deny: 'The verdict is about what the grant shows at this moment.',
  end: 'For its holder, whoever asked for it, its approvers, and whoever policy permits it. It counts at once at the replica that is asked, and within 15 seconds at all others.',
}

const verdict = (cli: Cli, name: 'approve' | 'deny' | 'end', summary: string) =>
  withGateway(cli, name, {
    summary,
    description: `${summary[0]?.toUpperCase()}${summary.slice(1)}. ${ABOUT[name]}`,
    exit: EXIT_DONE,
    example: `azureml-harness access ${name} ${EXAMPLE_ID} --comment "..."`,
  })
    .argument('<id>', 'the id of the grant')
    .option('--comment <text>', 'in words; whoever sees the grant is shown them')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (id, options) => {
      const { decide } = await import('./decide.ts')
      cli.status = await decide(name, id, options, cli.io)
    })

const extend = (cli: Cli) =>
  withGateway(cli, 'extend', {
    summary: 'have a grant last longer',
    description:
      'Asks for more time, or gives it as an approver of such requests. It is approved like the request; together they last no longer than requests.yaml says.',
    exit: '0 it lasts longer, 1 no such grant, or the gateway refuses, 2 wrong arguments, 4 it waits for its approvers.',
    example: `azureml-harness access extend ${EXAMPLE_ID} --for 4h --reason "still on call"`,
  })
    .argument('<id>', 'the id of the grant')
    .requiredOption('--for <time>', 'how much longer, such as 30m, 8h or 7d')
    .requiredOption('--reason <text>', 'why')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (id, options) => {
      const { extend: run } = await import('./decide.ts')
      cli.status = await run(id, options, cli.io)
    })

const wait = (cli: Cli) =>
  withGateway(cli, 'wait', {
    summary: 'wait until a request is decided',
    description: 'Asks again until the request is no longer open.',
    exit: '0 it counts, 1 no such grant, or the gateway refuses, 2 wrong arguments, 3 denied, 4 still open, 5 ended, expired or void.',
    example: `azureml-harness access wait ${EXAMPLE_ID} --minutes 60`,
  })
    .argument('<id>', 'the id of the grant')
    .option('--minutes <n>', 'for how long', whole('minutes', 1), WAIT_MINUTES)
    .action(async (id, options) => {
      const { waitFor } = await import('./wait.ts')
      cli.status = await waitFor(id, options, cli.io)
    })
