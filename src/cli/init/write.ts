/**
 * Writes several files into a directory: all of them or none, and nothing that is there is replaced.
 * @module
 */
import { randomUUID } from 'node:crypto'
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

/** @throws Problem if one of them is there already */
export async function writeAll(directory: string, { tops, files, more }: Written): Promise<void> {
  for (const top of tops) await refuseExisting(join(directory, top))
  // beside the rest, so that what follows is renaming
  const first = await mkdir(directory, { recursive: true })
  const staged = join(directory, `.init-${randomUUID()}`)
  const placed: string[] = []
  try {
    await stage(staged, files)
    await stage(staged, await more(staged))
    for (const top of tops) {
      await refuseExisting(join(directory, top))
      await rename(join(staged, top), join(directory, top))
      placed.push(join(directory, top))
    }
    await rm(staged, { recursive: true })
  } catch (error) {
    for (const path of placed) await rm(path, { recursive: true, force: true })
    await rm(staged, { recursive: true, force: true })
    if (first !== undefined) await rmdir(directory).catch(() => undefined)
    throw error
  }
}

async function stage(staged: string, files: Files): Promise<void> {
  for (const [path, text] of files) {
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
