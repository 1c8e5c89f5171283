/**
 * Writes several files into a directory: all of them or none, and nothing that is there is replaced.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { lstat, mkdir, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from '../../lib/error-code.ts'
import { Problem } from '../problem.ts'
import type { Files } from './material.ts'

const EXECUTABLE = /\.sh$/

/** What is written, and what follows from it once it is on the disk. */
export interface Written {
  /** Everything directly below the directory that is made. */
  readonly tops: readonly string[]
  readonly files: Files
  /** Looks at the files where they are first, and adds others; throws what is wrong with them. */
  readonly more: (staged: string) => Promise<Files>
}

/**
 * A directory that is not there appears in whole, with all files in it.
 * @param signal ends it before anything is in its place
 * @throws Problem if one of the files is there already
 */
export async function writeAll(
  directory: string,
  { tops, files, more }: Written,
  signal: AbortSignal,
): Promise<void> {
  for (const top of tops) await refuseExisting(join(directory, top))
  const isThere = existsSync(directory)
  // beside what it becomes: what follows is renaming
  const staged = isThere
    ? join(directory, `.init-${randomUUID()}`)
    : `${directory}.init-${randomUUID()}`
  const first = await mkdir(dirname(staged), { recursive: true })
  try {
    await stage(staged, files, signal)
    await stage(staged, await more(staged), signal)
    if (isThere) await moveEach(tops, staged, directory)
    else await rename(staged, directory)
  } catch (error) {
    await rm(staged, { recursive: true, force: true })
    if (first !== undefined) await removeEmpty(dirname(directory), first)
    throw error
  }
}

/** Renames each, or none. */
async function moveEach(tops: readonly string[], from: string, to: string): Promise<void> {
  const placed: string[] = []
  try {
    for (const top of tops) {
      await refuseExisting(join(to, top))
      await rename(join(from, top), join(to, top))
      placed.push(join(to, top))
    }
    await rmdir(from)
  } catch (error) {
    for (const path of placed) await rm(path, { recursive: true, force: true })
    throw error
  }
}

/** Directories that were made here, from the innermost one up to `first`; what somebody has put into one stays. */
async function removeEmpty(innermost: string, first: string): Promise<void> {
  for (let at = innermost; at.length >= first.length; at = dirname(at))
    await rmdir(at).catch(() => undefined)
}

async function stage(staged: string, files: Files, signal: AbortSignal): Promise<void> {
  for (const [path, text] of files) {
    signal.throwIfAborted()
    await mkdir(dirname(join(staged, path)), { recursive: true })
    const mode = EXECUTABLE.test(path) ? 0o755 : 0o644
    await writeFile(join(staged, path), text, { mode, flag: 'wx' })
  }
}

async function refuseExisting(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  })
  if (found !== null)
    throw new Problem(
      `"${path}" is there already, and is not replaced`,
      'name another directory with --out, or move it away',
    )
}
