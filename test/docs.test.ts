/** Documents are tested: tables in docs say what the code says, both ways. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { STATUS } from '../src/errors.ts'
import { VERSION } from '../src/cli/serve.ts'

const root = resolve(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

t.test('docs/errors.md lists every code with its status, and no other', async (t) => {
  const rows = [...read('docs/errors.md').matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)]
  t.same(Object.fromEntries(rows.map((row) => [row[1], Number(row[2])])), STATUS)
})

t.test('the version is that of package.json', async (t) => {
  t.equal(VERSION, JSON.parse(read('package.json')).version)
})

t.test('relative links in the documents lead somewhere', async (t) => {
  for (const file of [
    'README.md',
    'SECURITY.md',
    'CONTRIBUTING.md',
    'docs/architecture.md',
    'docs/cli.md',
    'docs/errors.md',
    'docs/limits.md',
    'docs/clients.md',
  ]) {
    const base = join(root, file, '..')
    for (const [, link] of read(file).matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      t.doesNotThrow(() => readdirOrFile(join(base, link ?? '')), `${file} links to ${link}`)
    }
  }
})

function readdirOrFile(path: string): void {
  try {
    readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error
  }
}
