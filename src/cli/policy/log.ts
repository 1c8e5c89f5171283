/**
 * `policy log`: which commit of a policy repository is which policy version.
 * @module
 */
import { EXIT, type Io } from '../io.ts'
import { show, tableLines, type Output } from '../output.ts'
import { historyOf, type Commit } from './history.ts'
import { policyOptions, type PolicyValues } from './options.ts'

export interface LogOptions extends PolicyValues {
  /** The beginning of a version, in lower case. */
  readonly find?: string | undefined
  readonly limit: number
  readonly output: Output
}

/** Exit status 1 if `--find` finds nothing. */
export async function policyLog(values: LogOptions, io: Io): Promise<number> {
  const wanted = values.find
  const found: Commit[] = []
  const history = historyOf(await policyOptions(values, io), values.limit, io)
  for await (const { commit: one } of history) {
    if (wanted === undefined || one.version?.startsWith(wanted) === true) found.push(one)
    if (wanted !== undefined && found.length > 0) break
  }
  const rows = found.map(({ commit, time, author, subject, version }) => [
    version?.slice(0, 12) ?? 'has faults',
    commit.slice(0, 12),
    time,
    author,
    subject,
  ])
  show(io, values.output, {
    json: () => found,
    table: () => tableLines(['VERSION', 'COMMIT', 'TIME', 'AUTHOR', 'SUBJECT'], rows),
    tsv: () => found.map((one) => [one.version, one.commit, one.time, one.author, one.subject]),
  })
  if (found.length > 0) return EXIT.ok
  io.err('no commit has that version: it may be older than --limit, or of another release')
  return EXIT.failed
}
