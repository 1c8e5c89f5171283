/**
 * What a crash, a bad disk or an attacker leaves behind, found at the next start.
 */
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import t from 'tap'
import {
  azureSink,
  chainDirectory,
  optionsOf,
  rowsOf,
  sinkServer,
  spoolDirectory,
} from '../audit/fixtures.ts'
import { openAudit } from '../../src/audit/open.ts'
import { segmentNames } from '../../src/audit/spool/recover.ts'
import { scanSegment, writtenOf } from '../../src/audit/spool/scan.ts'
import { verifyChain } from '../../src/audit/inspect/verify.ts'
import type { AuditConfig } from '../../src/config/schema/schema.ts'
import type { Test } from '../audit/fixtures.ts'
import { exchangeOf } from '../support/exchange.ts'

/** A spool as a process that was killed leaves it: no closing records. */
async function crashed(t: Test, records: number, spool: Partial<AuditConfig['spool']> = {}) {
  const sink = await sinkServer(t)
  sink.answer = (_, response) => {
    response.writeHead(503).end()
    return true
  }
  const live = spoolDirectory(t)
  const audit = await openAudit(optionsOf(live, azureSink(sink.url), { spool }))
  for (let n = 0; n < records; n += 1) await audit.recorder.refused(exchangeOf())
  const directory = spoolDirectory(t)
  cpSync(live, directory, { recursive: true })
  rmSync(`${directory}/lock`)
  await audit.close(0)
  return { directory, options: optionsOf(directory, azureSink(sink.url), { spool }) }
}

const lastSegment = (directory: string): string => {
  const chain = chainDirectory(directory)
  return `${chain}/${segmentNames(chain).at(-1)}`
}

/** Where the last group of a segment begins. */
function lastGroup(whole: Buffer): number {
  const last = whole.lastIndexOf('\n{"group":')
  return whole.indexOf(10, whole.lastIndexOf('\n{"group":', last - 1) + 1) + 1
}

t.test('the last group cut at every offset is repaired and declared', async (t) => {
  const { directory } = await crashed(t, 3)
  const whole = writtenOf(readFileSync(lastSegment(directory)))
  const start = lastGroup(whole)
  for (let length = start; length < whole.length; length += 1) {
    const scan = scanSegment(whole.subarray(0, length), Infinity, () => {})
    if (scan.bytes !== start || scan.recordsBehind) t.fail(`cut at ${length}`)
    if (length > start && scan.fault === null) t.fail(`cut at ${length} was not seen`)
  }
  t.pass(`${whole.length - start} offsets`)
})

t.test('each byte of the last group flipped is repaired and declared', async (t) => {
  const { directory } = await crashed(t, 3)
  const whole = writtenOf(readFileSync(lastSegment(directory)))
  const start = lastGroup(whole)
  for (let at = start; at < whole.length; at += 1) {
    const flipped = Buffer.from(whole)
    flipped[at] = (flipped[at] ?? 0) ^ 0x01
    const scan = scanSegment(flipped, Infinity, () => {})
    if (scan.bytes !== start || scan.fault === null) t.fail(`flip at ${at} was not seen`)
  }
  t.pass(`${whole.length - start} flips`)
})

const cut = (whole: Buffer) => whole.subarray(0, whole.length - 40)

/** The last group as a power failure leaves it where a block of it was not written: zeros stand in its place. */
function withHole(whole: Buffer): Buffer {
  const start = lastGroup(whole)
  const quarter = Math.floor((whole.length - start) / 4)
  return Buffer.from(whole).fill(0, start + quarter, start + 2 * quarter)
}

for (const [name, damage] of [
  ['cut', cut],
  ['cut, with zeros behind', (whole: Buffer) => Buffer.concat([cut(whole), Buffer.alloc(4_096)])],
  ['whole but for zeros in it', withHole],
  [
    'whole but for zeros in it, with zeros behind',
    (whole: Buffer) => Buffer.concat([withHole(whole), Buffer.alloc(131_072)]),
  ],
  ['without its line feed', (whole: Buffer) => whole.subarray(0, whole.length - 1)],
  [
    'followed by half a record',
    (whole: Buffer) => Buffer.concat([whole, whole.subarray(600, 900)]),
  ],
] as const) {
  t.test(`a start upon a tail that is ${name} repairs it with a record of it`, async (t) => {
    const { directory, options } = await crashed(t, 3)
    const path = lastSegment(directory)
    const before = rowsOf(directory).length
    writeFileSync(path, damage(writtenOf(readFileSync(path))))
    const audit = await openAudit(options)
    await audit.close(0)
    const rows = rowsOf(directory)
    const declared = rows.find(({ Event }) => Event === 'recovered')
    t.match(declared?.['Detail'], { droppedBytes: Number, sha256: /^[0-9a-f]{64}$/ })
    const kept = String((declared?.['Detail'] as { keptAs?: string } | undefined)?.keptAs)
    const text = readFileSync(`${chainDirectory(directory)}/${kept}`)
    t.not(text.at(-1), 0, 'what was cut is kept, without zeros behind')
    t.ok(rows.length > before - 1)
    const verdict = verifyChain(chainDirectory(directory))
    t.equal(verdict.broken, null)
    t.equal(verdict.repairs, 1)
    t.same(
      rows.map(({ Seq }) => Seq),
      rows.map((_, index) => index + 1),
      'numbers have no gap',
    )
  })
}

t.test('zeros that were written ahead are cut at a start, which is no repair', async (t) => {
  const { directory, options } = await crashed(t, 3)
  const path = lastSegment(directory)
  const left = readFileSync(path)
  const whole = writtenOf(left)
  t.ok(left.length > whole.length + 100_000, 'a killed process leaves them')
  t.equal(verifyChain(chainDirectory(directory)).broken, null)
  const audit = await openAudit(options)
  t.same(readFileSync(path), whole)
  await audit.close(0)
  t.notOk(rowsOf(directory).some(({ Event }) => Event === 'recovered'))
  for (const name of segmentNames(chainDirectory(directory))) {
    const segment = readFileSync(`${chainDirectory(directory)}/${name}`)
    t.equal(segment.at(-1), 10, 'a closed segment has none')
  }
  t.match(verifyChain(chainDirectory(directory)), { broken: null, repairs: 0 })
})

t.test('zeros in the place of a group that others follow are no repair', async (t) => {
  const { directory, options } = await crashed(t, 5)
  const path = lastSegment(directory)
  const whole = readFileSync(path)
  const begin = whole.indexOf(10) + 1
  whole.fill(0, begin, whole.indexOf(10, whole.indexOf('\n{"group":', begin) + 1) + 1)
  writeFileSync(path, whole)
  await t.rejects(openAudit(options), { message: /the audit chain is broken in segment/ })
  t.not(verifyChain(chainDirectory(directory)).broken, null)
})

t.test('a segment whose header was never whole is put aside', async (t) => {
  const { directory, options } = await crashed(t, 3)
  const chain = chainDirectory(directory)
  const next = (segmentNames(chain).at(-1) ?? '').replace('000000.jsonl', '000001.jsonl')
  writeFileSync(`${chain}/${next}`, '{"kind":"header","sch', { mode: 0o600 })
  const audit = await openAudit(options)
  await audit.close(0)
  t.equal(verifyChain(chain).broken, null)
  t.ok(rowsOf(directory).some(({ Event }) => Event === 'recovered'))
})

t.test('a flipped byte in the middle refuses to start and names the segment', async (t) => {
  const { directory, options } = await crashed(t, 5)
  const path = lastSegment(directory)
  const whole = writtenOf(readFileSync(path))
  const middle = Math.floor(whole.length / 2)
  whole[middle] = (whole[middle] ?? 0) ^ 0x01
  writeFileSync(path, whole)
  await t.rejects(openAudit(options), { message: /the audit chain is broken in segment/ })
  t.not(verifyChain(chainDirectory(directory)).broken, null)
})

t.test('a deleted middle segment refuses to start', async (t) => {
  const { directory, options } = await crashed(t, 120, { segmentBytes: 65_536 })
  const chain = chainDirectory(directory)
  const names = segmentNames(chain)
  t.ok(names.length > 2, `${names.length} segments`)
  rmSync(`${chain}/${names[1]}`)
  await t.rejects(openAudit(options), { message: /does not continue the segment before it/ })
  t.match(verifyChain(chain).broken, { why: /are missing/ })
})

t.test('an intent without an outcome gets one that says unknown', async (t) => {
  const sink = await sinkServer(t)
  const live = spoolDirectory(t)
  const audit = await openAudit(optionsOf(live, azureSink(sink.url)))
  const open = exchangeOf()
  const ended = exchangeOf()
  await audit.recorder.authorized(open)
  await audit.recorder.authorized(ended)
  await audit.recorder.completed(ended, 'success', 1)
  const directory = spoolDirectory(t)
  cpSync(live, directory, { recursive: true })
  rmSync(`${directory}/lock`)
  await audit.close(1000)
  const options = optionsOf(directory, azureSink(sink.url))
  for (let boot = 0; boot < 2; boot += 1) await (await openAudit(options)).close(1000)
  const outcomes = (id: string) =>
    rowsOf(directory)
      .filter(({ ExchangeId, RecordKind }) => ExchangeId === id && RecordKind === 'completed')
      .map(({ Outcome }) => Outcome)
  t.same(outcomes(open.id), ['unknown'], 'once, however often it starts')
  t.same(outcomes(ended.id), ['success'])
  const [unknown] = rowsOf(directory).filter(({ Outcome }) => Outcome === 'unknown')
  t.match(unknown, { PrincipalId: open.principal?.id, Action: open.operation?.action })
})

t.test('a second process on the same spool refuses to start', async (t) => {
  const sink = await sinkServer(t)
  const options = optionsOf(spoolDirectory(t), azureSink(sink.url))
  const audit = await openAudit(options)
  await t.rejects(openAudit(options), { message: /in use by process/ })
  t.ok(audit.ready().ok)
  await audit.close(100)
})

t.test('the lock of a dead process is taken over', async (t) => {
  const { directory, options } = await crashed(t, 1)
  const audit = await openAudit(options)
  const lock = readFileSync(`${directory}/lock`, 'utf8')
  await audit.close(0)
  // the same process id with another start time: a later process that got the number of a dead one
  writeFileSync(`${directory}/lock`, lock.replace(/"started":"\d+"/, '"started":"1"'))
  const again = await openAudit(options)
  t.ok(again.ready().ok)
  await again.close(0)
})

t.test('a spool whose lock was taken stops writing', async (t) => {
  const { directory, options } = await crashed(t, 1)
  const audit = await openAudit(options)
  writeFileSync(`${directory}/lock`, '{"token":"somebody else"}')
  while (audit.ready().ok) {
    await new Promise((resolve) => {
      setTimeout(resolve, 50)
    })
  }
  await t.rejects(audit.recorder.refused(exchangeOf()), { code: 'audit_unavailable' })
  await audit.close(0)
})

t.test('a spool that others may write to refuses to start', async (t) => {
  const sink = await sinkServer(t)
  for (const mode of [0o770, 0o707, 0o777]) {
    const directory = spoolDirectory(t)
    chmodSync(directory, mode)
    await t.rejects(openAudit(optionsOf(directory, azureSink(sink.url))), {
      message: /can be written by others/,
    })
  }
})

t.test('two chains in one spool refuse to start', async (t) => {
  const { directory, options } = await crashed(t, 1)
  mkdirSync(`${directory}/00000000-0000-0000-0000-000000000000`, { mode: 0o700 })
  await t.rejects(openAudit(options), { message: /holds 2 chains/ })
})

t.test('a lost cursor sends again rather than never', async (t) => {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const options = optionsOf(directory, azureSink(sink.url))
  await (await openAudit(options)).close(2000)
  const first = new Set(sink.rows.map(({ EventUid }) => EventUid))
  appendFileSync(`${directory}/monitor.cursor`, 'garbage')
  await (await openAudit(options)).close(2000)
  const uids = sink.rows.map(({ EventUid }) => EventUid)
  t.ok(uids.length > new Set(uids).size, 'the first records came twice')
  for (const uid of first) t.ok(uids.includes(uid))
})
