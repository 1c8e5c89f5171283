/**
 * `audit ...`, as it is typed.
 * @module
 */
import { Option } from '@commander-js/extra-typings'
import {
  group,
  jsonOption,
  outputOption,
  repeated,
  whole,
  withConfig,
  withGateway,
  type Cli,
} from '../command.ts'

const SPOOL_TEXT =
  "the spool's directory, or a copy of it; with --config the gateway's own if absent"
const TIME_TEXT = 'an ISO 8601 time, or so long ago: 30s, 10m, 2h, 7d'

export const auditCommands = (cli: Cli) =>
  group(cli, 'audit', 'Read, verify and reconcile the audit trail')
    .addCommand(cat(cli))
    .addCommand(search(cli))
    .addCommand(verify(cli))
    .addCommand(reconcile(cli))
    .addCommand(ship(cli))

const cat = (cli: Cli) =>
  withConfig(cli, 'cat', {
    summary: 'print the records of an audit spool',
    description:
      'Prints what was asked, by whom and with what outcome, in order. In the table the records of one request are one line; with --output json every record is a line of its own, with every column.',
    exit: '0 done, 1 nothing to read, or a record is damaged, 2 wrong arguments.',
    example: 'azureml-harness audit cat spool --refused --since 10m',
  })
    .argument('[spool]', SPOOL_TEXT)
    .option('--refused', 'only what was refused')
    .option('--secrets', 'only what hands out keys, tokens or SAS')
    .option('--who <text>', 'only calls of principals whose id contains this')
    .addOption(
      new Option(
        '--where <condition>',
        'COLUMN=VALUE, COLUMN!=VALUE or COLUMN~TEXT (contains), by the columns of docs/audit.md, without case; may be repeated, and then all must hold',
      ).argParser<string[]>(repeated),
    )
    .option('--since <time>', TIME_TEXT)
    .option('--until <time>', TIME_TEXT)
    .addOption(
      new Option(
        '--follow',
        'print what comes from now on, or from --since on, until interrupted',
      ).conflicts('until'),
    )
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (spool, options) => {
      const { auditCat } = await import('./cat.ts')
      cli.status = await auditCat({ ...options, spool }, cli.io)
    })

const search = (cli: Cli) =>
  withGateway(cli, 'search', {
    summary: 'find records by the gateway, as far as you may know them',
    description:
      'Asks the gateway, with your own token, for records: your own, and those of others where policy lets you (AzureMLHarness/records/read). The newest first; in the table the records of one request are one line. Says where they are from, as of when, and whether they are complete. With --output json: {source, from, asOf, complete, faults, since, until, value: [record]}.',
    exit: '0 answered, 1 nobody is signed in, or the gateway refuses, 2 wrong arguments.',
    example: 'azureml-harness audit search --workspace churn --outcome refused --since 2h',
  })
    .option('--who <id>', 'only what this principal did; "me" for yourself')
    .option('--decision <id>', 'only the records of one call')
    .option('--action <name>', 'only this RBAC action')
    .option('--resource <id>', 'only what is about this ARM id, or inside of it')
    .option('--workspace <workspace>', 'the same for a workspace of yours, by its name')
    .addOption(
      new Option('--outcome <outcome>', 'only these calls').choices(['permitted', 'refused']),
    )
    .option('--refusal <code>', 'only refusals with this code, as policy_refused')
    .addOption(
      new Option(
        '--secrets <which>',
        'only what hands out keys, tokens or SAS, or all else',
      ).choices(['true', 'false']),
    )
    .option('--since <time>', `${TIME_TEXT}; a day ago if absent`)
    .option('--until <time>', TIME_TEXT)
    .option('--review <id>', 'only what a review is about')
    .option('--source <address>', 'only from this IP address')
    .option('--limit <count>', 'most records', whole('records', 1, 100_000), 200)
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (options) => {
      const { auditSearch } = await import('./search.ts')
      cli.status = await auditSearch(options, cli.io)
    })

const verify = (cli: Cli) =>
  withConfig(cli, 'verify', {
    summary: 'check the hash chain and the signatures of an audit spool',
    description:
      'Reads every record of a spool or of a copy of one; needs neither the gateway nor its configuration. Names the first group of records in which something was edited, inserted, deleted or moved. With --output json: one object for each chain.',
    exit: '0 valid, 1 broken or nothing to read, 2 wrong arguments.',
    example:
      'azureml-harness audit verify /var/lib/azureml-harness/spool --key-id 40c9e43de5132bfc',
  })
    .argument('[spool]', SPOOL_TEXT)
    .addOption(
      new Option(
        '--key-id <id>',
        'accept checkpoints of this key only (the id is in every checkpoint that was shipped); may be repeated',
      ).argParser<string[]>(repeated),
    )
    .option(
      '--at-least <seq>',
      'the last record that a sink has: a chain that ends before it was cut',
      whole('records', 0),
    )
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (spool, options) => {
      const { auditVerify } = await import('./verify.ts')
      cli.status = await auditVerify({ ...options, spool }, cli.io)
    })

const reconcile = (cli: Cli) =>
  withConfig(cli, 'reconcile', {
    summary: 'compare an audit spool with what a sink stored',
    description:
      "Azure Monitor's 204 means accepted, not stored. This compares hour by hour, by EventUid or by number. The rows are JSON lines, a JSON array, or an answer of the Log Analytics query API; with EventUid and EventTime, or with Hour and Records (function AmlHarnessAuditCounts). Leave out the last minutes with --until: they may still be on their way. With --output json: one object an hour.",
    exit: '0 nothing is missing, 1 something is, 2 wrong arguments.',
    example:
      "az monitor log-analytics query -w WORKSPACE --analytics-query 'AmlHarnessAuditUnique | project EventUid' > rows.json &&\n  azureml-harness audit reconcile spool --rows rows.json --until 10m",
  })
    .argument('[spool]', SPOOL_TEXT)
    .requiredOption('--rows <file>', "the sink's rows")
    .option('--since <time>', TIME_TEXT)
    .option('--until <time>', TIME_TEXT)
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (spool, options) => {
      const { auditReconcile } = await import('./reconcile.ts')
      cli.status = await auditReconcile({ ...options, spool }, cli.io)
    })

const ship = (cli: Cli) =>
  withConfig(cli, 'ship', {
    summary: 'send the records that a gateway that is gone left in its spool',
    description:
      'For the volume of a replica that does not come back. Opens the spool as a gateway does (under its lock, repaired, with an end on record for each request that has none) and sends what the sinks of the configuration do not have yet. The spool stays where it is. Refuses a spool that a gateway runs on.',
    exit: '0 each sink has every record, 1 not in time, 2 wrong arguments.',
    example: 'azureml-harness audit ship /mnt/spool-azureml-harness-2/spool --config harness.yaml',
  })
    .argument('<spool>', "the spool's directory")
    .addOption(
      new Option('--timeout <seconds>', 'for all of it')
        .argParser(whole('seconds', 1))
        .default(600, '600'),
    )
    .addOption(outputOption())
    .addOption(jsonOption())
    .action(async (spool, options) => {
      const { auditShip } = await import('./ship.ts')
      cli.status = await auditShip({ ...options, spool }, cli.io)
    })
