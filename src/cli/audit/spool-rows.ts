/**
 * The records of a spool, as columns, with progress and damage told on standard error.
 * @module
 */
import { bytesIn, readSpool, type Damage } from '../../audit/inspect/stream.ts'
import type { Io } from '../io.ts'
import { createProgress } from '../progress.ts'

/**
 * Reads every record of a spool's directory, of one of its chains, or of one file, in order.
 * @throws Error if there is nothing at that path
 */
export async function* spoolRows(
  path: string,
  io: Io,
  onDamage: (damage: Damage) => void = () => {},
): AsyncGenerator<ReadonlyMap<string, unknown>> {
  const progress = createProgress(io, 'reading records', bytesIn(path))
  try {
    for await (const found of readSpool(path, { onBytes: progress.add })) {
      if (found.kind === 'row') yield found.columns
      else {
        io.err(damageText(found))
        onDamage(found)
      }
    }
  } finally {
    progress.end()
  }
}

/** What is wrong at a place of the spool, and what to do about it. */
export function damageText({ kind, segment, line, why }: Damage): string {
  return kind === 'unfinished'
    ? `${segment}:${line}: ${why}: it is being written now, or a crash cut it off`
    : `${segment}:${line}: ${why}: the records from here on may have been changed; run azureml-harness audit verify`
}
