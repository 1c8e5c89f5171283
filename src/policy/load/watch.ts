/**
 * Notices when the files of the policies have changed.
 *
 * It polls names, sizes, times and inodes, following links. Notifications of the file system miss a Kubernetes ConfigMap
 * that is swapped by a link further up, a network disk, and a folder that was deleted and made again.
 * @module
 */
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SEPARATE } from './load.ts'
import { OWNERS_FILE } from './owners.ts'
import { REQUESTS_FILE } from './requests.ts'
import { codeOf } from '../../lib/error-code.ts'
import { versionOf } from '../../lib/file-version.ts'

/** Where policies are loaded from. */
export interface PolicyFiles {
  readonly directory: string
  readonly bindings: string
}

const LOOK_MS = 1_000

async function signOf(path: string): Promise<string> {
  try {
    return versionOf(await stat(path, { bigint: true }))
  } catch (error) {
    return codeOf(error, 'unreadable')
  }
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
  const signs = await Promise.all(paths.map(async (path) => [path, await signOf(path)]))
  return JSON.stringify(signs.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)))
}

/** Polls from now on; the function that it returns ends that. */
export type Watch = (onChange: () => Promise<unknown>) => () => void

/**
 * Keeps the signature of the files. To be called before they are read, so that no change falls in between. `onChange` is
 * called once the signature is different and two polls in a row agree, because files may still be being written. It is
 * not called again for the same signature, whatever came of it.
 */
export async function createWatch(files: PolicyFiles, everyMs: number = LOOK_MS): Promise<Watch> {
  let handled = await signatureOf(files)

  return (onChange) => {
    let before = handled
    let timer: NodeJS.Timeout | null = null
    let closed = false

    async function look(): Promise<void> {
      const now = await signatureOf(files)
      if (now === before && now !== handled) {
        handled = now
        await onChange()
      }
      before = now
    }
    function next(): void {
      if (closed) return
      timer = setTimeout(() => {
        look().then(next, next)
      }, everyMs)
      timer.unref()
    }

    next()
    return () => {
      closed = true
      if (timer !== null) clearTimeout(timer)
    }
  }
}
