/**
 * The records of a spool, as columns.
 * @module
 */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { placeOf, rowText } from '../../audit/record/spool-line.ts'
import { segmentNames } from '../../audit/spool/recover.ts'
import { chainsIn } from '../../audit/inspect/verify.ts'

/**
 * Reads every record of a spool's directory, of one of its chains, or of one file, in order. Headers, checkpoints and
 * torn lines are skipped: `audit verify` says whether the chain is whole.
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

/** @throws Error if there is nothing at that path */
async function segmentsIn(path: string): Promise<string[]> {
  if ((await stat(path)).isFile()) return [path]
  return chainsIn(path).flatMap((chain) => segmentNames(chain).map((name) => join(chain, name)))
}
