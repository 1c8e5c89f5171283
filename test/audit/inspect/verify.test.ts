/**
 * Edits that an attacker with the disk could make, and what `audit verify`, `cat` and `reconcile` say.
 */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import t from 'tap'
import {
  azureSink,
  chainDirectory,
  optionsOf,
  rowsOf,
  sinkServer,
  spoolDirectory,
  type SinkRow,
  type Test,
} from '../fixtures.ts'
import { runCli } from '../../../src/cli/cli.ts'
import { openAudit } from '../../../src/audit/open.ts'
import { segmentNames } from '../../../src/audit/spool/recover.ts'
import { verifyChain } from '../../../src/audit/inspect/verify.ts'
import { ioOf } from '../../cli/support/run.ts'
import { exchangeOf } from '../../support/exchange.ts'

// too long for `npm run test:quick`
t.setTimeout(300_000)

// too long for test/quick.ts
t.setTimeout(300_000)

/** A spool with three boots and several segments, as a copy that no gateway knows of. */
async function spool(t: Test): Promise<{ directory: string; rows: SinkRow[] }> {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const options = optionsOf(directory, azureSink(sink.url), {
    spool: { retentionSeconds: 3_600, segmentBytes: 65_536 },
  })
  for (let boot = 0; boot < 3; boot += 1) {
    const audit = await openAudit(options)
    for (let n = 0; n < 30; n += 1) await audit.recorder.refused(exchangeOf())
    await audit.close(5_000)
  }
  return { directory, rows: sink.rows }
}

const auditCat = ['audit', 'cat']
const auditReconcile = ['audit', 'reconcile']
const auditVerify = ['audit', 'verify']

async function run(command: readonly string[], ...args: string[]) {
  const out: string[] = []
  const err: string[] = []
  const io = ioOf({ out: (line) => void out.push(line), err: (line) => void err.push(line) })
  return { status: await runCli([...command, ...args], io), out, err }
}

const segmentOf = (directory: string, index: number): string => {
  const chain = chainDirectory(directory)
  return `${chain}/${segmentNames(chain).at(index)}`
}
/** Changes the lines of a segment. */
function edit(directory: string, index: number, change: (lines: string[]) => string[]): void {
  const path = segmentOf(directory, index)
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  writeFileSync(
    path,
    change(lines)
      .map((line) => `${line}\n`)
      .join(''),
  )
}

t.test('a whole spool is whole, and a copy of it elsewhere too', async (t) => {
  const { directory } = await spool(t)
  const copy = spoolDirectory(t)
  cpSync(chainDirectory(directory), copy, { recursive: true })
  for (const place of [directory, copy]) {
    const { status, out } = await run(auditVerify, place, '--json')
    t.equal(status, 0)
    t.match(JSON.parse(out[0] ?? ''), { broken: null, firstSeq: 1, unsigned: 1 })
  }
  t.ok(verifyChain(copy).checkpoints >= 3)
})

const EDITS: [string, number, (lines: string[]) => string[]][] = [
  [
    'an edited value',
    1,
    (lines) => lines.map((line, n) => (n === 9 ? line.replace('"denied"', '"failed"') : line)),
  ],
  ['a deleted record', 1, (lines) => lines.filter((_, n) => n !== 9)],
  ['an inserted record', 1, (lines) => lines.toSpliced(9, 0, lines[9] ?? '')],
  ['two records exchanged', 1, (lines) => lines.toSpliced(9, 2, lines[10] ?? '', lines[9] ?? '')],
  [
    'an edited header',
    1,
    (lines) =>
      lines.map((line, n) => (n === 0 ? line.replace('"openedAt":"2', '"openedAt":"1') : line)),
  ],
  ['a deleted line feed', 1, (lines) => lines.toSpliced(9, 2, `${lines[9]}${lines[10]}`)],
]
for (const [name, index, change] of EDITS) {
  t.test(`${name} is found and named`, async (t) => {
    const { directory } = await spool(t)
    edit(directory, index, change)
    const { status, out } = await run(auditVerify, directory)
    t.equal(status, 1)
    t.match(out[0], /BROKEN/)
    t.match(out[0], /record \d+, line \d+ of \d{6}[0-9a-f]{4}-\d{6}\.jsonl: /)
    const shown = await run(auditCat, directory, '--json')
    t.equal(shown.status, 1, 'cat says so, too')
    t.match(shown.err.join('\n'), /\.jsonl:\d+: .*audit verify/)
    t.ok(shown.out.length > 80, 'and shows what is left')
  })
}

t.test('a chain that was built anew by somebody without the key is found', async (t) => {
  const { directory } = await spool(t)
  const verdict = verifyChain(chainDirectory(directory))
  const forged = spoolDirectory(t)
  const sink = await sinkServer(t)
  const audit = await openAudit(optionsOf(forged, azureSink(sink.url)))
  await audit.close(2_000)
  const [shipped = ''] = verdict.keyIds
  t.equal((await run(auditVerify, directory, '--key-id', shipped)).status, 0)
  const { status, out } = await run(auditVerify, forged, '--key-id', shipped)
  t.equal(status, 1)
  t.match(out[0], /signed by another key/)
})

t.test('a checkpoint with a foreign signature is found', async (t) => {
  const { directory } = await spool(t)
  edit(directory, -1, (lines) =>
    lines.map((line) => line.replace(/"signature":"[^"]{8}/, '"signature":"AAAAAAAA')),
  )
  t.equal((await run(auditVerify, directory)).status, 1)
})

t.test('a cut tail is found by what was shipped', async (t) => {
  const { directory, rows } = await spool(t)
  const checkpoints = rows.filter(({ Event }) => Event === 'checkpoint')
  const { seq } = checkpoints.at(-1)!['Detail'] as { seq: number }
  // three groups of one record, each with the line that closes it
  edit(directory, -1, (lines) => lines.slice(0, -6))
  t.equal((await run(auditVerify, directory)).status, 0, 'the chain alone cannot show it')
  const { status, out } = await run(auditVerify, directory, '--at-least', String(seq))
  t.equal(status, 1)
  t.match(out[0], /its tail was cut/)
})

t.test('a deleted segment is found, at the beginning and in the middle', async (t) => {
  for (const index of [0, 1]) {
    const { directory } = await spool(t)
    rmSync(segmentOf(directory, index))
    const { status, out } = await run(auditVerify, directory)
    t.equal(status, 1)
    t.match(out[0], /missing/)
  }
})

t.test('segments that were shipped and retired are not missing', async (t) => {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const audit = await openAudit(
    optionsOf(directory, azureSink(sink.url), {
      spool: { segmentBytes: 65_536, retentionSeconds: 0 },
    }),
  )
  for (let n = 0; n < 100; n += 1) await audit.recorder.refused(exchangeOf())
  while ((rowsOf(directory)[0]?.Seq ?? 1) === 1) {
    await new Promise((resolve) => {
      setTimeout(resolve, 50)
    })
  }
  await audit.close(5_000)
  const verdict = verifyChain(chainDirectory(directory))
  t.equal(verdict.broken, null)
  t.ok(verdict.firstSeq > 1)
})

t.test('a renamed segment is found', async (t) => {
  const { directory } = await spool(t)
  const path = segmentOf(directory, -1)
  renameSync(path, path.replace(/\d{6}\.jsonl$/, '000009.jsonl'))
  t.equal((await run(auditVerify, directory)).status, 1)
})

t.test('a directory without a chain, and one that is not there', async (t) => {
  const directory = spoolDirectory(t)
  mkdirSync(`${directory}/x`)
  t.equal((await run(auditVerify, directory)).status, 1)
  const nowhere = await run(auditVerify, `${directory}/nowhere`)
  t.equal(nowhere.status, 1)
  t.match(nowhere.err.join('\n'), 'does not exist')
  t.equal((await run(auditVerify)).status, 2)
})

t.test('cat filters and prints JSON or a table', async (t) => {
  const { directory } = await spool(t)
  const all = await run(auditCat, directory, '--json')
  t.equal(all.out.length, rowsOf(directory).length)
  const refused = await run(auditCat, directory, '--json', '--where', 'RecordKind=REFUSED')
  t.equal(refused.out.length, 90)
  t.match(JSON.parse(refused.out[0] ?? ''), { RecordKind: 'refused', Ocsf: { class_uid: 6003 } })
  const table = await run(auditCat, directory, '--where', 'Event=checkpoint')
  t.match(table.out[0], /^time +result/)
  t.match(table.out[1], /checkpoint/)
  const none = await run(auditCat, directory, '--json', '--until', '2001-01-01T00:00:00Z')
  t.equal(none.out.length, 0)
  t.equal((await run(auditCat, directory, '--where', 'nonsense')).status, 2)
  t.equal((await run(auditCat, directory, '--since', 'yesterday')).status, 2)
})

t.test('cat follows until it is interrupted', async (t) => {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const audit = await openAudit(optionsOf(directory, azureSink(sink.url)))
  const stop = new AbortController()
  const lines: string[] = []
  const exchange = exchangeOf()
  const following = runCli(
    [...auditCat, directory, '--json', '--follow'],
    ioOf({
      out: (line) => {
        lines.push(line)
        if (line.includes(exchange.id)) stop.abort()
      },
      signal: stop.signal,
    }),
  )
  await audit.recorder.refused(exchange)
  t.equal(await following, 0)
  t.ok(lines.some((line) => line.includes(exchange.id)))
  await audit.close(1_000)
})

t.test('reconcile names what a sink accepted and did not store', async (t) => {
  const { directory, rows } = await spool(t)
  const file = `${directory}/rows.json`
  const save = (value: unknown): void => {
    writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value))
  }
  save(rows)
  t.equal((await run(auditReconcile, directory, '--rows', file)).status, 0)
  const lost = rows[10]
  const stored = rows.filter((row) => row !== lost)
  save(stored.map((row) => JSON.stringify(row)).join('\n'))
  const missing = await run(auditReconcile, directory, '--rows', file, '--json')
  t.equal(missing.status, 1)
  t.equal(
    missing.out.map((line) => JSON.parse(line)).reduce((sum, hour) => sum + hour.missing, 0),
    1,
  )
  t.match(missing.out.join(''), lost?.EventUid ?? '-')
})

t.test('reconcile says what it could not read, and does not pass over it', async (t) => {
  const { directory, rows } = await spool(t)
  const file = `${directory}/rows.json`
  writeFileSync(file, JSON.stringify(rows))
  // one record that is none any more: the sink has it, and the spool cannot show that
  edit(directory, 1, (lines) => lines.map((line, n) => (n === 9 ? line.slice(0, -2) : line)))
  const { status, err } = await run(auditReconcile, directory, '--rows', file)
  t.equal(status, 1)
  t.match(err.join('\n'), /\.jsonl:\d+: .*audit verify/)
})

t.test('an empty directory is no spool that agrees with its sink', async (t) => {
  const directory = t.testdir({ 'rows.json': '[]' })
  const { status, err } = await run(auditReconcile, directory, '--rows', `${directory}/rows.json`)
  t.equal(status, 1)
  t.match(err.join('\n'), 'no audit chain')
})

t.test('reconcile reads an answer of the query API, and counts by the hour', async (t) => {
  const { directory, rows } = await spool(t)
  const file = `${directory}/rows.json`
  const table = {
    tables: [
      {
        name: 'PrimaryResult',
        columns: [{ name: 'EventUid', type: 'string' }],
        rows: rows.map(({ EventUid }) => [EventUid]),
      },
    ],
  }
  writeFileSync(file, JSON.stringify(table, null, 2))
  t.equal((await run(auditReconcile, directory, '--rows', file)).status, 0)
  const hours = new Map<string, number>()
  for (const row of rowsOf(directory)) {
    const hour = `${String(row['EventTime']).slice(0, 13)}:00:00Z`
    hours.set(hour, (hours.get(hour) ?? 0) + 1)
  }
  const counts = [...hours].map(([Hour, Records]) => ({ Hour, Records }))
  writeFileSync(file, JSON.stringify(counts))
  t.equal((await run(auditReconcile, directory, '--rows', file)).status, 0)
  counts[0]!.Records -= 1
  writeFileSync(file, JSON.stringify(counts))
  t.equal((await run(auditReconcile, directory, '--rows', file)).status, 1)
  t.equal((await run(auditReconcile, directory)).status, 2)
})
