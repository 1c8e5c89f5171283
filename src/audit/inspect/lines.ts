/**
 * Rows out of the lines of a spool, in every version of its format, whether or not the chain is whole.
 * @module
 */
import { rowStartOf } from '../record/spool-group.ts'
import { placeOf, rowOfLine } from '../record/spool-line.ts'
import { fieldsOf } from '../../lib/strict-json.ts'

/** A row as it is in the spool. */
export interface SpoolRow {
  /** JSON. */
  readonly text: string
  readonly columns: ReadonlyMap<string, unknown>
}

/** The row of a line; null if it is no whole record: a header, the end of a group, a torn line. */
export const rowInLine = (line: Buffer): SpoolRow | null =>
  rowFrom(placeOf(line) === null ? line : rowOfLine(line))

/** A row of its JSON; null if that is none. */
export function rowFrom(bytes: Buffer): SpoolRow | null {
  if (rowStartOf(bytes) === null) return null
  const text = bytes.toString('utf8')
  try {
    return { text, columns: fieldsOf(JSON.parse(text)) }
  } catch {
    return null
  }
}
