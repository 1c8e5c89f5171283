/**
 * Tables as files for auditors: CSV by RFC 4180, in which no value becomes a formula of a spreadsheet.
 * @module
 */

export type Value = string | number | boolean | null | undefined

/** One file of a bundle. */
export interface Table {
  /** Below the bundle's folder. */
  readonly path: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Value[])[]
  /** What it holds, and by which rule, in one sentence. */
  readonly what: string
}

/** With a heading; lines end with CR LF. */
export function csvOf({ columns, rows }: Pick<Table, 'columns' | 'rows'>): string {
  return [columns, ...rows].map((row) => `${row.map(cellOf).join(',')}\r\n`).join('')
}

/** A spreadsheet takes what begins so for a formula; an apostrophe before it is what they show as text. */
const FORMULA = /^[=+\-@\t\r]/u

function cellOf(value: Value): string {
  if (typeof value === 'number') return String(value)
  const text = String(value ?? '')
  const plain = FORMULA.test(text) ? `'${text}` : text
  return /[",\r\n]/u.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}
