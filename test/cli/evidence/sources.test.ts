/**
 * Evidence from several sources: spools and what sinks got are compared, and no record counts twice.
 */
import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readCsv } from '../../../src/cli/csv.ts'
import { SHIPPED } from '../../policy/support.ts'
import type { Row } from '../../support/gateway.ts'
import { run, start, type Ran } from '../support/run.ts'
import { linesOf, makeSpool, readSpool, writeLargeSpool } from './made-spool.ts'

t.setTimeout(240_000)
const FROM = '2026-07-01'
const TO = '2026-10-01'
const BEGIN = Date.parse('2026-07-10T10:00:00Z')
const HOUR = 3_600_000

async function collect(out: string, ...more: string[]): Promise<Ran> {
  const policies = ['--policies', SHIPPED, '--identity', 'ml-reader', '--identity', 'ml-writer']
  return run([
    'evidence',
    'collect',
    '--from',
    FROM,
    '--to',
    TO,
    '--out',
    out,
    ...policies,
    ...more,
  ])
}

const table = async (out: string, path: string): Promise<Record<string, string>[]> =>
  readCsv(path, await readFile(join(out, path), 'utf8')).map(({ values }) =>
    Object.fromEntries(values),
  )

/** Lines of the exceptions about the records. */
async function faults(out: string): Promise<readonly string[]> {
  const all = await table(out, 'exceptions.csv')
  return all
    .filter(({ control }) => control === 'AMH-09')
    .map(({ kind, what }) => `${kind}: ${what}`)
}

/** Spools of two gateways, each with three hours of calls, and their records. */
async function twoGateways(t: Test) {
  const folder = t.testdir({ a: {}, b: {} })
  const spools: string[] = []
  const rows: Row[] = []
  for (const name of ['a', 'b']) {
    let time = BEGIN
    const spool = join(folder, name)
    const made = await makeSpool(spool, () => time)
    for (let hour = 0; hour < 3; hour += 1) {
      await made.calls(4)
      time += HOUR
    }
    await made.close()
    spools.push(spool)
    rows.push(...(await readSpool(spool)))
  }
  const [a = '', b = ''] = spools
  return { folder, a, b, rows, both: ['--spool', a, '--spool', b] }
}

t.test('spools and what a sink got agree', async (t) => {
  const { folder, a, rows, both } = await twoGateways(t)
  const file = join(folder, 'sink.jsonl')
  // in another order, some twice, and as Log Analytics exports them: lists as text, more digits, what is empty absent
  const exported = rows.map((row) => ({
    ...row,
    EventTime: String(row['EventTime']).replace('Z', '0000Z'),
    PolicyIds: JSON.stringify(row['PolicyIds'] ?? null),
    RefusalCode: '',
  }))
  await writeFile(file, linesOf([...exported.toReversed(), ...exported.slice(0, 5)]))
  const out = join(folder, 'out')
  // a spool that is given twice is no more records
  const ran = await collect(out, ...both, '--spool', a, '--records', file, '--output', 'json')
  t.equal(ran.status, 1, ran.err)
  t.equal(JSON.parse(ran.out).records, rows.length)
  t.same(await faults(out), [])
  const hours = await table(out, '07-integrity/reconcile.csv')
  t.ok(hours.length > 12 && hours.every(({ records, in_all_sources: all }) => records === all))
  t.same(await table(out, '07-integrity/differences.csv'), [])
  const denials = await table(out, '06-denials/by-principal.csv')
  t.same(
    denials.map(({ requests }) => requests),
    ['24'],
  )
  const { inputs } = JSON.parse(await readFile(join(out, 'manifest.json'), 'utf8'))
  t.match(inputs[3], { kind: 'export', name: 'export 4 (sink.jsonl)', sha256: /^[0-9a-f]{64}$/ })
})

t.test('what a source lacks or has otherwise is named by its number', async (t) => {
  const { folder, a, b, rows, both } = await twoGateways(t)
  const [chain] = rows.map((row) => String(row['ChainId']))
  const isOf = (row: Row, ...seqs: number[]): boolean =>
    row['ChainId'] === chain && seqs.includes(Number(row['Seq']))
  const file = join(folder, 'sink.jsonl')
  await writeFile(
    file,
    linesOf(
      rows
        .filter((row) => !isOf(row, 4, 5, 9))
        .map((row) => (isOf(row, 7) ? { ...row, PrincipalId: 'entra/other' } : row)),
    ),
  )
  const out = join(folder, 'out')
  await collect(out, ...both, '--records', file)
  t.same(await faults(out), [
    'exception: export 3 (sink.jsonl) has no records 4 to 5',
    'exception: export 3 (sink.jsonl) has other record 7',
    'exception: export 3 (sink.jsonl) has no record 9',
  ])
  t.match(await table(out, '07-integrity/differences.csv'), [
    { chain, from_seq: '4', to_seq: '5', what: 'missing' },
    { chain, from_seq: '7', to_seq: '7', what: 'differs' },
    { chain, from_seq: '9', to_seq: '9', what: 'missing' },
  ])
  const hours = await table(out, '07-integrity/reconcile.csv')
  const less = hours.filter(({ records, in_all_sources: all }) => Number(records) < Number(all))
  t.equal(less.length, 1)
  t.match(less, [{ hour: '2026-07-10T10:00:00Z', source: 'export 3 (sink.jsonl)' }])

  // a gateway whose spool nobody gave
  const half = join(folder, 'half')
  await writeFile(file, linesOf(rows))
  await collect(half, '--spool', a, '--records', file)
  const [fault, ...others] = await faults(half)
  t.match(fault, /^incomplete: \d+ records are in exports only: no chain proves/)
  t.same(others, [])
  t.match(await table(half, '07-integrity/chains.csv'), [
    { source: 'spool 1 (a)', verified: 'valid' },
    { source: 'exports', verified: 'not verified' },
  ])

  // without any spool
  const none = join(folder, 'none')
  t.equal((await collect(none, '--records', file)).status, 1)
  t.equal((await faults(none)).length, 2)
  // a spool whose end was cut off, in whole groups
  const cut = join(folder, 'cut')
  await cp(b, cut, { recursive: true })
  const other = String(rows.find((row) => row['ChainId'] !== chain)?.['ChainId'])
  const [segment = ''] = (await readdir(join(cut, other))).sort().toReversed()
  const name = join(cut, other, segment)
  const lines = (await readFile(name, 'utf8')).split('\n')
  const group = lines.slice(0, -6).findLastIndex((line) => line.startsWith('{"group"'))
  await writeFile(name, `${lines.slice(0, group + 1).join('\n')}\n`)
  const ended = join(folder, 'ended')
  await collect(ended, '--spool', a, '--spool', cut, '--records', file)
  t.match((await faults(ended)).join('\n'), /^incomplete: \d+ records are in exports only/)
})

t.test('what is no record is named with its line', async (t) => {
  const { folder, both } = await twoGateways(t)
  const file = join(folder, 'sink.jsonl')
  await writeFile(file, '{"a":1}\nnothing\n')
  const out = join(folder, 'out')
  await collect(out, ...both, '--records', file)
  const damaged = (await table(out, 'exceptions.csv')).filter(({ what }) =>
    /cannot be read/.test(what ?? ''),
  )
  t.match(damaged, [{ where: /sink\.jsonl, line 1/ }, { where: /sink\.jsonl, line 2/ }])
  t.match(await collect(join(folder, 'x'), '--records', folder), { status: 1, err: /is no file/ })
  t.match(await collect(join(folder, 'x')), { status: 2, err: /--spool or --records is needed/ })
})

t.test('memory does not grow with the number of records', async (t) => {
  const folder = t.testdir({ spool: {} })
  const spool = join(folder, 'spool')
  const records = 210_000
  await writeLargeSpool(spool, records, Date.parse('2026-01-01T00:00:00Z'))
  const out = join(folder, 'out')
  const args = ['evidence', 'collect', '--from', '2026-01-01', '--to', '2027-01-01']
  const policies = ['--policies', SHIPPED, '--identity', 'ml-reader', '--identity', 'ml-writer']
  // rows of these records would take several times as much
  const env = { NODE_OPTIONS: '--max-old-space-size=192' }
  const ran = await start([...args, '--spool', spool, '--out', out, ...policies], env).ended
  t.equal(ran.status, 1, ran.err)
  t.match(ran.out, `${records} records`)
  t.match(await table(out, '07-integrity/chains.csv'), [
    { records_in_period: String(records), missing: '0', verified: 'valid' },
  ])
  t.equal((await table(out, '06-denials/by-principal.csv')).length, 50)
})
