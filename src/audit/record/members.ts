/**
 * Columns as members of a JSON object.
 * @module
 */
import type { Row } from './column.ts'

/** Each with a comma before it; empty if there is none. */
export function membersOf(row: Row): string {
  const text = JSON.stringify(row)
  return text === '{}' ? '' : `,${text.slice(1, -1)}`
}
