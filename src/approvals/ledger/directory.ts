/**
 * A ledger in a directory: for one replica, or several that share a file system with hard links.
 * @module
 */
import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from '../../lib/error-code.ts'
import { LEDGER_NAME, LedgerFault, type Ledger } from './ledger.ts'

/** @param directory is made if it is not there */
export function createDirectoryLedger(directory: string): Ledger {
  const pathOf = (name: string): string => {
    if (!LEDGER_NAME.test(name)) throw new LedgerFault(`"${name}" is not a name of the ledger's`)
    return join(directory, name)
  }

  return {
    async create(name, text) {
      const path = pathOf(name)
      const folder = dirname(path)
      const unfinished = join(folder, `.${randomUUID()}.tmp`)
      try {
        await mkdir(folder, { recursive: true })
        await writeDurably(unfinished, text)
        try {
          // unlike a rename, it fails if the name is taken; and the document is whole when it gets its name
          await link(unfinished, path)
        } catch (error) {
          if (codeOf(error, '') === 'EEXIST') return false
          throw error
        } finally {
          await unlink(unfinished)
        }
        await syncDirectory(folder)
        return true
      } catch (error) {
        throw faultOf(error)
      }
    },

    async read(name) {
      try {
        return await readFile(pathOf(name), 'utf8')
      } catch (error) {
        if (codeOf(error, '') === 'ENOENT') return null
        throw faultOf(error)
      }
    },

    async list(prefix) {
      const [kind = '', rest = '', inFolder] = prefix.split('/')
      try {
        // a folder that is named in whole is read without those beside it
        const folders = inFolder === undefined ? await namesIn(join(directory, kind)) : [rest]
        const wanted = folders.filter((folder) => folder.startsWith(rest)).sort()
        const found = await Promise.all(
          wanted.map(async (folder) => {
            const files = await namesIn(join(directory, kind, folder))
            return files.sort().map((file) => `${kind}/${folder}/${file}`)
          }),
        )
        return found.flat().filter((name) => LEDGER_NAME.test(name) && name.startsWith(prefix))
      } catch (error) {
        throw faultOf(error)
      }
    },

    async folders(kind) {
      try {
        return (await namesIn(join(directory, kind))).sort()
      } catch (error) {
        throw faultOf(error)
      }
    },

    async remove(name) {
      try {
        await unlink(pathOf(name))
      } catch (error) {
        if (codeOf(error, '') !== 'ENOENT') throw faultOf(error)
      }
    },
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** The name is durable once its folder is. */
async function syncDirectory(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    if (codeOf(error, '') === 'ENOENT') return []
    throw error
  }
}

function faultOf(error: unknown): LedgerFault {
  if (error instanceof LedgerFault) return error
  return new LedgerFault(`the ledger's directory fails (${codeOf(error, 'unknown')})`, {
    cause: error,
  })
}
