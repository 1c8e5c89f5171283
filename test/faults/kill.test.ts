/**
 * kill -9 at random points under load, on one spool, again and again: nothing that was acknowledged is ever lost.
 *
 * HARNESS_KILLS sets how often; 20 by default, to keep `npm test` short.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t, { type Test } from 'tap'
import {
  azureSink,
  chainDirectory,
  optionsOf,
  rowsOf,
  sinkServer,
  spoolDirectory,
} from '../audit/fixtures.ts'
import { openAudit } from '../../src/audit/open.ts'
import { verifyChain } from '../../src/audit/inspect/verify.ts'
import { until } from '../support/eventually.ts'

const KILLS = Number(process.env['HARNESS_KILLS'] ?? 20)
/** A start reads its whole spool: more kills are of more spools. */
const MOST_OF_ONE = 20
const SPOOLS = Math.ceil(KILLS / MOST_OF_ONE)
const ROUNDS = Math.ceil(KILLS / SPOOLS)
const child = resolve(import.meta.dirname, 'writer-process.ts')

t.setTimeout(KILLS * 6_000)
t.jobs = 2

async function killAgainAndAgain(t: Test): Promise<void> {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const acknowledged = `${spoolDirectory(t)}/acknowledged`
  // most of a start is compiling: what the first one has compiled serves the others
  const env = { ...process.env, NODE_OPTIONS: '', NODE_COMPILE_CACHE: spoolDirectory(t) }
  const said = (): string[] =>
    existsSync(acknowledged) ? readFileSync(acknowledged, 'utf8').split('\n').slice(0, -1) : []
  for (let kill = 1; kill <= ROUNDS; kill += 1) {
    const before = said().filter((text) => text === 'open').length
    const victim = spawn(process.execPath, [child, directory, sink.url, acknowledged, '16'], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env,
    })
    const exited = once(victim, 'exit')
    let gone = false
    victim.once('exit', () => {
      gone = true
    })
    await until(() => gone || said().filter((text) => text === 'open').length > before)
    t.notOk(gone, `start ${kill} upon what kill ${kill - 1} left`)
    await new Promise((done) => {
      setTimeout(done, Math.random() * 250)
    })
    victim.kill('SIGKILL')
    await exited
  }

  // the last crash is recovered by this very process, which also ships the rest; retention is long enough to see it
  const options = optionsOf(directory, azureSink(sink.url), {
    spool: { segmentBytes: 262_144, retentionSeconds: 3_600 },
  })
  const audit = await openAudit(options)
  const closed = await audit.close(30_000)
  t.same(closed, { unshipped: 0 })

  // segments that were shipped in full are deleted, so what was acknowledged is looked for at the sink as well
  const rows = new Map(
    [...sink.rows, ...rowsOf(directory)].map((row) => [row.EventUid, row] as const),
  )
  const found = new Set<string>()
  const open = new Set<unknown>()
  for (const { RecordKind, ExchangeId } of [...rows.values()].toSorted((a, b) => a.Seq - b.Seq)) {
    found.add(`${RecordKind} ${String(ExchangeId)}`)
    if (RecordKind === 'authorized') open.add(ExchangeId)
    if (RecordKind === 'completed') open.delete(ExchangeId)
  }
  const records = said().filter((text) => /^(authorized|completed) /.test(text))
  const lost = records.filter((record) => !found.has(record))
  t.comment(`${records.length} acknowledged records, ${rows.size} found`)
  t.ok(records.length > ROUNDS * 10)
  t.same(lost, [], 'every acknowledged record is there')
  t.equal(open.size, 0, 'every intent has an outcome')
  const seqs = [...rows.values()].map(({ Seq }) => Seq).toSorted((a, b) => a - b)
  t.equal(seqs.at(-1), seqs.length, 'numbers have no gap and no number is used twice')
  const verdict = verifyChain(chainDirectory(directory))
  t.equal(verdict.broken, null, 'the chain is whole')
  const delivered = new Set(sink.rows.map(({ EventUid }) => EventUid))
  t.equal(delivered.size, seqs.length, 'the sink has every record, once by its EventUid')
}

for (let spool = 1; spool <= SPOOLS; spool += 1) {
  const name = `${ROUNDS} kills under load lose no acknowledged record (spool ${spool} of ${SPOOLS})`
  t.test(name, { buffered: true }, killAgainAndAgain)
}
