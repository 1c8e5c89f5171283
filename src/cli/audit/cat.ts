/**
 * `audit cat`: the requests and records of a spool, as a table, as JSON or as tab-separated values.
 * @module
 */
import { bytesIn, readSpool, type SpooledRow } from '../../audit/inspect/stream.ts'
import { withOcsf } from '../../audit/record/ocsf.ts'
import { chainsIn } from '../../audit/inspect/verify.ts'
import { EXIT, type Io } from '../io.ts'
import type { Output } from '../output.ts'
import { createProgress } from '../progress.ts'
import { conditionsOf, isInTime, type ConditionOptions, type Conditions } from './conditions.ts'
import { follow } from './follow.ts'
import { spoolDirectory } from './given.ts'
import { HEADING, tableLine, tsvOf } from './lines.ts'
import { createJoiner, type Joined } from './requests.ts'
import { damageText } from './spool-rows.ts'

export interface CatOptions extends ConditionOptions {
  readonly config?: string | undefined
  readonly spool?: string | undefined
  readonly follow?: true | undefined
  readonly output: Output
}

export async function auditCat(options: CatOptions, io: Io): Promise<number> {
  const conditions = conditionsOf(options, io)
  const directory = await spoolDirectory(options, io)
  if (chainsIn(directory).length === 0) {
    io.err(`no audit chain in "${directory}"`)
    return EXIT.failed
  }
  const printer = createPrinter(options.output, conditions, io)
  if (options.follow === true) {
    for await (const row of follow(directory, conditions.since, io)) await printer.row(row)
    return EXIT.ok
  }
  const progress = createProgress(io, 'reading records', bytesIn(directory))
  let isSound = true
  const { since } = conditions
  for await (const found of readSpool(directory, {
    since,
    onBytes: progress.add,
  })) {
    if (found.kind === 'row') await printer.row(found)
    else {
      io.err(damageText(found))
      if (found.kind === 'damaged') isSound = false
    }
  }
  await printer.end()
  progress.end()
  return isSound ? EXIT.ok : EXIT.failed
}

interface Printer {
  readonly row: (row: Row) => Promise<void>
  readonly end: () => Promise<void>
}

type Row = Pick<SpooledRow, 'text' | 'columns'>

/** Prints what meets the conditions, no faster than it is read. JSON is for programs: it has every record as it is. */
function createPrinter(output: Output, conditions: Conditions, io: Io): Printer {
  const print = async (line: string): Promise<void> => {
    io.out(line)
    await io.drained()
  }
  if (output === 'json')
    return {
      async row({ text, columns }) {
        if (isWanted({ columns, records: [] }, conditions)) await print(withOcsf(text))
      },
      end: async () => {},
    }
  if (output === 'table') io.out(HEADING)
  const joiner = createJoiner()
  const lineOf = output === 'table' ? tableLine : tsvOf
  const printRequests = async (requests: readonly Joined[]): Promise<void> => {
    for (const request of requests) if (isWanted(request, conditions)) await print(lineOf(request))
  }
  return {
    row: ({ columns }) => printRequests(joiner.add(columns)),
    end: () => printRequests(joiner.open()),
  }
}

/** Each condition holds for the request as a whole, or for one of its records. */
function isWanted({ columns, records }: Joined, conditions: Conditions): boolean {
  return (
    isInTime(columns, conditions) &&
    conditions.all.every((holds) => holds(columns) || records.some(holds))
  )
}
