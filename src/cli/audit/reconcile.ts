/**
 * `audit reconcile DIR --rows FILE`: the spool against what a sink has, hour by hour.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseRows, reconcile, type Hour } from '../../audit/inspect/reconcile.ts'
import { chainsIn } from '../../audit/inspect/verify.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output, type Result } from '../output.ts'
import { rangeOf, spoolDirectory } from './given.ts'
import { spoolRows } from './spool-rows.ts'

export interface ReconcileOptions {
  readonly config?: string | undefined
  readonly spool?: string | undefined
  readonly rows: string
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly output: Output
}

export async function auditReconcile(options: ReconcileOptions, io: Io): Promise<number> {
  const { since, until } = rangeOf(options, io.now())
  const directory = await spoolDirectory(options, io)
  const rows = parseRows(await readFile(resolve(io.cwd, options.rows), 'utf8'))
  if (chainsIn(directory).length === 0) {
    io.err(`no audit chain in "${directory}"`)
    return EXIT.failed
  }
  let isValid = true
  const records = spoolRows(directory, io, ({ kind }) => {
    if (kind === 'damaged') isValid = false
  })
  const hours = await reconcile(records, rows, { since, until })
  for (const hour of hours) show(io, options.output, resultOf(hour))
  const missing = hours.reduce((sum, hour) => sum + hour.missing, 0)
  if (missing > 0) io.err(`${missing} records are not at the sink`)
  return missing > 0 || !isValid ? EXIT.failed : EXIT.ok
}

function resultOf(hour: Hour): Result {
  const { spool, sink, missing, firstMissing, duplicates } = hour
  return {
    json: () => hour,
    table: () => [textOf(hour)],
    tsv: () => [[hour.hour, spool, sink, missing, firstMissing, duplicates]],
  }
}

function textOf(hour: Hour): string {
  const { spool, sink, missing, duplicates, firstMissing } = hour
  const first = firstMissing === null ? '' : `, first ${firstMissing}`
  return `${hour.hour}:00Z  spool ${spool}  sink ${sink}  missing ${missing}${first}  duplicates ${duplicates}`
}
