/** Which sinks get rows with their OCSF event: as the configuration says, and by kind where it says nothing. */
import t from 'tap'
import {
  azureSink,
  openFor,
  optionsOf,
  sinkServer,
  spoolDirectory,
  type Test,
} from '../../fixtures.ts'
import { SINKS } from '../../../../src/audit/ship/sinks/sinks.ts'
import type { AuditConfig } from '../../../../src/config/schema/schema.ts'
import { exchangeOf } from '../../../support/exchange.ts'

type Sinks = AuditConfig['sinks']

/** The rows that a sink gets of a short life of the gateway, at the URL of its server. */
async function shippedTo(
  t: Test,
  sinksAt: (url: string) => Sinks,
): Promise<Record<string, unknown>[]> {
  const server = await sinkServer(t)
  const audit = await openFor(t, optionsOf(spoolDirectory(t), sinksAt(server.url)))
  await audit.recorder.refused(exchangeOf())
  await audit.close(5_000)
  return server.calls.flatMap(({ text }) => {
    const lines = text.trim().split('\n').join(',')
    return JSON.parse(text.startsWith('[') ? text : `[${lines}]`)
  })
}

const https = (endpoint: string): Sinks => [{ name: 'any', kind: 'https', endpoint }]

t.test('by default all kinds but azure-monitor have it', (t) => {
  const without = Object.entries(SINKS).filter(([, { ocsf }]) => !ocsf)
  t.same(
    without.map(([kind]) => kind),
    ['azure-monitor'],
  )
  t.end()
})

t.test('azure monitor gets columns alone', async (t) => {
  const rows = await shippedTo(t, azureSink)
  t.ok(rows.some(({ RecordKind }) => RecordKind === 'refused'))
  for (const row of rows) t.notOk(Object.hasOwn(row, 'Ocsf'))
})

t.test('and the event where it is asked for', async (t) => {
  const rows = await shippedTo(t, (url) => azureSink(url).map((sink) => ({ ...sink, ocsf: true })))
  t.ok(rows.some(({ RecordKind }) => RecordKind === 'refused'))
  for (const row of rows) t.match(row, { Ocsf: { metadata: { uid: row['EventUid'] } } })
})

t.test('other kinds get the event, unless they are told not to', async (t) => {
  for (const row of await shippedTo(t, https)) {
    t.match(row, { Ocsf: { metadata: { uid: row['EventUid'] } } })
  }
  const rows = await shippedTo(t, (url) => https(url).map((sink) => ({ ...sink, ocsf: false })))
  t.ok(rows.length > 0)
  for (const row of rows) t.notOk(Object.hasOwn(row, 'Ocsf'))
})
