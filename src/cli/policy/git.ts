/**
 * Git, as the commands on policies use it. A checkout is never touched: neither its files nor its index.
 * @module
 */
import { execFile } from 'node:child_process'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import type { Io } from '../io.ts'
import { Problem } from '../problem.ts'

/** What git and its signing programs are told of the environment. */
const KEPT = /^(?:PATH|HOME|XDG_CONFIG_HOME|GNUPGHOME|SSH_AUTH_SOCK|GIT_(?:AUTHOR|COMMITTER)_\w+)$/u

interface Given {
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

/** Runs git there. @returns its standard output @throws Error with what git said, if it fails */
export async function git(
  io: Io,
  directory: string,
  args: readonly string[],
  { env = {}, input }: Given = {},
): Promise<string> {
  const kept = Object.entries(io.env).filter(([name]) => KEPT.test(name))
  return new Promise((resolve, reject) => {
    const child = execFile(
      'git',
      ['-C', directory, ...args],
      { env: { ...Object.fromEntries(kept), ...env } },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else reject(new Error(stderr.trim() || error.message, { cause: error }))
      },
    )
    child.stdin?.end(input)
  })
}

/** Files to commit. */
export interface Commit {
  /** A folder inside of the clone. */
  readonly folder: string
  /** Their names relative to that folder, and their text; null for one that is to be deleted. */
  readonly files: ReadonlyMap<string, string | null>
  readonly branch: string
  readonly message: string
}

/**
 * Commits files on a new branch that begins at HEAD, as whoever git is configured for.
 * @returns the id of the commit
 * @throws Problem if they are in no clone, the branch is there already, or git does not know who commits
 */
export async function commitFiles(
  io: Io,
  { folder: given, files, branch, message }: Commit,
): Promise<string> {
  const temporary = await mkdtemp(join(tmpdir(), 'azureml-harness-commit-'))
  const env = { GIT_INDEX_FILE: join(temporary, 'index') }
  try {
    const folder = await realpath(given)
    const top = (await git(io, folder, ['rev-parse', '--show-toplevel'])).trim()
    await git(io, top, ['check-ref-format', '--branch', branch])
    await git(io, top, ['read-tree', 'HEAD'], { env })
    for (const [file, text] of files) {
      const path = relative(top, join(folder, file))
      if (text === null) {
        await git(io, top, ['update-index', '--force-remove', path], { env })
        continue
      }
      const blob = await git(io, top, ['hash-object', '-w', '--stdin'], { input: text })
      const entry = `100644,${blob.trim()},${path}`
      await git(io, top, ['update-index', '--add', '--cacheinfo', entry], { env })
    }
    const tree = (await git(io, top, ['write-tree'], { env })).trim()
    const signed = await isSigning(io, top)
    const commit = await git(
      io,
      top,
      ['commit-tree', tree, '-p', 'HEAD', ...(signed ? ['-S'] : []), '-F', '-'],
      { input: message },
    )
    // an empty old value: only if there is no such branch yet
    await git(io, top, ['update-ref', `refs/heads/${branch}`, commit.trim(), ''.padEnd(40, '0')])
    return commit.trim()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const [said = ''] = error.message.split('\n').filter((line) => /fatal|error/u.test(line))
    throw new Problem(
      `git cannot commit to the branch "${branch}": ${said === '' ? 'it failed' : said}`,
      'name policies in a clone of their repository, and another branch if that one is there',
      error,
    )
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/** The text of a file as the last commit has it; null if it has none. */
export async function committedText(io: Io, folder: string, file: string): Promise<string | null> {
  return git(io, folder, ['show', `HEAD:./${file}`]).catch(() => null)
}

/** Whether whoever commits has told git to sign. */
async function isSigning(io: Io, top: string): Promise<boolean> {
  const said = await git(io, top, ['config', '--type=bool', '--get', 'commit.gpgsign']).catch(
    () => '',
  )
  return said.trim() === 'true'
}
