/**
 * `approvals export --documents`: the documents of a period, for whoever examines them, from a copy of the ledger.
 * @module
 */
import { createDirectoryLedger } from '../../approvals/ledger/directory.ts'
import { populationOf } from '../../approvals/population.ts'
import { createVerifier } from '../../approvals/signatures.ts'
import { rangeOf } from '../audit/given.ts'
import { EXIT, type Io } from '../io.ts'
import { keysIn } from './verify.ts'

export interface DocumentsOptions {
  readonly documents: string
  readonly keys: string
  readonly since?: string | undefined
  readonly until?: string | undefined
}

/** @returns failed if a document is forged or missing, or there is none */
export async function exportDocuments(
  { documents, keys, ...given }: DocumentsOptions,
  io: Io,
): Promise<number> {
  const verify = await createVerifier(await keysIn(keys))
  const { since, until } = rangeOf(given, io.now())
  const period = { since: since / 1_000, until: until / 1_000 }
  const now = Math.floor(io.now() / 1_000)
  let isWhole = false
  for await (const line of populationOf(createDirectoryLedger(documents), verify, period, now)) {
    io.out(JSON.stringify(line))
    await io.drained()
    if (line.kind === 'population') {
      const faults = [line.forged, line.withoutRequest, line.withoutEntry].flat()
      isWhole = line.names > 0 && faults.length === 0
    }
  }
  return isWhole ? EXIT.ok : EXIT.failed
}
