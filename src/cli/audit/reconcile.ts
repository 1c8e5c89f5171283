/**
 * `audit reconcile DIR --rows FILE`: the spool against what a sink has, hour by hour.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { parseRows, reconcile, type Hour } from '../../audit/inspect/reconcile.ts'
import { chainsIn } from '../../audit/inspect/verify.ts'
import { EXIT, type Command } from '../io.ts'

export const auditReconcile: Command = {
  summary: 'compare an audit spool with what a sink stored',
  help: `Usage: azureml-harness audit reconcile DIR --rows FILE [--since TIME] [--until TIME] [--json]

Azure Monitor's 204 means accepted, not stored. This compares hour by hour, by EventUid or by number.

  --rows FILE            the sink's rows: JSON lines, a JSON array, or an answer of the Log Analytics query API;
                         with EventUid and EventTime, or with Hour and Records (function AmlHarnessAuditCounts)
  --since, --until TIME  ISO 8601 times; leave out the last minutes, which may still be on their way
  --json                 one JSON object an hour

Exit status: 0 nothing is missing, 1 something is, 2 wrong arguments.
Example: az monitor log-analytics query -w WORKSPACE --analytics-query 'AmlHarnessAuditUnique | project EventUid' \\
           > rows.json && azureml-harness audit reconcile spool --rows rows.json`,
  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        rows: { type: 'string' },
        since: { type: 'string' },
        until: { type: 'string' },
        json: { type: 'boolean' },
      },
    })
    const [directory, ...others] = positionals
    const since = values.since === undefined ? -Infinity : Date.parse(values.since)
    const until = values.until === undefined ? Infinity : Date.parse(values.until)
    if (directory === undefined || others.length > 0 || values.rows === undefined) {
      io.err('audit reconcile needs one DIR and --rows FILE')
      return EXIT.usage
    }
    if (Number.isNaN(since) || Number.isNaN(until)) {
      io.err('--since and --until take ISO 8601 times')
      return EXIT.usage
    }
    const rows = parseRows(await readFile(resolve(io.cwd, values.rows), 'utf8'))
    const chains = chainsIn(resolve(io.cwd, directory))
    const hours = chains.flatMap((chain) => reconcile(chain, rows, { since, until }))
    for (const hour of hours) io.out(values.json === true ? JSON.stringify(hour) : textOf(hour))
    const missing = hours.reduce((sum, hour) => sum + hour.missing, 0)
    if (missing > 0) io.err(`${missing} records are not at the sink`)
    return missing > 0 ? EXIT.failed : EXIT.ok
  },
}

function textOf(hour: Hour): string {
  const { spool, sink, missing, duplicates, firstMissing } = hour
  const first = firstMissing === null ? '' : `, first ${firstMissing}`
  return `${hour.hour}:00Z  spool ${spool}  sink ${sink}  missing ${missing}${first}  duplicates ${duplicates}`
}
