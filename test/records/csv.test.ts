/**
 * CSV that opens in a spreadsheet as what it says: no cell is a formula, and each cell is whole.
 */
import t from 'tap'
import { csv, jsonLines } from '../../src/records/shown.ts'
import { readCsv } from './read-csv.ts'

const FORMULAS = [
  '=1+1',
  '=HYPERLINK("http://x","y")',
  "+cmd|'/c calc'!A0",
  '-2+3',
  '@SUM(1)',
  '\t=1',
  '\r=1',
  '\n=1',
  ' =1',
  '\u00a0=1',
  '\ufeff=1',
  '\uff1d1',
  '\uff0b1',
  '%0A=1',
  '"=1',
  "'=1",
  '|x',
]

t.test('nothing that a caller can name is a formula', async (t) => {
  for (const text of FORMULAS) {
    const made = csv([{ TargetResourceId: text, PolicyIds: [text] }])
    const [row] = readCsv(made)
    t.equal(row?.['TargetResourceId'], `'${text}`, JSON.stringify(text))
    t.match(row?.['PolicyIds'], /^\[/u)
    t.equal(made.split('\r\n').length, text.includes('\r\n') ? 4 : 3)
  }
})

t.test('quotes, separators and line ends stay in their cell', async (t) => {
  for (const text of ['a"b', 'a,b', '"', '""', ',', 'a;b', 'x"\r\ny,z']) {
    const [row, ...more] = readCsv(csv([{ Reason: text, Status: 403, Secrets: true }]))
    t.same(more, [])
    t.equal(row?.['Reason']?.replace(/^'/u, ''), text)
    t.match(row, { Status: '403', Secrets: 'true', PrincipalId: '' })
  }
})

t.test('a line of JSON is one line', async (t) => {
  const text = jsonLines([{ Reason: 'a\nb\u2028c' }, { Reason: 'd' }])
  t.same(
    text
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { Reason: string }).Reason),
    ['a\nb\u2028c', 'd'],
  )
})
