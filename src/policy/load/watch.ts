/**
 * Notices that the files of the policies are not those that were loaded.
 *
 * It looks instead of being told: names, sizes, times and inodes, links followed. Notifications say nothing of a
 * Kubernetes ConfigMap that is swapped by a link further up, of a network disk, or of a folder that was deleted and
 * came back.
 * @module
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../../lib/error-code.ts'

/** Where policies are loaded from. */
export interface PolicyFiles {
  readonly directory: string
  readonly bindings: string
}

const LOOK_MS = 1_000

async function signOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return `${ino}:${size}:${mtimeNs}:${ctimeNs}`
  } catch (error) {
    return codeOf(error, 'unreadable')
  }
}

async function policiesIn(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder)
    return names.filter((name) => name.endsWith('.cedar')).map((name) => join(folder, name))
  } catch {
    return [folder]
  }
}

/** What lies there now; equal for the same files unchanged. Never rejects: what cannot be read is part of it. */
export async function signatureOf({ directory, bindings }: PolicyFiles): Promise<string> {
  const templates = join(directory, 'templates')
  const paths = [...(await policiesIn(directory)), ...(await policiesIn(templates)), bindings]
  const signs = await Promise.all(paths.map(async (path) => [path, await signOf(path)]))
  return JSON.stringify(signs.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)))
}

/** Looks once a second from now on; the function that it answers with ends that. */
export type Watch = (onChange: () => Promise<unknown>) => () => void

/**
 * Remembers what lies there. To be called before the files are read, so that no change falls in between.
 * `onChange` is called once what lies there is different and has not changed between two looks: files that are being
 * written are left alone. It is not called again for the same files, whatever came of it.
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
