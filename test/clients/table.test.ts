/** The table of clients in docs/clients.md is what the tests of clients have shown. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readShown } from './support/shown.ts'
import { documents } from './table.ts'

t.test('the table is the one that test/clients/table.ts writes', async (t) => {
  const { now, wanted } = documents()
  t.equal(now, wanted, 'otherwise: node test/clients/table.ts')
})

t.test('every row has a test that is there', async (t) => {
  const clients = Object.entries(readShown())
  t.ok(clients.length > 0)
  for (const [client, { test, version, done }] of clients) {
    t.ok(existsSync(join(import.meta.dirname, '..', '..', test)), `${client}: ${test}`)
    t.match(version, /^v?\d+\.\d+/, `${client} has one version`)
    t.ok(done.length > 0, `${client} did something`)
  }
})
