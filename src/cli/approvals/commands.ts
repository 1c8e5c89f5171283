/**
 * The commands about reviews, `approvals ...`, as they are typed.
 * @module
 */
import { Option } from '@commander-js/extra-typings'
import {
  command,
  group,
  jsonOption,
  outputOption,
  whole,
  withGateway,
  type Cli,
} from '../command.ts'

const STATES = [
  'open',
  'approved',
  'rejected',
  'withdrawn',
  'expired',
  'used',
  'damaged',
  'due',
  'overdue',
  'all',
]
const EXIT_DONE = '0 done, 1 no such review, or the gateway refuses, 2 wrong arguments.'
const WAIT_MINUTES = 30
const LIST_LIMIT = 200

export const approvalCommands = (cli: Cli) =>
  group(cli, 'approvals', 'review changes, and follow the reviews of yours')
    .addCommand(list(cli))
    .addCommand(show(cli))
    .addCommand(verdict(cli, 'approve', 'approve a change: its author can then make it'))
    .addCommand(verdict(cli, 'reject', 'reject a change, for good; its author is told why'))
    .addCommand(comment(cli))
    .addCommand(verdict(cli, 'withdraw', 'withdraw a request of yours'))
    .addCommand(request(cli))
    .addCommand(remind(cli))
    .addCommand(override(cli))
    .addCommand(wait(cli))
    .addCommand(exported(cli))
    .addCommand(verify(cli))

const list = (cli: Cli) =>
  withGateway(cli, 'list', {
    summary: 'list reviews that you see',
    description:
      'Lists reviews that are yours, that you can give a verdict on, or that policy lets you see; those that are open if --state names no others. What waits comes with the oldest first, all else with the latest first. With --output json: [{id, state, asked, until, author, method, action, resource, reason, ticket}].',
    exit: '0 done, 1 nobody is signed in, or the gateway refuses, 2 wrong arguments.',
    example: 'azureml-harness approvals list --to-me',
  })
    .option('--to-me', 'those that you can give a verdict on')
    .addOption(new Option('--mine', 'those that you asked for').conflicts('toMe'))
    .addOption(new Option('--state <state>', 'their state').choices(STATES).default('open'))
    .option('--since <day>', 'those asked for since then, in UTC, as 2026-11-01')
    .option('--limit <n>', 'at most so many', whole('limit', 1), LIST_LIMIT)
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { listReviews } = await import('./list.ts')
      cli.status = await listReviews(options, cli.io)
    })

const show = (cli: Cli) =>
  withGateway(cli, 'show', {
    summary: 'show one review: what would change, who has a part in it, who has said what',
    description:
      'Shows the differences between what is there now and what would be there, with secrets hidden; the lineage of the models in it; the verdicts so far; and what is still missing.',
    exit: EXIT_DONE,
    example: 'azureml-harness approvals show k3f5q2m7x2v4b6ta-1',
  })
    .argument('<id>', 'the id of the review, as a refusal names it')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (id, options) => {
      const { showReview } = await import('./show.ts')
      cli.status = await showReview(id, options, cli.io)
    })

const comment = (cli: Cli) =>
  verdict(cli, 'comment', 'say something about a change, without deciding')
    .argument('[text]', 'what to say, if --comment does not')
    .action(async (id, said, options) => {
      const { decide } = await import('./decide.ts')
      const words = said === undefined ? {} : { comment: said }
      cli.status = await decide('comment', id, { ...words, ...options }, cli.io)
    })

const verdict = (cli: Cli, name: 'approve' | 'reject' | 'comment' | 'withdraw', summary: string) =>
  withGateway(cli, name, {
    summary,
    description: `${summary[0]?.toUpperCase()}${summary.slice(1)}. The verdict is about what the review shows at this moment.`,
    exit: EXIT_DONE,
    example: `azureml-harness approvals ${name} k3f5q2m7x2v4b6ta-1 --comment "..."`,
  })
    .argument('<id>', 'the id of the review')
    .option('--comment <text>', 'in words; its author is shown them')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (id, options) => {
      const { decide } = await import('./decide.ts')
      cli.status = await decide(name, id, options, cli.io)
    })

const request = (cli: Cli) =>
  withGateway(cli, 'request', {
    summary: 'ask for a review of a change, without making it',
    description:
      'Sends the call that would make the change, with a header that keeps the gateway from making it. The same call can be made once it is approved.',
    exit: '0 it has a review, 1 it needs none, or the gateway refuses, 2 wrong arguments.',
    example:
      'azureml-harness approvals request --call "PUT /subscriptions/.../onlineEndpoints/e?api-version=2024-04-01" --body endpoint.json --reason "new model"',
  })
    .requiredOption('--call <call>', 'method, path and query of the call')
    .option('--body <file>', 'its body, a JSON file')
    .option('--reason <text>', 'why; reviewers are shown it')
    .option('--ticket <text>', 'a ticket; reviewers are shown it')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { requestReview } = await import('./request.ts')
      cli.status = await requestReview(options, cli.io)
    })

const remind = (cli: Cli) =>
  withGateway(cli, 'remind', {
    summary: 'tell the channels of a review again',
    description:
      'Tells the channels that the gateway notifies that a review is still open; at most once an hour.',
    exit: EXIT_DONE,
    example: 'azureml-harness approvals remind k3f5q2m7x2v4b6ta-1',
  })
    .argument('<id>', 'the id of the review')
    .action(async (id, options) => {
      const { remindOf } = await import('./remind.ts')
      cli.status = await remindOf(id, options, cli.io)
    })

const exported = (cli: Cli) =>
  withGateway(cli, 'export', {
    summary: "write what was approved as parameters of Azure's own policy, or all documents",
    description:
      'Prints the models of registries in reviews that you see and that are approved or used, as parameters of the built-in policy 12e5dd16-d201-47ff-849b-8454061c293d, which lets deployments have these models only, whoever makes them and by whichever way. With --add, models that are allowed anyway. With --documents and --keys, the documents in a copy of the ledger, as JSON lines without a gateway: {kind: "document", name, id, verified, document} of each, and at last {kind: "population"} with what is forged, missing or overdue and the digest of all names.',
    exit: '0 done, 1 the gateway refuses, or documents are forged or missing, 2 wrong arguments.',
    example: 'azureml-harness approvals export > parameters.json',
  })
    .option('--add <id...>', 'asset ids to have besides, as azureml://registries/NAME/models/NAME')
    .addOption(
      new Option('--effect <effect>', 'of the policy')
        .choices(['Audit', 'Deny', 'Disabled'])
        .default('Deny'),
    )
    .option('--azure-policy', "as parameters of Azure's policy; so it is if nothing else is said")
    .addOption(
      new Option('--documents <directory>', 'all documents of this copy of the ledger').conflicts(
        'azurePolicy',
      ),
    )
    .option('--keys <file>', 'with --documents: public keys, as a JSON file')
    .option('--since <time>', 'with --documents: of what was asked for or changed since then')
    .option('--until <time>', 'with --documents: and until then')
    .action(async (options) => {
      const { exported: write } = await import('./export.ts')
      cli.status = await write(options, cli.io)
    })

const override = (cli: Cli) =>
  withGateway(cli, 'override', {
    summary: 'let a change through before its review, in an emergency',
    description:
      'Lets the author make the change once, within an hour. It is on record as an alarm, and others review it afterwards within 72 hours; what is not reviewed by then is listed with --state overdue.',
    exit: EXIT_DONE,
    example:
      'azureml-harness approvals override k3f5q2m7x2v4b6ta-1 --reason "scoring is down" --ticket INC-4711',
  })
    .argument('<id>', 'the id of the review')
    .requiredOption('--reason <text>', 'why it cannot wait')
    .requiredOption('--ticket <text>', 'the ticket of the emergency')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (id, { reason, ...options }) => {
      const { decide } = await import('./decide.ts')
      cli.status = await decide('override', id, { ...options, comment: reason }, cli.io)
    })

const wait = (cli: Cli) =>
  withGateway(cli, 'wait', {
    summary: 'wait until a review is decided',
    description:
      'Asks again until the review is no longer open. For pipelines: the same call can be made once it is approved.',
    exit: '0 approved, 1 no such review, or the gateway refuses, 2 wrong arguments, 3 rejected, 4 still open, 5 withdrawn, expired or used.',
    example: 'azureml-harness approvals wait k3f5q2m7x2v4b6ta-1 --minutes 60',
  })
    .argument('<id>', 'the id of the review')
    .option('--minutes <n>', 'for how long', whole('minutes', 1), WAIT_MINUTES)
    .action(async (id, options) => {
      const { waitFor } = await import('./wait.ts')
      cli.status = await waitFor(id, options, cli.io)
    })

const verify = (cli: Cli) =>
  command(cli, 'verify', {
    summary: 'check a copy of a ledger, without the gateway',
    description:
      'Checks every document of a ledger: that one of the keys has signed it, that it stands under its own name, that each use has the request and the verdicts that it needed, and that nobody approved a grant of their own. KEYS is what /_harness/keys of the gateway answers. With --output json: {reviews, grants, documents, faults: [{name, what}]}.',
    exit: '0 all of it holds, 1 something does not, or there is nothing, 2 wrong arguments.',
    example: 'azureml-harness approvals verify reviews --keys keys.json',
  })
    .argument('<directory>', 'the folder of the ledger')
    .requiredOption('--keys <file>', 'public keys, as a JSON file')
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (directory, options) => {
      const { verifyLedger } = await import('./verify.ts')
      cli.status = await verifyLedger(directory, options, cli.io)
    })
