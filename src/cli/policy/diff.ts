/**
 * `policy diff OLD NEW --replay SPOOL`: which past decisions a change of policy would have changed.
 * @module
 */
import { resolve } from 'node:path'
import { checkSignIn } from '../../identity/sign-in.ts'
import { replay, type Replay } from '../../policy/review/replay.ts'
import { EXIT, type Io } from '../io.ts'
import { show, type Output } from '../output.ts'
import { optionsFor, type DirectoryOptions } from './directory.ts'
import { loadShown } from './options.ts'
import { spoolRows } from '../audit/spool-rows.ts'

export interface DiffOptions extends DirectoryOptions {
  /** Directories. */
  readonly old: string
  readonly now: string
  /** The spool. */
  readonly replay: string
  readonly output: Output
}

export async function policyDiff(options: DiffOptions, io: Io): Promise<number> {
  const result = await replay(
    await loadShown(await optionsFor(options, options.old, io), io),
    await loadShown(await optionsFor(options, options.now, io), io),
    spoolRows(resolve(io.cwd, options.replay), io),
    checkSignIn,
  )
  show(io, options.output, {
    json: () => result,
    table: () => linesOf(result),
    tsv: () =>
      result.changes.map(({ count, principal, action, workspace, before, after, example }) => [
        count,
        principal,
        action,
        workspace,
        before,
        after,
        example,
      ]),
  })
  const { replayed, unreproducible, assumed, changes } = result
  if (assumed > 0)
    io.err(`${assumed} of them rest on an assumed sign-in: their records have no sign-in data`)
  if (replayed === 0) {
    io.err(
      unreproducible === 0
        ? 'nothing could be compared: the spool has no decisions'
        : `nothing could be compared: ${unreproducible} records lack facts that these policies ask for, or were decided by other policies than OLD`,
    )
    return EXIT.failed
  }
  io.err(
    `${replayed} decisions compared, ${unreproducible} left out because OLD does not reproduce them, ${changes.length} kinds of change`,
  )
  return changes.length === 0 ? EXIT.ok : EXIT.failed
}

function* linesOf({ changes }: Replay): Generator<string> {
  for (const { count, principal, action, workspace, before, after, example } of changes) {
    yield `${count} × ${principal} ${action}${workspace === null ? '' : ` in ${workspace}`}`
    yield `    was ${before}`
    yield `    is  ${after}`
    yield `    e.g. ${example}`
  }
}
