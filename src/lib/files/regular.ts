/**
 * Reads files of folders that people write: never a pipe or a device, at which a reader would wait for ever.
 * @module
 */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** The text of a file, or of what a link leads to. @throws Error with `code`: `EISDIR` or `EFTYPE` for what is no file */
export async function readRegular(path: string): Promise<string> {
  // without it, opening a pipe waits for somebody who writes
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = await handle.stat()
    if (!found.isFile())
      throw Object.assign(new Error('it is no file'), {
        code: found.isDirectory() ? 'EISDIR' : 'EFTYPE',
      })
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}
