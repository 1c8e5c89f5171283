/**
 * `audit cat DIR`: the records of a spool, as a table or as JSON.
 * @module
 */
import { resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import {
  browse,
  meets,
  type Browsed,
  type Filter,
  type Progress,
} from '../../audit/inspect/browse.ts'
import { COLUMNS } from '../../audit/record/columns.ts'
import { chainsIn } from '../../audit/inspect/verify.ts'
import { EXIT, type Command } from '../io.ts'

const FOLLOW_MS = 300
/** Table columns with their widths; the last one takes what is left. */
const TABLE: readonly [string, number][] = [
  ['EventTime', 24],
  ['RecordKind', 10],
  ['Decision', 8],
  ['Outcome', 12],
  ['Status', 6],
  ['PrincipalId', 40],
  ['Action', 60],
  ['TargetResourceId', 0],
]

export const auditCat: Command = {
  summary: 'print the records of an audit spool',
  help: `Usage: azureml-harness audit cat DIR [--where COLUMN=VALUE]... [--since TIME] [--until TIME] [--follow] [--json]

Prints records in order, as a table or, with --json, as one JSON object a line with every column.

  --where COLUMN=VALUE   only records with this value; may be repeated, and then all must hold
  --since, --until TIME  ISO 8601 times
  --follow               wait for more until interrupted

Exit status: 0 done, 1 nothing to read, 2 wrong arguments.
Example: azureml-harness audit cat spool --where RecordKind=refused --since 2026-11-21T08:00:00Z`,
  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        where: { type: 'string', multiple: true },
        since: { type: 'string' },
        until: { type: 'string' },
        follow: { type: 'boolean' },
        json: { type: 'boolean' },
      },
    })
    const [directory, ...others] = positionals
    const filter = filterOf(values.where ?? [], values.since, values.until)
    if (directory === undefined || others.length > 0 || typeof filter === 'string') {
      io.err(typeof filter === 'string' ? filter : 'audit cat needs one DIR')
      return EXIT.usage
    }
    const json = values.json === true
    const chains = chainsIn(resolve(io.cwd, directory)).map((path) => ({
      path,
      progress: new Map<string, number>() satisfies Progress,
    }))
    if (chains.length === 0) {
      io.err(`no audit chain in "${directory}"`)
      return EXIT.failed
    }
    if (!json) io.out(TABLE.map(([name, width]) => name.padEnd(width)).join(' '))
    for (;;) {
      for (const { path, progress } of chains) {
        for (const row of browse(path, progress)) {
          if (meets(row.columns, filter)) io.out(json ? row.text : tableLine(row))
        }
      }
      if (values.follow !== true || io.signal.aborted) return EXIT.ok
      await wait(FOLLOW_MS, undefined, { signal: io.signal }).catch(() => {})
    }
  },
}

/** The filter, or what is wrong with it. */
function filterOf(
  where: readonly string[],
  since: string | undefined,
  until: string | undefined,
): Filter | string {
  const equal = new Map<string, string>()
  for (const condition of where) {
    const at = condition.indexOf('=')
    const name = condition.slice(0, at)
    if (at < 1 || !Object.hasOwn(COLUMNS, name)) return `"${condition}" names no column`
    equal.set(name, condition.slice(at + 1))
  }
  const from = since === undefined ? -Infinity : Date.parse(since)
  const to = until === undefined ? Infinity : Date.parse(until)
  if (Number.isNaN(from) || Number.isNaN(to)) return '--since and --until take ISO 8601 times'
  return { equal, since: from, until: to }
}

function cell(columns: Browsed['columns'], name: string): string {
  const value = columns.get(name) ?? (name === 'Action' ? columns.get('Event') : undefined)
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '-'
}

function tableLine({ columns }: Browsed): string {
  return TABLE.map(([name, width]) => {
    const text = cell(columns, name)
    return width === 0 ? text : text.slice(0, width).padEnd(width)
  }).join(' ')
}
