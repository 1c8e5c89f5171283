/**
 * `policy log`: which commit of a policy repository is which policy version.
 * @module
 */
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { PolicyError } from '../../policy/load/faults.ts'
import { loadPolicy, type LoadOptions } from '../../policy/load/load.ts'
import { EXIT, type Io } from '../io.ts'
import { show, tableLines, type Output } from '../output.ts'
import { createProgress } from '../progress.ts'
import { isPlain, Problem } from '../problem.ts'
import { git } from './git.ts'
import { policyOptions, type PolicyValues } from './options.ts'

export interface LogOptions extends PolicyValues {
  /** The beginning of a version. */
  readonly find?: string | undefined
  readonly limit: number
  readonly output: Output
}

interface Logged {
  readonly commit: string
  readonly time: string
  readonly author: string
  readonly subject: string
  /** Null if the policies of that commit do not load. */
  readonly version: string | null
}

/** Exit status 1 if `--find` finds nothing. */
export async function policyLog(values: LogOptions, io: Io): Promise<number> {
  const given = await policyOptions(values, io)
  // git answers with real paths
  const directory = await realpath(given.directory)
  const bindings = join(await realpath(dirname(given.bindings)), basename(given.bindings))
  const options = { ...given, directory, bindings }
  const top = (await history(io, directory, 'rev-parse', '--show-toplevel')).trim()
  const wanted = values.find?.toLowerCase()
  const found: Logged[] = []
  const lines = await commits(io, options, values.limit)
  const progress = createProgress(io, 'reading commits', lines.length)
  for (const line of lines) {
    io.signal.throwIfAborted()
    const [commit = '', time = '', author = '', subject = ''] = line
      .split('\t')
      .map((text) => (isPlain(text) ? text : '?'))
    const version = await versionAt(io, commit, top, options)
    progress.add(1)
    const one = { commit, time, author, subject, version }
    if (wanted === undefined || version?.startsWith(wanted) === true) found.push(one)
    if (wanted !== undefined && found.length > 0) break
  }
  progress.end()
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

/** The newest first: those that changed the policies or their bindings. */
async function commits(
  io: Io,
  { directory, bindings }: LoadOptions,
  limit: number,
): Promise<readonly string[]> {
  const format = '--format=%H%x09%aI%x09%an%x09%s'
  const paths = ['--', directory, dirname(bindings)]
  const text = await history(io, directory, 'log', format, `-n${limit}`, ...paths)
  return text.split('\n').filter((line) => line !== '')
}

/** Loads the files as they were, from a folder of their own. */
async function versionAt(
  io: Io,
  commit: string,
  top: string,
  options: LoadOptions,
): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), 'azureml-harness-log-'))
  try {
    // a work tree of its own: nothing of the checkout is touched
    const env = { GIT_INDEX_FILE: join(folder, '.index') }
    const files = join(folder, 'files')
    await git(io, top, ['read-tree', commit], { env })
    await git(io, top, ['checkout-index', '--all', `--prefix=${files}/`], { env })
    const inside = (path: string): string => join(files, relative(top, path))
    const { version } = await loadPolicy({
      ...options,
      directory: inside(options.directory),
      bindings: inside(options.bindings),
    })
    return version
  } catch (error) {
    if (error instanceof PolicyError) return null
    throw error
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function history(io: Io, directory: string, ...args: readonly string[]): Promise<string> {
  try {
    return await git(io, directory, args)
  } catch (error) {
    throw new Problem(
      `git cannot read the history of "${directory}"`,
      'name policies in a clone of their repository, with git installed',
      error,
    )
  }
}
