import t from 'tap'
import { openAudit } from '../../src/audit/open.ts'
import { Refusal } from '../../src/errors.ts'
import { azureSink, openFor, optionsOf, rowsOf, sinkServer, spoolDirectory } from './fixtures.ts'
import { until } from '../support/eventually.ts'
import { exchangeOf } from '../support/exchange.ts'

t.test('a request leaves one decision and one outcome at the sink', async (t) => {
  const sink = await sinkServer(t)
  const audit = await openFor(t, optionsOf(spoolDirectory(t), azureSink(sink.url)))
  const exchange = exchangeOf()
  await audit.recorder.authorized(exchange)
  await audit.recorder.completed(exchange, 'success', 12.5)
  await until(() => sink.rows.some(({ RecordKind }) => RecordKind === 'completed'))
  const rows = sink.rows.filter(({ ExchangeId }) => ExchangeId === exchange.id)
  t.same(
    rows.map(({ RecordKind }) => RecordKind),
    ['authorized', 'completed'],
  )
  const [decision, outcome] = rows
  t.match(decision, {
    PrincipalId: exchange.principal?.id,
    Action: 'Microsoft.MachineLearningServices/workspaces/jobs/write',
    TargetResourceId: exchange.operation?.resource.id,
    Decision: 'permit',
    PolicyIds: ['data-scientist@ws'],
    PolicyVersion: 'sha256-abc',
    IdentityName: 'scientists',
    CorrelationId: exchange.id,
    JobName: 'train-1',
  })
  t.match(outcome, {
    Outcome: 'success',
    Status: 201,
    UpstreamStatus: 201,
    BytesIn: 120,
    BytesOut: 900,
    DurationMs: 12.5,
    PrincipalId: exchange.principal?.id,
    UpstreamRequestIds: { 'x-ms-request-id': 'r-1' },
  })
  t.equal(decision?.['EventUid'], `${String(decision?.['ChainId'])}:${decision?.Seq}`)
  t.equal(sink.calls[0]?.headers.authorization, 'Bearer sink-token')
})

t.test('a refusal and bytes that never parsed have a record each', async (t) => {
  const directory = spoolDirectory(t)
  const sink = await sinkServer(t)
  const audit = await openFor(t, optionsOf(directory, azureSink(sink.url)))
  const refusal = new Refusal('policy_refused', 'no policy permits this', {
    policies: ['forbid-1'],
  })
  await audit.recorder.refused(exchangeOf({ refusal, decision: null, identity: null, status: 403 }))
  await audit.recorder.received({
    id: 'one',
    source: { ip: '::1', port: 1 },
    what: 'CONNECT',
    code: 'method_not_allowed',
    status: 405,
  })
  const rows = rowsOf(directory)
  t.match(
    rows.find(({ RecordKind }) => RecordKind === 'refused'),
    {
      Decision: 'refuse',
      RefusalCode: 'policy_refused',
      PolicyIds: ['forbid-1'],
      Outcome: 'denied',
    },
  )
  t.match(
    rows.find(({ RecordKind }) => RecordKind === 'received'),
    { Event: 'CONNECT', Status: 405, SourceIp: '::1' },
  )
})

t.test('an empty list of sinks refuses to start', async (t) => {
  await t.rejects(openAudit(optionsOf(spoolDirectory(t), [])), {
    message: /^audit\.sinks: must have one that is required/,
  })
})

t.test('sinks that are all optional refuse to start', async (t) => {
  const sink = await sinkServer(t)
  const optional = azureSink(sink.url).map((one) => ({ ...one, required: false }))
  await t.rejects(openAudit(optionsOf(spoolDirectory(t), optional)), {
    message: /^audit\.sinks: must have one that is required/,
  })
})

t.test('two sinks of one name refuse to start', async (t) => {
  const sink = await sinkServer(t)
  const twice = [...azureSink(sink.url), ...azureSink(sink.url)]
  await t.rejects(openAudit(optionsOf(spoolDirectory(t), twice)), {
    message: /^audit\.sinks\[1\]\.name: is the same as audit\.sinks\[0\]\.name$/,
  })
})

t.test('limits that contradict each other refuse to start', async (t) => {
  const sink = await sinkServer(t)
  for (const spool of [
    { hardLimitBytes: 100_000, softLimitBytes: 200_000 },
    { segmentBytes: 500_000, hardLimitBytes: 400_000 },
  ]) {
    const options = optionsOf(spoolDirectory(t), azureSink(sink.url), { spool })
    await t.rejects(openAudit(options), { message: /^audit\.spool\.\w+: must be below/ })
  }
})

t.test('a graceful close ships everything and counts nothing left', async (t) => {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const audit = await openAudit(optionsOf(directory, azureSink(sink.url)))
  for (let n = 0; n < 50; n += 1) await audit.recorder.refused(exchangeOf())
  t.same(await audit.close(5000), { unshipped: 0 })
  t.equal(new Set(sink.rows.map(({ EventUid }) => EventUid)).size, rowsOf(directory).length)
})

t.test('a spool that was closed continues its chain', async (t) => {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  for (let boot = 0; boot < 3; boot += 1) {
    const audit = await openAudit(optionsOf(directory, azureSink(sink.url)))
    await audit.recorder.refused(exchangeOf())
    await audit.close(5000)
  }
  const seqs = rowsOf(directory).map(({ Seq }) => Seq)
  t.ok(seqs.length >= 3)
  t.same(
    seqs,
    seqs.map((_, index) => (seqs[0] ?? 0) + index),
  )
})

t.test('who opens a spool that is there is told how far its reading is', async (t) => {
  const directory = spoolDirectory(t)
  const options = optionsOf(directory, azureSink('https://127.0.0.1:9'))
  // each opening begins a segment
  for (const _ of [1, 2, 3]) {
    const audit = await openAudit(options)
    await audit.recorder.refused(exchangeOf())
    await audit.close(1)
  }
  const told: [bytes: number, of: number][] = []
  const again = await openAudit({
    ...options,
    async onRead(...read) {
      told.push(read)
    },
  })
  await again.close(1)
  t.ok(told.length >= 3, 'segment by segment')
  const [[, of] = [0, 0]] = told
  t.ok(of > 0)
  t.equal(
    told.reduce((sum, [bytes]) => sum + bytes, 0),
    of,
  )
})
