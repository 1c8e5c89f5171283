/**
 * Tables as files for auditors and reviewers: CSV by RFC 4180, in which no value becomes a formula of a spreadsheet, and
 * from which every value is read back as it was.
 * @module
 */
import { Problem } from './problem.ts'

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

/**
 * A spreadsheet takes what begins with one of these for a formula; with an apostrophe before it, it is text. Whatever
 * begins with apostrophes and one of these gets one more, so that reading takes off exactly what writing put on.
 */
const FORMULA = /^'*\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^'*[\t\r\n]/u

function cellOf(value: Value): string {
  if (typeof value === 'number') return String(value)
  const text = String(value ?? '')
  const plain = FORMULA.test(text) ? `'${text}` : text
  return /[",\r\n]/u.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}

/** The value that `csvOf` wrote so. What a person typed without the apostrophe stays as it is. */
const valueOf = (cell: string): string =>
  cell.startsWith("'") && FORMULA.test(cell) ? cell.slice(1) : cell

/** A row as it was read: its values by column, and the line on which it begins, counted from 1. */
export interface CsvRow {
  readonly line: number
  readonly values: ReadonlyMap<string, string>
}

/**
 * Reads what `csvOf` wrote, also after a spreadsheet saved it: with a byte order mark, or lines that end with LF.
 * @param file its name, for errors
 * @throws Problem where it is not CSV by RFC 4180, or a row has more or fewer values than the heading
 */
export function readCsv(file: string, text: string): readonly CsvRow[] {
  const [head, ...rows] = recordsIn(file, text.startsWith('\uFEFF') ? text.slice(1) : text)
  if (head === undefined) throw new Problem(`"${file}" is empty`, 'name a table in CSV')
  if (head.cells.length === 1 && /[;\t]/u.test(head.cells[0] ?? ''))
    throw new Problem(
      `the columns of "${file}" are not separated by commas`,
      'save it as CSV with commas',
    )
  const twice = head.cells.find((name, at) => head.cells.indexOf(name) !== at)
  if (twice !== undefined)
    throw new Problem(`"${file}" has the column "${twice}" twice`, 'take one of them out')
  return rows.map(({ line, cells }) => {
    if (cells.length !== head.cells.length)
      throw new Problem(
        `"${file}", line ${line}: ${cells.length} values, and the heading has ${head.cells.length}`,
        'a value with a comma, a quote or a line break stands between quotes',
      )
    const values = new Map(head.cells.map((name, at) => [name, valueOf(cells[at] ?? '')]))
    return { line, values }
  })
}

interface Record {
  readonly line: number
  readonly cells: readonly string[]
}

/** A value between quotes, in which a quote is written twice, or one without; then what ends it. */
const CELL = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/uy

function recordsIn(file: string, text: string): readonly Record[] {
  const records: Record[] = []
  let line = 1
  let begun = 1
  let cells: string[] = []
  CELL.lastIndex = 0
  while (CELL.lastIndex < text.length || cells.length > 0) {
    const match = CELL.exec(text)
    if (match === null)
      throw new Problem(
        `"${file}", line ${line}: a quote or a line break where none can be`,
        'a value with a comma, a quote or a line break stands between quotes, with its quotes doubled',
      )
    const [whole, quoted, bare = '', end] = match
    cells.push(quoted === undefined ? bare : quoted.replaceAll('""', '"'))
    line += whole.split('\n').length - 1
    if (end === ',') continue
    // a line without anything is no row
    if (cells.length > 1 || cells[0] !== '' || quoted !== undefined)
      records.push({ line: begun, cells })
    begun = line
    cells = []
  }
  return records
}
