/** Documents are tested: tables in docs say what the code says, both ways. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import t from 'tap'
import { STATUS } from '../src/errors.ts'
import { blocks, TRIED } from './support/doc-blocks.ts'
import { sectionOf } from '../bench/report/document.ts'
import { VERSION } from '../src/cli/version.ts'

const root = resolve(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

t.test('docs/errors.md lists every code with its status, and no other', async (t) => {
  const rows = [...read('docs/errors.md').matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)]
  t.same(Object.fromEntries(rows.map((row) => [row[1], Number(row[2])])), STATUS)
})

t.test('the version is that of package.json', async (t) => {
  t.equal(VERSION, JSON.parse(read('package.json')).version)
})

const documents = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
]

t.test('relative links in every document lead somewhere', async (t) => {
  t.ok(documents.length > 15)
  for (const file of documents) {
    for (const [, link = ''] of read(file).matchAll(/\]\((?!https?:|#)([^)#]+)/g))
      t.ok(existsSync(join(root, file, '..', link)), `${file} links to ${link}`)
  }
})

t.test('README leads to every document', async (t) => {
  const readme = read('README.md')
  for (const file of documents.filter((name) => !/^(README|docs\/decisions\/)/.test(name)))
    t.ok(readme.includes(`](${file})`), file)
})

t.test('files that are named to whoever changes the code are there', async (t) => {
  for (const file of ['CONTRIBUTING.md', 'docs/architecture.md', 'docs/security-cases.md']) {
    const named = [
      ...read(file).matchAll(/`((?:src|test|lab|docs|config|policies|deploy|\.ci)\/[\w./-]*)`/g),
    ]
    t.ok(named.length > 0, file)
    for (const [, path = ''] of named) t.ok(existsSync(join(root, path)), `${file} names ${path}`)
  }
})

t.test('docs/architecture.md has the tree below src, and nothing else', async (t) => {
  const rows = [...read('docs/architecture.md').matchAll(/^\| `(src\/[\w/-]+)` \|/gm)]
  const folders = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
  t.same(rows.map(([, folder = '']) => folder).toSorted(), folders.toSorted())
})

t.test('every block of shell commands is tried, or says why not', async (t) => {
  const names = new Set(blocks().map(({ name }) => name))
  for (const name of names)
    t.ok(name in TRIED, `"${name}" has its line in test/support/doc-blocks.ts`)
  for (const name of Object.keys(TRIED)) t.ok(names.has(name), `${name} is in a document`)
})

t.test('decisions are numbered without holes', async (t) => {
  const files = documents.filter((file) => file.startsWith('docs/decisions/')).toSorted()
  for (const [index, file] of files.entries()) {
    t.match(file, new RegExp(`/${String(index + 1).padStart(4, '0')}-`))
    t.match(read(file), new RegExp(`^# ${index + 1}\\. `))
  }
})

t.test(
  'figures of docs/performance.md are what the benches printed, with their machine',
  async (t) => {
    const text = read('docs/performance.md')
    const columns = {
      peers: '| times bare ',
      latency: '| p99, times bare ',
      growth: '| at most ',
      profile: '| share ',
    }
    for (const [name, column] of Object.entries(columns)) {
      const [machine = '', ...rest] = (sectionOf(text, name) ?? '').split('\n')
      t.match(machine, /^.+, \d+ cores, \d+ GB, .+, Node \d+\.\d+\.\d+, load before \d+\.\d$/, name)
      const tables = rest.join('\n')
      t.ok(tables.includes(column), `${name} has the column "${column}"`)
      t.notMatch(tables, /NaN|undefined|Infinity/, name)
    }
  },
)
