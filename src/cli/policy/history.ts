/**
 * The history of a policy repository: which commit is which policy version.
 * @module
 */
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { PolicyError } from '../../policy/load/faults.ts'
import { loadPolicy, type LoadOptions } from '../../policy/load/load.ts'
import type { PolicySet } from '../../policy/load/rules.ts'
import type { Io } from '../io.ts'
import { isPlain, Problem } from '../problem.ts'
import { createProgress } from '../progress.ts'
import { git } from './git.ts'

export interface Commit {
  readonly commit: string
  /** ISO 8601, as the author's clock had it. */
  readonly time: string
  readonly author: string
  readonly subject: string
  /** Null if the policies of that commit do not load. */
  readonly version: string | null
}

/** A commit with its policies; null if they do not load. */
export interface Committed {
  readonly commit: Commit
  readonly set: PolicySet | null
}

/**
 * The commits that changed the policies or their bindings, the newest first, each with its policies.
 * @throws Problem where git cannot read the history
 */
export async function* historyOf(
  given: LoadOptions,
  limit: number,
  io: Io,
): AsyncGenerator<Committed> {
  // git answers with real paths
  const directory = await realpath(given.directory)
  const bindings = join(await realpath(dirname(given.bindings)), basename(given.bindings))
  const options = { ...given, directory, bindings }
  const top = (await history(io, directory, 'rev-parse', '--show-toplevel')).trim()
  const lines = await commits(io, options, limit)
  const progress = createProgress(io, 'reading commits', lines.length)
  try {
    for (const line of lines) {
      io.signal.throwIfAborted()
      const [commit = '', time = '', author = '', subject = ''] = line
        .split('\t')
        .map((text) => (isPlain(text) ? text : '?'))
      const set = await policiesAt(io, commit, top, options)
      progress.add(1)
      yield { commit: { commit, time, author, subject, version: set?.version ?? null }, set }
    }
  } finally {
    progress.end()
  }
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
async function policiesAt(
  io: Io,
  commit: string,
  top: string,
  options: LoadOptions,
): Promise<PolicySet | null> {
  const folder = await mkdtemp(join(tmpdir(), 'azureml-harness-log-'))
  try {
    // a work tree of its own: nothing of the checkout is touched
    const env = { GIT_INDEX_FILE: join(folder, '.index') }
    const files = join(folder, 'files')
    await git(io, top, ['read-tree', commit], { env })
    await git(io, top, ['checkout-index', '--all', `--prefix=${files}/`], { env })
    const inside = (path: string): string => join(files, relative(top, path))
    return await loadPolicy({
      ...options,
      directory: inside(options.directory),
      bindings: inside(options.bindings),
    })
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
