/**
 * A spool of version 1 of the format, as a killed gateway left it, is verified, read, shipped and continued.
 */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import {
  azureSink,
  openFor,
  optionsOf,
  sinkServer,
  spoolDirectory,
  type Test,
} from '../fixtures.ts'
import { browse } from '../../../src/audit/inspect/browse.ts'
import { verifyChain } from '../../../src/audit/inspect/verify.ts'
import { ocsfOf } from '../../../src/audit/record/ocsf.ts'
import { readSpool } from '../../../src/audit/inspect/stream.ts'
import { segmentNames } from '../../../src/audit/spool/recover.ts'
import { exchangeOf } from '../../support/exchange.ts'

const OLD = resolve(import.meta.dirname, 'format-1')
const [CHAIN = ''] = readdirSync(OLD)
/** Records in it; one of its intents has no end. */
const RECORDS = [...browse(`${OLD}/${CHAIN}`, new Map())]

function copied(t: Test): { directory: string; chain: string } {
  const directory = spoolDirectory(t)
  cpSync(OLD, directory, { recursive: true })
  return { directory, chain: `${directory}/${CHAIN}` }
}

t.test('it is whole, and each record can be read', async (t) => {
  t.match(verifyChain(`${OLD}/${CHAIN}`), { broken: null, records: RECORDS.length })
  t.match(verifyChain(`${OLD}/${CHAIN}`).checkpoints, 1)
  const rows = []
  for await (const found of readSpool(OLD)) rows.push(found.kind === 'row' && found.columns)
  t.same(
    rows,
    RECORDS.map(({ columns }) => columns),
  )
  t.ok(RECORDS.length >= 8, `${RECORDS.length} records`)
})

t.test('the event that is made of a row now is the one that stood in it', async (t) => {
  for (const { columns } of RECORDS) {
    const { Ocsf, ...row } = Object.fromEntries(columns)
    t.same(JSON.parse(JSON.stringify(ocsfOf(row))), Ocsf, String(row['EventUid']))
  }
})

for (const [name, edit] of [
  ['an edited value', (text: string) => text.replace('"success"', '"failure"')],
  ['a record that is missing', (text: string) => text.replace(/\{"seq":4,.*\n/, '')],
] as const) {
  t.test(`${name} is found`, async (t) => {
    const { chain } = copied(t)
    const path = `${chain}/${segmentNames(chain)[0]}`
    writeFileSync(path, edit(readFileSync(path, 'utf8')))
    t.not(verifyChain(chain).broken, null)
  })
}

t.test('a start continues it in the present format, and ships all of it', async (t) => {
  const { directory, chain } = copied(t)
  const sink = await sinkServer(t)
  const options = optionsOf(directory, azureSink(sink.url), { spool: { retentionSeconds: 3_600 } })
  const audit = await openFor(t, options)
  await audit.recorder.refused(exchangeOf())
  t.same(await audit.close(5_000), { unshipped: 0 })
  const verdict = verifyChain(chain)
  t.match(verdict, { broken: null, firstSeq: 1 })
  t.same(
    sink.rows.map(({ Seq }) => Seq),
    Array.from({ length: verdict.end.seq }, (_, at) => at + 1),
    'every record, in order, once',
  )
  t.match(sink.rows[0], { Ocsf: { class_uid: 6003 } }, 'as it was written')
  const unknown = sink.rows.filter(({ Outcome }) => Outcome === 'unknown')
  t.equal(unknown.length, 1, 'the intent that the kill left without an end')
  t.ok(segmentNames(chain).length >= 3)
})
