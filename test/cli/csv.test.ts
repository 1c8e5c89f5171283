/**
 * CSV: whatever is written is read back as it was, and no spreadsheet takes any of it for a formula.
 */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { csvOf, readCsv } from '../../src/cli/csv.ts'

const exec = promisify(execFile)
const HOSTILE = [
  '=1+1',
  "'=1+1",
  "''=1+1",
  '+49 30',
  '-',
  '@SUM(A1)',
  '\t=1',
  '\r=1',
  '\n=1',
  ' =cmd|calc',
  '\uFF1D1',
  "'",
  "''",
  "'plain",
  "it's =1",
  '"',
  '""',
  ',',
  '","',
  'a\r\nb',
  'a\nb,"c"',
  '',
  ' ',
  ' both ',
  'ünïcödé \u{1F600}',
  ';=1',
  '1,5',
  'NULL',
  '\uFEFFbom',
]
const COLUMNS = ['a', 'value', 'z']

t.test('hostile values are read back exactly', async (t) => {
  const rows = HOSTILE.map((value, at) => [at, value, 'end'])
  const text = csvOf({ columns: COLUMNS, rows })
  const read = readCsv('x.csv', text)
  t.same(
    read.map(({ values }) => values.get('value')),
    HOSTILE,
  )
  // as a spreadsheet saves it
  const saved = `\uFEFF${csvOf({ columns: COLUMNS, rows: [[1, "'=x", 'y']] }).replaceAll('\r\n', '\n')}`
  t.same(
    [...(readCsv('x.csv', saved)[0]?.values ?? [])],
    [
      ['a', '1'],
      ['value', "'=x"],
      ['z', 'y'],
    ],
  )
  // Python, as another reader, sees as many values, none of which begins a formula
  const file = join(t.testdir(), 'x.csv')
  await writeFile(file, text)
  const program =
    'import csv,json,sys; print(json.dumps(list(csv.reader(open(sys.argv[1], newline="", encoding="utf-8")))))'
  const { stdout } = await exec('python3', ['-c', program, file])
  const cells = (JSON.parse(stdout) as string[][]).slice(1).map((row) => row[1] ?? '')
  t.equal(cells.length, HOSTILE.length)
  for (const cell of cells) t.notMatch(cell, /^\s*[=+\-@\uFF1D]/u)
})

t.test('each row has the line on which it begins', (t) => {
  const text = csvOf({
    columns: ['a', 'b'],
    rows: [
      ['x\r\ny', 1],
      ['', ''],
      ['z', 2],
    ],
  })
  t.same(
    readCsv('x.csv', text).map(({ line }) => line),
    [2, 4, 5],
  )
  t.same(readCsv('x.csv', 'a,b\r\n1,2'), readCsv('x.csv', 'a,b\n1,2\n\n'))
  t.end()
})

t.test('what is no such table is refused', (t) => {
  const bad: readonly (readonly [string, RegExp])[] = [
    ['', /"x.csv" is empty/],
    ['a;b\r\n1;2\r\n', /not separated by commas/],
    ['a,b\r\n1\r\n', /line 2: 1 values, and the heading has 2/],
    ['a,b\r\n1,2,3\r\n', /line 2: 3 values/],
    ['a,b\r\n1,2"3\r\n', /line 2: a quote/],
    ['a,b\r\n"1"2,3\r\n', /line 2: a quote/],
    ['a,b\r\n1,"2\r\n', /line 2: a quote/],
    ['a,b\r\n1,2\r3\r\n', /line 2: a quote/],
    ['a,a\r\n1,2\r\n', /the column "a" twice/],
  ]
  for (const [text, message] of bad) t.throws(() => readCsv('x.csv', text), message, text)
  t.end()
})
