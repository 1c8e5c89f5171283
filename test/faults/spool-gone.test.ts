/**
 * A spool whose directory is removed, replaced or robbed while the gateway runs: refused while it cannot be written,
 * begun anew where that is safe, and what is lost is said by the trail and by who verifies it.
 */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import t, { type Test } from 'tap'
import {
  azureSink,
  chainDirectory,
  optionsOf,
  rowsOf,
  sinkServer,
  spoolDirectory,
  type SinkServer,
} from '../audit/fixtures.ts'
import { openAudit, type Audit } from '../../src/audit/open.ts'
import { segmentNames } from '../../src/audit/spool/recover.ts'
import { verifyChain } from '../../src/audit/inspect/verify.ts'
import { until } from '../support/eventually.ts'
import { exchangeOf } from '../support/exchange.ts'

interface Running {
  readonly audit: Audit
  readonly sink: SinkServer
  readonly directory: string
  readonly said: string[]
  /** One request with both of its records. */
  readonly record: () => Promise<void>
}

/** An open trail with some records, all of them at the sink. */
async function running(t: Test, segmentBytes = 1_048_576): Promise<Running> {
  const sink = await sinkServer(t)
  const directory = `${spoolDirectory(t)}/spool`
  const said: string[] = []
  const options = optionsOf(directory, azureSink(sink.url), {
    spool: { segmentBytes, retentionSeconds: 3_600 },
    log: (_, message) => said.push(message),
  })
  const audit = await openAudit(options)
  t.teardown(() => audit.close(100))
  const record = async (): Promise<void> => {
    const exchange = exchangeOf()
    await audit.recorder.authorized(exchange)
    await audit.recorder.completed(exchange, 'success', 1)
  }
  for (let n = 0; n < 10; n += 1) await record()
  await until(() => sink.rows.filter(({ RecordKind }) => RecordKind === 'completed').length === 10)
  return { audit, sink, directory, said, record }
}

const lossAt = (sink: SinkServer): Record<string, unknown> | undefined =>
  sink.rows.find((row) => row['Event'] === 'spool_lost')?.['Detail'] as Record<string, unknown>

/** Every number is at the sink, or said to be lost to it. */
function checkSink(t: Test, sink: SinkServer): void {
  const had = new Set(sink.rows.map(({ Seq }) => Seq))
  for (const row of sink.rows.filter((one) => one['Event'] === 'sink_skipped')) {
    const { firstSeq, lastSeq } = row['Detail'] as { firstSeq: number; lastSeq: number }
    for (let seq = firstSeq; seq <= lastSeq; seq += 1) had.add(seq)
  }
  const seqs = [...had].toSorted((a, b) => a - b)
  t.same(
    seqs,
    seqs.map((_, index) => index + 1),
    'what the spool lost is at the sink, or said to be lost to it',
  )
}

/** A write that is under way may put a file into the folder while it is being removed. */
function removeFolder(directory: string): void {
  rmSync(directory, { recursive: true, maxRetries: 20, retryDelay: 10 })
}

for (const [what, remove] of [
  ['removed', removeFolder],
  [
    'emptied',
    (directory: string) => {
      for (const name of readdirSync(directory)) rmSync(`${directory}/${name}`, { recursive: true })
    },
  ],
  [
    'replaced by an empty one',
    (directory: string) => {
      renameSync(directory, `${directory}.before`)
      mkdirSync(directory, { mode: 0o700 })
    },
  ],
] as const) {
  t.test(`a spool that is ${what} refuses, is begun anew, and says what it lost`, async (t) => {
    const { audit, sink, directory, record } = await running(t)
    const before = rowsOf(directory).at(-1)?.Seq ?? 0
    remove(directory)
    if (what !== 'replaced by an empty one') {
      // not one record is acknowledged into a file that has no name
      await t.rejects(record(), { code: 'audit_unavailable' })
      t.notOk(audit.ready().ok)
    }
    await until(() => lossAt(sink) !== undefined)
    await until(() => audit.ready().ok)
    const loss = lossAt(sink)
    t.match(loss, { segments: 1, firstSeq: 1 })
    t.ok(Number(loss?.['lastSeq']) >= before)
    t.equal(loss?.['records'], loss?.['lastSeq'])
    await record()
    const first = rowsOf(directory)[0]
    t.equal(first?.Seq, Number(loss?.['lastSeq']) + 1, 'the chain goes on')
    const verdict = verifyChain(chainDirectory(directory))
    t.match(verdict.broken?.why, `records 1 to ${String(loss?.['lastSeq'])} are missing`)

    await until(() => sink.rows.some(({ Seq }) => Seq === (rowsOf(directory).at(-1)?.Seq ?? 0)))
    checkSink(t, sink)
    t.same(await audit.close(5_000), { unshipped: 0 })
    const again = await openAudit(optionsOf(directory, azureSink(sink.url)))
    t.ok(again.ready().ok, 'the next start goes on with what is there')
    await again.close(5_000)
    checkSink(t, sink)
  })
}

t.test('what the sink did not have yet is lost by number, for each sink', async (t) => {
  const { sink, directory, said, record } = await running(t)
  sink.answer = (_, response) => {
    response.writeHead(503).end()
    return true
  }
  for (let n = 0; n < 5; n += 1) await record()
  // of what was promised: the event of the failing sink may be in the file and not be durable yet
  const kept = rowsOf(directory).filter(({ RecordKind }) => RecordKind === 'completed')
  const last = kept.at(-1)?.Seq ?? 0
  removeFolder(directory)
  await until(() => said.includes('the audit spool was gone, and is begun anew'))
  sink.answer = () => false
  await until(() => sink.rows.some((row) => row['Event'] === 'sink_skipped'))
  const skipped = sink.rows.find((row) => row['Event'] === 'sink_skipped')?.['Detail']
  const had = new Set(sink.rows.map(({ Seq }) => Seq))
  const { firstSeq, lastSeq } = skipped as { firstSeq: number; lastSeq: number }
  t.ok(lastSeq >= last)
  for (let seq = 1; seq < firstSeq; seq += 1) t.ok(had.has(seq))
  for (let seq = firstSeq; seq <= lastSeq; seq += 1) t.notOk(had.has(seq))
})

t.test('a spool that is away and comes back goes on, whole', async (t) => {
  const { audit, sink, directory, record } = await running(t)
  // something else is where it was: it cannot be begun anew there
  renameSync(directory, `${directory}.away`)
  writeFileSync(directory, '')
  await until(() => !audit.ready().ok)
  await until(() => audit.ready().reasons.join().includes('is not a directory'))
  await t.rejects(record(), { code: 'audit_unavailable' })
  rmSync(directory)
  renameSync(`${directory}.away`, directory)
  await until(() => audit.ready().ok)
  await record()
  await until(() => lossAt(sink) !== undefined)
  t.same(lossAt(sink), { segments: 0, records: 0 })
  t.equal(verifyChain(chainDirectory(directory)).broken, null)
})

t.test('a spool that others can write is not begun in', async (t) => {
  const { audit, directory, record } = await running(t)
  renameSync(directory, `${directory}.before`)
  mkdirSync(directory)
  chmodSync(directory, 0o777)
  await until(() => audit.ready().reasons.join().includes('can be written by others'))
  await t.rejects(record(), { code: 'audit_unavailable' })
  t.same(readdirSync(directory), [])
  chmodSync(directory, 0o700)
  await until(() => audit.ready().ok)
  await record()
})

t.test('a spool that somebody else has begun in stays theirs', async (t) => {
  const { audit, sink, directory, said, record } = await running(t)
  removeFolder(directory)
  const other = await openAudit(optionsOf(directory, azureSink(sink.url)))
  const files = readdirSync(directory)
  await until(() => audit.ready().reasons.join().includes('taken by another process'))
  await t.rejects(record(), { code: 'audit_unavailable' })
  await other.close(5_000)
  t.ok(said.some((message) => message.includes('taken by another process')))
  // it is free now, and another chain is in it
  await new Promise((done) => setTimeout(done, 2_500))
  t.notOk(audit.ready().ok)
  t.same(
    readdirSync(directory).filter((name) => name !== 'lock'),
    files.filter((name) => name !== 'lock'),
  )
})

for (const [what, write] of [
  [
    'another chain',
    (directory: string) => mkdirSync(`${directory}/00000000-0000-4000-8000-000000000000`),
  ],
  [
    'segments of another process',
    (directory: string) => {
      const chain = chainDirectory(directory)
      const [name = ''] = segmentNames(chain)
      writeFileSync(`${chain}/000009${name.slice(6)}`, 'x')
    },
  ],
] as const) {
  t.test(`a spool without a lock and with ${what} is not gone on with`, async (t) => {
    const { audit, directory, record } = await running(t)
    write(directory)
    rmSync(`${directory}/lock`)
    await until(() => audit.ready().reasons.join().includes('taken by another process'))
    await t.rejects(record(), { code: 'audit_unavailable' })
  })
}

t.test('a copy in its place is not what is held', async (t) => {
  const { audit, sink, directory, record } = await running(t)
  cpSync(directory, `${directory}.copy`, { recursive: true, mode: 0 })
  chmodSync(`${directory}.copy`, 0o700)
  for (const name of readdirSync(`${directory}.copy`)) chmodSync(`${directory}.copy/${name}`, 0o700)
  const token = readFileSync(`${directory}/lock`, 'utf8')
  removeFolder(directory)
  renameSync(`${directory}.copy`, directory)
  t.equal(readFileSync(`${directory}/lock`, 'utf8'), token, 'it even says that it is ours')
  await until(() => !audit.ready().ok)
  // whoever looks at the lock finds this very process alive: it is not taken over
  await until(() => audit.ready().reasons.join().includes('is in use by process'))
  await t.rejects(record(), { code: 'audit_unavailable' })
  rmSync(`${directory}/lock`)
  await until(() => audit.ready().ok)
  await record()
  await until(() => lossAt(sink) !== undefined)
})

t.test('a segment that is removed from the middle is said to be, by number', async (t) => {
  const { sink, directory, audit, record } = await running(t, 16_384)
  const chain = chainDirectory(directory)
  for (let n = 0; segmentNames(chain).length < 4; n += 1) await record()
  const victim = segmentNames(chain)[1] ?? ''
  const seqs = readFileSync(`${chain}/${victim}`, 'utf8')
    .split('\n')
    .flatMap((line) => /^\{"RecordKind".*?"Seq":(\d+),/.exec(line)?.[1] ?? [])
    .map(Number)
  await until(() => sink.rows.some(({ Seq }) => Seq === seqs.at(-1)))
  rmSync(`${chain}/${victim}`)
  await until(() => lossAt(sink) !== undefined)
  t.same(lossAt(sink), {
    segments: 1,
    records: seqs.length,
    firstSeq: seqs[0],
    lastSeq: seqs.at(-1),
  })
  await until(() => audit.ready().ok)
  await record()
  t.match(
    verifyChain(chain).broken?.why,
    `records ${seqs[0]} to ${String(seqs.at(-1))} are missing`,
  )
})
