/**
 * The trail's own life is on record: opening, closing, degraded, recovered, sinks that fail and come back.
 */
import t from 'tap'
import { errno, faultyDisk, type Faults } from './disk.ts'
import {
  azureSink,
  openFor,
  optionsOf,
  rowsOf,
  sinkServer,
  spoolDirectory,
} from '../audit/fixtures.ts'
import { until } from '../support/eventually.ts'
import { exchangeOf } from '../support/exchange.ts'

const keep = { spool: { retentionSeconds: 3_600 } }
const eventsOf = (directory: string) => rowsOf(directory).map(({ Event }) => Event)

t.test('opening and closing are records', async (t) => {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const audit = await openFor(t, optionsOf(directory, azureSink(sink.url), keep))
  await audit.recorder.event('policy_loaded', { version: 'sha256-1' })
  await audit.close(2_000)
  const rows = rowsOf(directory)
  t.match(
    rows.find(({ Event }) => Event === 'audit_opened'),
    { Detail: { durability: 'fsync', sinks: 'monitor', keyId: /^[0-9a-f]{16}$/ } },
  )
  t.match(
    rows.find(({ Event }) => Event === 'policy_loaded'),
    { Detail: { version: 'sha256-1' } },
  )
  t.ok(rows.some(({ Event }) => Event === 'audit_closing'))
})

t.test('a disk that failed and recovered is on record, and so is the time between', async (t) => {
  const sink = await sinkServer(t)
  const directory = spoolDirectory(t)
  const faults: Faults = {}
  const files = faultyDisk(faults)
  const audit = await openFor(t, optionsOf(directory, azureSink(sink.url), { ...keep, files }))
  faults.datasync = () => {
    throw errno('EIO')
  }
  await t.rejects(audit.recorder.authorized(exchangeOf()), { code: 'audit_unavailable' })
  delete faults.datasync
  await until(() => audit.ready().ok)
  await until(() => eventsOf(directory).includes('spool_recovered'))
  t.match(
    rowsOf(directory).find(({ Event }) => Event === 'spool_recovered'),
    { Detail: { code: 'EIO' } },
  )
})

t.test('degraded and ready again are records', async (t) => {
  const sink = await sinkServer(t)
  let down = true
  sink.answer = (_, response) => {
    if (down) response.writeHead(503).end()
    return down
  }
  const directory = spoolDirectory(t)
  const audit = await openFor(
    t,
    optionsOf(directory, azureSink(sink.url), {
      spool: { segmentBytes: 65_536, softLimitBytes: 150_000, hardLimitBytes: 900_000 },
    }),
  )
  while (audit.ready().ok) await audit.recorder.refused(exchangeOf())
  t.same(audit.ready().reasons, ['the audit spool is above its soft limit'])
  await until(() => eventsOf(directory).includes('audit_degraded'))
  down = false
  await until(() => audit.ready().ok)
  await until(() => sink.rows.some(({ Event }) => Event === 'audit_ready'))
  const arrived = sink.rows.map(({ Event }) => Event)
  for (const event of ['audit_degraded', 'sink_failing', 'sink_ok', 'segment_retired']) {
    t.ok(arrived.includes(event), event)
  }
})
