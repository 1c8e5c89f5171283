/**
 * Notices when files have changed.
 *
 * It polls sizes, times and inodes, following links. Notifications of the file system miss a Kubernetes volume that is
 * swapped by a link further up, a network disk, and a folder that was deleted and made again.
 * @module
 */
import { stat } from 'node:fs/promises'
import { codeOf } from '../error-code.ts'
import { versionOf } from './file-version.ts'

/** Milliseconds between two looks. */
export const LOOK_MS = 1_000

/** Equal as long as the file is the same. Never rejects: that it cannot be read is part of it. */
export async function signatureOfFile(path: string): Promise<string> {
  try {
    return versionOf(await stat(path, { bigint: true }))
  } catch (error) {
    return codeOf(error, 'unreadable')
  }
}

/** Polls from now on; the function that it returns ends that. */
export type Watch = (onChange: () => Promise<unknown>) => () => void

/**
 * Keeps the signature of files. To be called before they are read, so that no change falls in between. `onChange` is
 * called once the signature is different and two polls in a row agree, because files may still be being written. It is
 * not called again for the same signature, whatever came of it.
 * @param signature of all the files; must not reject
 */
export async function watchFiles(
  signature: () => Promise<string>,
  everyMs: number = LOOK_MS,
): Promise<Watch> {
  let handled = await signature()

  return (onChange) => {
    let before = handled
    let timer: NodeJS.Timeout | null = null
    let closed = false

    async function look(): Promise<void> {
      const now = await signature()
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
