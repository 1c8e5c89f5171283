/**
 * Writes files into a directory, and replaces none that has other content.
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from '../../../lib/error-code.ts'
import { readRegular } from '../../../lib/files/regular.ts'
import { Problem } from '../../problem.ts'

/**
 * Every file is looked at before the first is written.
 * @param files texts by their paths in the directory
 * @returns paths of those that were not there, with the same text, before
 * @throws Problem for a file that has other content
 */
export async function writeNew(
  directory: string,
  files: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const missing: string[] = []
  for (const [path, text] of files) {
    const there = await readIfAny(join(directory, path))
    if (there === null) missing.push(path)
    else if (there !== text)
      throw new Problem(
        `"${join(directory, path)}" is there with other content, and is not replaced`,
        'name another directory with --out, or move it away',
      )
  }
  for (const path of missing) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), files.get(path) ?? '', { flag: 'wx' })
  }
  return missing
}

async function readIfAny(path: string): Promise<string | null> {
  try {
    return await readRegular(path)
  } catch (error) {
    if (codeOf(error, '') === 'ENOENT') return null
    throw error
  }
}
