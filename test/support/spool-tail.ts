/**
 * The rows of a spool as they are written, each read once: for runs that are too long to read it again and again.
 * @module
 */
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeZeros } from '../../src/audit/spool/scan.ts'
import { isSegment, RECORD, type Row } from './gateway.ts'

/**
 * Makes a reader of what is new since its last call, in order. A segment must not be deleted before it was read.
 */
export function createTail(directory: string): () => Promise<readonly Row[]> {
  const read = new Map<string, number>()

  async function newIn(name: string): Promise<string> {
    const file = await open(join(directory, name))
    try {
      const from = read.get(name) ?? 0
      const bytes = Buffer.alloc((await file.stat()).size - from)
      await file.read(bytes, 0, bytes.length, from)
      // the last line may be half there
      const end = beforeZeros(bytes).lastIndexOf(10) + 1
      read.set(name, from + end)
      return bytes.toString('utf8', 0, end)
    } finally {
      await file.close()
    }
  }

  return async () => {
    const rows: Row[] = []
    const names = await readdir(directory, { recursive: true })
    for (const name of names.filter(isSegment).toSorted()) {
      for (const line of (await newIn(name)).split('\n')) {
        if (line.startsWith(RECORD)) rows.push(JSON.parse(line) as Row)
      }
    }
    return rows
  }
}
