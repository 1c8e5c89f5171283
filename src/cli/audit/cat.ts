/**
 * `audit cat DIR`: the records of a spool, as a table or as JSON.
 * @module
 */
import { setTimeout as wait } from 'node:timers/promises'
import {
  browse,
  meets,
  type Browsed,
  type Filter,
  type Progress,
} from '../../audit/inspect/browse.ts'
import { COLUMNS } from '../../audit/record/columns.ts'
import { chainsIn } from '../../audit/inspect/verify.ts'
import { EXIT, type Io } from '../io.ts'
import type { Output } from '../output.ts'
import { UsageError } from '../problem.ts'
import { rangeOf, spoolDirectory } from './given.ts'

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

export interface CatOptions {
  readonly config?: string | undefined
  readonly spool?: string | undefined
  readonly where?: string[] | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly follow?: true | undefined
  readonly output: Output
}

export async function auditCat(options: CatOptions, io: Io): Promise<number> {
  const filter: Filter = { equal: conditionsOf(options.where ?? []), ...rangeOf(options, io.now()) }
  const directory = await spoolDirectory(options, io)
  const json = options.output === 'json'
  const chains = chainsIn(directory).map((path) => ({
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
    if (options.follow !== true || io.signal.aborted) return EXIT.ok
    await wait(FOLLOW_MS, undefined, { signal: io.signal }).catch(() => {})
  }
}

/** @throws UsageError for what names no column */
function conditionsOf(where: readonly string[]): ReadonlyMap<string, string> {
  const equal = new Map<string, string>()
  for (const condition of where) {
    const at = condition.indexOf('=')
    const name = condition.slice(0, at)
    if (at < 1 || !Object.hasOwn(COLUMNS, name))
      throw new UsageError(`"${condition}" names no column`)
    equal.set(name, condition.slice(at + 1))
  }
  return equal
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
