/**
 * Batches of which several wait for their answers at once: whatever becomes of each, a sink gets every record, and counts as
 * having no more than what it took without a gap.
 */
import type { ServerResponse } from 'node:http'
import t from 'tap'
import {
  azureSink,
  openFor,
  optionsOf,
  rowsOf,
  sinkServer,
  spoolDirectory,
  type SinkRow,
  type SinkServer,
  type Test,
} from '../fixtures.ts'
import { openAudit, type Audit } from '../../../src/audit/open.ts'
import { until } from '../../support/eventually.ts'
import { exchangeOf } from '../../support/exchange.ts'

/** Of the kind azure-monitor. */
const AT_ONCE = 4
const keep = { spool: { retentionSeconds: 3_600 } }

interface Held {
  readonly rows: readonly SinkRow[]
  answer(status: number): void
}

interface HeldSink extends SinkServer {
  /** Calls that have no answer yet, those with earlier records first. */
  held(): readonly Held[]
  /** From now on each call is answered at once. */
  let(): void
}

/** A sink that answers when the test says so; it has the rows of what it answers 204. */
async function heldSink(t: Test): Promise<HeldSink> {
  const server = await sinkServer(t)
  const held = new Map<ServerResponse, readonly SinkRow[]>()
  const first = ([row]: readonly SinkRow[]): number => row?.Seq ?? 0
  server.answer = (call, response) => {
    held.set(response, JSON.parse(call.text))
    return true
  }
  return {
    ...server,
    held: () =>
      [...held]
        .toSorted(([, a], [, b]) => first(a) - first(b))
        .map(([response, rows]) => ({
          rows,
          answer(status) {
            held.delete(response)
            if (status === 204) server.rows.push(...rows)
            response.writeHead(status).end()
          },
        })),
    let() {
      server.answer = () => false
    },
  }
}

/** Records of eight batches; the start has been shipped before. */
async function fill(audit: Audit, sink: HeldSink): Promise<void> {
  await until(() => sink.held().length === 1)
  const decision = { ...exchangeOf().decision!, reason: 'r'.repeat(16_000) }
  await Promise.all(
    Array.from({ length: 400 }, () => audit.recorder.refused(exchangeOf({ decision }))),
  )
  sink.held()[0]?.answer(204)
  await until(() => sink.held().length === AT_ONCE)
}

const hasSeq = (audit: Audit): number => {
  const { spool, sinks } = audit.state()
  return spool.records - (sinks[0]?.unshipped ?? 0)
}

const acceptedRows = (audit: Audit): number =>
  audit
    .metrics()
    .filter(({ name }) => name === 'audit_sink_rows_total')
    .flatMap(({ values }) => values)
    .filter(({ labels }) => JSON.stringify(labels).includes('accepted'))
    .reduce((sum, { value }) => sum + value, 0)

const seqsOf = (rows: readonly SinkRow[]): number[] =>
  rows.map(({ Seq }) => Seq).toSorted((a, b) => a - b)

/** Each row of the spool is at the sink, once. */
function checkOnce(
  t: { same(a: unknown, b: unknown, m: string): unknown },
  sink: SinkServer,
  directory: string,
) {
  t.same(seqsOf(sink.rows), seqsOf(rowsOf(directory)), 'every record, once')
}

t.test('several full batches are under way, and count in order', async (t) => {
  const sink = await heldSink(t)
  const directory = spoolDirectory(t)
  const audit = await openFor(
    t,
    optionsOf(directory, azureSink(sink.url), { ...keep, timing: { sendTimeoutMs: 60_000 } }),
  )
  await fill(audit, sink)
  const before = hasSeq(audit)
  const [first, ...others] = sink.held()
  if (first === undefined) throw new Error('no call')
  t.equal(first.rows[0]?.Seq, before + 1)
  const accepted = acceptedRows(audit)
  const behind = others.flatMap(({ rows }) => rows).length
  for (const call of others.toReversed()) call.answer(204)
  await until(() => acceptedRows(audit) === accepted + behind)
  t.equal(hasSeq(audit), before, 'what is behind a gap does not count')
  sink.let()
  first.answer(204)
  await until(() => hasSeq(audit) >= before + first.rows.length + behind)
  t.same(await audit.close(20_000), { unshipped: 0 })
  checkOnce(t, sink, directory)
})

t.test('what was not taken is sent again, and what was taken is not', async (t) => {
  const sink = await heldSink(t)
  const directory = spoolDirectory(t)
  const audit = await openFor(
    t,
    optionsOf(directory, azureSink(sink.url), {
      ...keep,
      timing: { sendTimeoutMs: 60_000, lingerMs: 5, firstBackoffMs: 10, maxBackoffMs: 40 },
    }),
  )
  await fill(audit, sink)
  const calls = sink.held()
  const failed = [calls[0], calls[2]].map((call) => seqsOf(call?.rows ?? []))
  for (const [index, call] of calls.entries()) call.answer(index % 2 === 0 ? 503 : 204)
  await until(() => sink.held().length > 0)
  const [again, ...more] = sink.held()
  t.same(more, [], 'at first one alone')
  t.same(seqsOf(again?.rows ?? []), failed[0])
  again?.answer(204)
  await until(() => sink.held().length === AT_ONCE - 1)
  t.same(seqsOf(sink.held()[0]?.rows ?? []), failed[1], 'then the other, and more')
  sink.let()
  for (const call of sink.held()) call.answer(204)
  t.same(await audit.close(20_000), { unshipped: 0 })
  checkOnce(t, sink, directory)
})

t.test('a row that is rejected in the middle is put aside alone', async (t) => {
  const sink = await sinkServer(t)
  const poison = exchangeOf()
  sink.answer = (call, response) => {
    if (!call.text.includes(poison.id)) return false
    response.writeHead(400).end()
    return true
  }
  const directory = spoolDirectory(t)
  const audit = await openFor(t, optionsOf(directory, azureSink(sink.url), keep))
  const decision = { ...exchangeOf().decision!, reason: 'r'.repeat(16_000) }
  await Promise.all(
    Array.from({ length: 300 }, (_, n) =>
      audit.recorder.refused(exchangeOf(n === 150 ? { ...poison, decision } : { decision })),
    ),
  )
  t.same(await audit.close(20_000), { unshipped: 0 })
  const aside = rowsOf(directory).filter(({ ExchangeId }) => ExchangeId === poison.id)
  t.equal(aside.length, 1)
  checkOnce(t, { ...sink, rows: [...sink.rows, ...aside] }, directory)
})

t.test('a stop with batches under way loses nothing', async (t) => {
  const sink = await heldSink(t)
  const directory = spoolDirectory(t)
  const options = optionsOf(directory, azureSink(sink.url), {
    ...keep,
    timing: { sendTimeoutMs: 60_000 },
  })
  const audit = await openAudit(options)
  await fill(audit, sink)
  // the last of them is taken, which must not count
  const taken = sink.held()[AT_ONCE - 1]
  taken?.answer(204)
  const { unshipped } = await audit.close(100)
  t.ok(unshipped > (taken?.rows.length ?? 0))
  sink.let()
  t.same(await (await openAudit(options)).close(20_000), { unshipped: 0 })
  const wanted = seqsOf(rowsOf(directory))
  t.same([...new Set(seqsOf(sink.rows))], wanted, 'every record')
})
