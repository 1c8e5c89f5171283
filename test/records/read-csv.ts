/**
 * A reader of CSV as RFC 4180 has it, for tests.
 * @module
 */
export function readCsv(text: string): Readonly<Record<string, string>>[] {
  const cells = [...text.matchAll(/("(?:[^"]|"")*"|[^,\r\n]*)(,|\r\n)/gu)]
  const lines: string[][] = [[]]
  for (const [, cell = '', end] of cells) {
    const value = cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell
    lines.at(-1)?.push(value)
    if (end === '\r\n') lines.push([])
  }
  if (cells.map(([whole]) => whole).join('') !== text) throw new Error('not CSV')
  const [names = [], ...rows] = lines.slice(0, -1)
  return rows.map((row) => Object.fromEntries(names.map((name, at) => [name, row[at] ?? ''])))
}
