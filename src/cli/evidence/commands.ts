/**
 * `evidence ...`, as it is typed.
 * @module
 */
import { Option } from '@commander-js/extra-typings'
import {
  command,
  group,
  outputOption,
  repeated,
  whole,
  withPolicies,
  type Cli,
} from '../command.ts'

export const evidenceCommands = (cli: Cli) =>
  group(cli, 'evidence', 'Collect what auditors ask for, with the proof that it is complete')
    .addCommand(collecting(cli))
    .addCommand(verifying(cli))

const collecting = (cli: Cli) =>
  withPolicies(cli, 'collect', {
    summary: 'make a bundle of evidence of a period',
    description:
      'Reads the records of spools or of copies of them, the policies, and if given their repository and a copy of the ledger of reviews. Writes tables (CSV), a page for people, the records of a sample, what did not go as the controls say, and a manifest with the digest of each file. Never asks the gateway. It is evidence for controls, and says nothing about whether they suffice.',
    exit: '0 complete, 1 something could not be proved complete, 2 wrong arguments, 3 complete with exceptions.',
    example:
      'azureml-harness evidence collect --from 2026-07-01 --to 2026-10-01 --spool /mnt/spools/a --spool /mnt/spools/b --policies policies --repository --out evidence-2026Q3',
  })
    .requiredOption('--from <time>', 'the beginning of the period, an ISO 8601 time')
    .requiredOption('--to <time>', 'its end, which is not in it')
    .addOption(
      new Option('--spool <dir>', 'a spool or a copy of one; may be repeated').argParser<string[]>(
        repeated,
      ),
    )
    .addOption(
      new Option(
        '--records <file>',
        'records that a sink got, as JSON lines: compared with the spools; may be repeated',
      ).argParser<string[]>(repeated),
    )
    .requiredOption('--out <dir>', 'the folder to make')
    .option(
      '--repository',
      'match policy versions with the commits of the repository that the policies are in',
    )
    .option('--ledger <dir>', 'a copy of the ledger of reviews and grants, with --keys')
    .option('--keys <file>', 'the public keys of reviews, from /_harness/keys')
    .option('--leavers <file>', 'people who have left: a line for each, "issuer/id, time"')
    .addOption(
      new Option(
        '--review <file>',
        'a table of access review start with decisions; may be repeated',
      ).argParser<string[]>(repeated),
    )
    .option('--drift <file>', 'the result of policy drift --output json')
    .option('--mapping <file>', 'controls and criteria of your own (YAML); SOC 2 if absent')
    .option(
      '--sample <n>',
      'requests whose records are in the bundle',
      whole('requests', 0, 10_000),
      25,
    )
    .option('--seed <text>', 'chooses the sample', '1')
    .option('--sign <file>', 'an Ed25519 key (PEM) that signs the manifest')
    .addOption(outputOption())
    .action(async (options) => {
      const { collect } = await import('./collect.ts')
      cli.status = await collect(options, cli.io)
    })

const verifying = (cli: Cli) =>
  command(cli, 'verify', {
    summary: 'check that a bundle of evidence is what was collected',
    description:
      'Compares each file with its digest and its number of rows in the manifest, and finds files that the manifest does not have. With --key also the signature. README.txt in the bundle says how to do the same with sha256sum, jq and openssl.',
    exit: '0 it is, 1 it is not, 2 wrong arguments.',
    example: 'azureml-harness evidence verify evidence-2026Q3 --key public.pem',
  })
    .argument('<folder>', 'the folder of the bundle')
    .option('--key <file>', 'the public key (PEM) of whoever signed it')
    .addOption(outputOption())
    .action(async (folder, options) => {
      const { verifyBundle } = await import('./verify.ts')
      cli.status = await verifyBundle({ ...options, folder }, cli.io)
    })
