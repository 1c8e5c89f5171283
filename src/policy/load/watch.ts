/**
 * Which files the policies are, so that a change of any of them is noticed.
 * @module
 */
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SEPARATE } from './load.ts'
import { OWNERS_FILE } from './owners.ts'
import { REQUESTS_FILE } from './requests.ts'
import { signatureOfFile, watchFiles, type Watch } from '../../lib/files/watch.ts'

/** Where policies are loaded from. */
export interface PolicyFiles {
  readonly directory: string
  readonly bindings: string
}

async function filesIn(folder: string, ending: string): Promise<string[]> {
  try {
    const names = await readdir(folder)
    return names.filter((name) => name.endsWith(ending)).map((name) => join(folder, name))
  } catch {
    return [folder]
  }
}

/** Equal as long as the files are the same. Never rejects: that a file cannot be read is part of it. */
export async function signatureOf({ directory, bindings }: PolicyFiles): Promise<string> {
  const folders = await Promise.all([
    filesIn(directory, '.cedar'),
    filesIn(join(directory, 'templates'), '.cedar'),
    filesIn(join(dirname(bindings), SEPARATE), '.yaml'),
  ])
  const beside = [OWNERS_FILE, REQUESTS_FILE].map((name) => join(dirname(bindings), name))
  const paths = [...folders.flat(), bindings, ...beside]
  const signs = await Promise.all(paths.map(async (path) => [path, await signatureOfFile(path)]))
  return JSON.stringify(signs.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)))
}

/** Watches the files; see watchFiles. */
export function createWatch(files: PolicyFiles): Promise<Watch> {
  return watchFiles(() => signatureOf(files))
}
