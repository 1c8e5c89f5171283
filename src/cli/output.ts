/**
 * The three forms of a result: a table for people, JSON for programs, tab-separated values for shells.
 * @module
 */
import { stripVTControlCharacters } from 'node:util'
import type { Io } from './io.ts'

export const OUTPUTS = ['table', 'json', 'tsv'] as const
export type Output = (typeof OUTPUTS)[number]

/** What a table or a line of tab-separated values has in one place; null is written as an empty text. */
export type Cell = string | number | boolean | null | undefined

/** One result in every form; only the one that is asked for is made. */
export interface Result {
  /** One JSON value. */
  readonly json: () => unknown
  /** Lines for people. */
  readonly table: () => Iterable<string>
  /** Rows without a heading. Their columns are part of the command's promise: new ones are added at the end. */
  readonly tsv: () => Iterable<readonly Cell[]>
}

/** Prints a result in the wanted form. */
export function show(io: Io, output: Output, result: Result): void {
  switch (output) {
    case 'json':
      io.out(JSON.stringify(result.json()))
      return
    case 'tsv':
      for (const row of result.tsv()) io.out(tsvLine(row))
      return
    case 'table':
      for (const line of result.table()) io.out(line)
  }
}

/** A line of tab-separated values. A tab or a line break inside of a value is written as `\t` or `\n`. */
export function tsvLine(cells: readonly Cell[]): string {
  return cells.map((cell) => escaped(String(cell ?? ''))).join('\t')
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\\': '\\\\',
}

const escaped = (text: string): string =>
  text.replaceAll(/[\t\n\r\\]/g, (one) => ESCAPES[one] ?? one)

/** Lines of equally wide columns, two spaces apart. @param head titles, or null for none */
export function tableLines(
  head: readonly string[] | null,
  rows: readonly (readonly Cell[])[],
): readonly string[] {
  const all = (head === null ? rows : [head, ...rows]).map((row) =>
    row.map((cell) => String(cell ?? '')),
  )
  const widths: number[] = []
  for (const row of all)
    for (const [at, text] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, widthOf(text))
  return all.map((row) =>
    row
      .map((text, at) => text + ' '.repeat((widths[at] ?? 0) - widthOf(text)))
      .join('  ')
      .trimEnd(),
  )
}

const widthOf = (text: string): number => stripVTControlCharacters(text).length
