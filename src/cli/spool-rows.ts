/**
 * The records of a spool, as columns.
 * @module
 */
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { placeOf, rowText } from '../audit/line.ts'

/**
 * Reads every whole record of a spool's directory, or of one file of it, in order. Headers, checkpoints and torn
 * lines are passed over: whether the chain is whole is for `audit verify` to say.
 */
export async function* spoolRows(path: string): AsyncGenerator<ReadonlyMap<string, unknown>> {
  for (const file of await segmentsIn(path)) {
    const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity })
    for await (const line of lines) {
      const bytes = Buffer.from(line)
      if (placeOf(bytes) === null) continue
      const row: unknown = JSON.parse(rowText(bytes))
      if (typeof row === 'object' && row !== null)
        yield new Map<string, unknown>(Object.entries(row))
    }
  }
}

async function segmentsIn(path: string): Promise<string[]> {
  try {
    const names = await readdir(path)
    return names
      .filter((name) => name.endsWith('.jsonl'))
      .sort()
      .map((name) => join(path, name))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return [path]
    throw error
  }
}
