/** What `npm run test:quick` runs and what it leaves out. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { quickTests } from './quick.ts'

const root = resolve(import.meta.dirname, '..')
const quick = quickTests()

t.test('no quick test names what starts a process, nor a helper that does', async (t) => {
  t.ok(quick.length > 50)
  for (const file of quick) {
    const text = readFileSync(join(root, file), 'utf8')
    t.notMatch(text, /^import (?!type).*(child_process|gateway\/gateway|support\/gateway)/m, file)
  }
})

t.test('tests that start processes are left out, also where only a helper does', async (t) => {
  for (const file of [
    'test/lab/start.test.ts',
    'test/security/paths.test.ts',
    'test/clients/az.test.ts',
  ])
    t.notOk(quick.includes(file), file)
})

t.test('tests of one unit are in', async (t) => {
  for (const file of [
    'test/policy/decide.test.ts',
    'test/azureml/target.test.ts',
    'test/quick.test.ts',
  ])
    t.ok(quick.includes(file), file)
})
