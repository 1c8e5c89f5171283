/** docs/security-cases.md and the tests that show its rows say the same, both ways. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { badTokenCases } from '../identity/support/bad-token-cases.ts'
import { gatewayRows } from './support/identity-rows.ts'

interface Shown {
  readonly file: string
  /** Words of the names of tests in it. */
  readonly names: readonly string[]
}

const root = resolve(import.meta.dirname, '../..')
const text = readFileSync(join(root, 'docs/security-cases.md'), 'utf8')
const source = (file: string): string => readFileSync(join(root, 'test', `${file}.test.ts`), 'utf8')

function shownBy(cell: string): Shown[] {
  return cell.split('; ').map((part) => {
    const [, file, names = ''] = /^`([\w/-]+)`(?:: (.+))?$/.exec(part) ?? []
    if (file === undefined) throw new Error(`not a test: ${part}`)
    return { file, names: [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name) }
  })
}

const rows = [...text.matchAll(/^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$/gm)].map(
  ([, number, input = '', answer = '', by = '']) => ({
    number: Number(number),
    input,
    answer,
    shown: shownBy(by),
  }),
)
const files = (number: number): string[] =>
  rows.find((row) => row.number === number)?.shown.map(({ file }) => file) ?? []

t.test('the rows are numbered without holes', async (t) => {
  t.same(
    rows.map(({ number }) => number),
    Array.from({ length: Math.max(112, rows.length) }, (_, index) => index + 1),
  )
})

for (const { number, input, shown } of rows) {
  t.test(`row ${number}, ${input}: its tests are there`, async (t) => {
    for (const { file, names } of shown) {
      const code = source(file)
      for (const name of names) t.ok(code.includes(name), `${file}: ${name}`)
    }
  })
}

t.test('the document says of bad tokens what their tests say', async (t) => {
  for (const { row, name, status, code, prepare } of badTokenCases) {
    const { answer = '' } = rows.find(({ number }) => number === row) ?? {}
    const file = prepare === undefined ? 'security/tokens' : 'security/tokens-outages'
    t.ok(files(row).includes(file), `row ${row} is shown by ${file}`)
    if (status === 200) t.match(answer, /accepted/, `row ${row}: ${name}`)
    else {
      t.ok(answer.includes(`\`${code}\``), `row ${row}: ${name} is ${code}`)
      t.match(answer, new RegExp(`\\b${status}\\b`), `row ${row}: ${name} is ${status}`)
    }
  }
})

t.test('the document knows every row that a test names', async (t) => {
  for (const { row } of gatewayRows) t.ok(files(row).includes('security/tokens-identities'))
  for (const name of readdirSync(import.meta.dirname)) {
    const file = `security/${name.replace('.test.ts', '')}`
    if (!name.endsWith('.test.ts') || file === 'security/rows') continue
    for (const [, number] of source(file).matchAll(
      /(?:['`]row |\b(?:served|refused)\(\s*|\brow: )(\d+)\b/g,
    )) {
      t.ok(files(Number(number)).includes(file), `row ${number} is shown by ${file}`)
    }
  }
})
