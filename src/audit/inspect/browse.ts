/**
 * Reads the rows of a spool for `audit reconcile` and `doctor`: in order, from where the last call stopped.
 * @module
 */
import { readFileSync } from 'node:fs'
import { rowInLine, type SpoolRow } from './lines.ts'
import { segmentNames } from '../spool/recover.ts'
import { beforeZeros } from '../spool/scan.ts'

const LF = 10

/** How far each segment was read. */
export type Progress = Map<string, number>

/** Rows that came since `progress`, which is moved on. A line that is not whole yet, or not a record, is left out. */
export function* browse(directory: string, progress: Progress): Generator<SpoolRow> {
  for (const name of segmentNames(directory)) {
    const data = beforeZeros(readFileSync(`${directory}/${name}`))
    let offset = progress.get(name) ?? 0
    for (let stop = data.indexOf(LF, offset); stop >= 0; stop = data.indexOf(LF, offset)) {
      const row = rowInLine(data.subarray(offset, stop))
      offset = stop + 1
      if (row !== null) yield row
    }
    progress.set(name, offset)
  }
}

/** Milliseconds of a row's `EventTime`; NaN if it has none. */
export const timeOf = (columns: ReadonlyMap<string, unknown>): number =>
  Date.parse(String(columns.get('EventTime')))

/** Whether a row is about this exchange: its own, or a summary that names it. */
export function isAbout(columns: ReadonlyMap<string, unknown>, id: string): boolean {
  const samples = columns.get('SampleIds')
  return columns.get('ExchangeId') === id || (Array.isArray(samples) && samples.includes(id))
}
