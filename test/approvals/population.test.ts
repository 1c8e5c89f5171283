/** All documents of a period: each once, with what is forged, removed or overdue. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createDirectoryLedger } from '../../src/approvals/ledger/directory.ts'
import {
  populationOf,
  type ExportedDocument,
  type Population,
} from '../../src/approvals/population.ts'
import { createSignatures } from '../../src/approvals/signatures.ts'
import { createStore } from '../../src/approvals/store.ts'
import { AUTHOR, idOf, requestOf, verdictOf } from './documents.ts'

const DAY = 86_400
const folder = await mkdtemp(join(tmpdir(), 'azureml-harness-population-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const { privateKey } = generateKeyPairSync('ed25519')
const signatures = await createSignatures([
  privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
])
const ledger = createDirectoryLedger(folder)
const store = createStore(ledger, signatures, () => undefined)

async function exported(since: number, until: number, now = 30 * DAY) {
  const lines: (ExportedDocument | Population)[] = []
  for await (const line of populationOf(ledger, signatures.verify, { since, until }, now))
    lines.push(line)
  const last = lines.at(-1)
  if (last?.kind !== 'population') throw new Error('no population')
  const names = lines.flatMap((line) => (line.kind === 'document' ? [line.name] : []))
  const population: Population = last
  return { names, population }
}

t.test('what was asked for or changed in the period, and what is wrong with it', async (t) => {
  const override = { verdict: 'override', by: AUTHOR, comment: 'c', ticket: 'INC-1' } as const
  for (const [number, day] of [1, 5, 10].entries()) {
    const id = idOf(number)
    await store.write(requestOf({ id, iat: day * DAY }))
    await store.write(verdictOf({ id, iat: day * DAY + 60, ...override, decision: 'o' }))
  }
  await store.write(verdictOf({ id: idOf(1), iat: 6 * DAY, decision: 'a' }))
  const all = await exported(-Infinity, Infinity)
  t.equal(new Set(all.names).size, 7)
  t.match(all.population, { inPeriod: 3, inLedger: 3, documents: 7, forged: [], since: null })
  t.same(all.population.overdue, [idOf(0), idOf(2)], 'one was reviewed afterwards')
  t.same((await exported(-Infinity, Infinity, 11 * DAY)).population.overdue, [idOf(0)])
  const some = await exported(6 * DAY, 9 * DAY)
  t.ok(some.names.length === 3 && some.names.every((name) => name.includes(idOf(1))))
  t.equal(some.population.namesDigest, all.population.namesDigest, 'of the whole ledger')

  await store.index.settle({ id: idOf(0), iat: DAY })
  t.same((await exported(0, Infinity)).population.withoutEntry, [], 'entries of months stay')
  await rm(join(folder, 'i', '1970-01', `${5 * DAY}-${idOf(1)}.idx`))
  await rm(join(folder, 'r', idOf(2)), { recursive: true })
  const name = `r/${idOf(0)}/request.jws`
  await writeFile(join(folder, name), (await ledger.read(`r/${idOf(1)}/request.jws`)) ?? '')
  const { population } = await exported(20 * DAY, Infinity)
  t.match(population, {
    forged: [name],
    withoutRequest: [idOf(2)],
    withoutEntry: [idOf(1)],
    inPeriod: 1,
  })
})
