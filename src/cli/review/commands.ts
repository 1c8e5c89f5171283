/**
 * `access review ...`, as it is typed.
 * @module
 */
import { Option } from '@commander-js/extra-typings'
import { group, outputOption, repeated, whole, withPolicies, type Cli } from '../command.ts'

const DUE_DAYS = 30
const MAX_DUE_DAYS = 366

export const reviewCommands = (cli: Cli) =>
  group(cli, 'review', 'have people look over who may do what, and carry out what they decide')
    .addCommand(starting(cli))
    .addCommand(applying(cli))

const starting = (cli: Cli) =>
  withPolicies(cli, 'start', {
    summary: 'write a table of all access, for reviewers to decide about',
    description:
      'Writes a row for each binding, and for each policy that permits by itself: who, what, where, through what and until when; how many calls of the period it permitted, whose they were, the last of them; and how many of all calls of the period would have been decided otherwise without it, found by judging the records again. The file is CSV. Reviewers fill in the columns decision (keep, remove, shorten-until), new_until, decision_reason, reviewed_by and reviewed_at, and nothing else. With --output json: {out, review, rows, complete, gaps}.',
    exit: '0 written, 1 there is nothing to review, the file is there, or faults, 2 wrong arguments.',
    example:
      'azureml-harness access review start --quarter 2026Q3 --config harness.yaml --spool /mnt/spools/a --spool /mnt/spools/b --out review-2026Q3.csv',
  })
    .option('--quarter <quarter>', 'the period, as in 2026Q3')
    .option('--from <time>', 'instead, its beginning, an ISO 8601 time')
    .option('--to <time>', 'and its end, which is not in it')
    .addOption(
      new Option('--spool <dir>', 'a spool or a copy of one; may be repeated').argParser<string[]>(
        repeated,
      ),
    )
    .addOption(
      new Option(
        '--records <file>',
        'records that a sink got, as JSON lines; may be repeated',
      ).argParser<string[]>(repeated),
    )
    .requiredOption('--out <file>', 'the file to write, which must not be there')
    .option(
      '--reviewer <principal>',
      'only what this principal approves by requests.yaml, as in Group::"ml-owners"',
    )
    .option(
      '--due-days <n>',
      'days after the period until when it is to be decided and carried out',
      whole('days', 1, MAX_DUE_DAYS),
      DUE_DAYS,
    )
    .addOption(outputOption())
    .action(async (options) => {
      const { startReview } = await import('./start.ts')
      cli.status = await startReview(options, cli.io)
    })

const applying = (cli: Cli) =>
  withPolicies(cli, 'apply', {
    summary: 'carry out what reviewers decided, on the files of the bindings',
    description:
      'Takes out bindings with the decision remove, and gives those with shorten-until an earlier end. Changes all of it or nothing: a row without a reason, of a binding that is not there or has changed since, of somebody who decides about access of their own, with a later end than before, or that was changed in other columns is a fault. Rows without a decision are left alone and counted. With --output json: {changes: [{binding, decision, until}], kept, undecided, files, applied, branch, commit}.',
    exit: '0 carried out, 1 faults, and nothing was changed, 2 wrong arguments.',
    example: 'azureml-harness access review apply review-2026Q3.csv --policies policies --branch',
  })
    .argument('<file...>', 'tables of access review start, with decisions')
    .option('--dry-run', 'say what would be changed, and change nothing')
    .option(
      '--branch [name]',
      'commit the changes to a new branch of the clone that the policies are in; the checkout stays as it is',
    )
    .addOption(outputOption())
    .action(async (files, options) => {
      const { applyReview } = await import('./apply.ts')
      cli.status = await applyReview({ ...options, files }, cli.io)
    })
