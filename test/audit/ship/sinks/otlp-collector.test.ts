/**
 * OTLP against a real OpenTelemetry Collector, where one lies in `.otelcol` (test/audit/ship/sinks/otel-collector/install.sh
 * builds it): with TLS and a bearer token, as in use.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import t from 'tap'
import { parse } from 'yaml'
import {
  openFor,
  optionsOf,
  rowsOf,
  spoolDirectory,
  type SinkRow,
  type Test,
} from '../../fixtures.ts'
import {
  attributesOf,
  skip,
  startCollector,
  uidOf,
  validate,
  type Collector,
  type LogRecord,
} from './otel-collector/collector.ts'
import { startRelay } from './otel-collector/relay.ts'
import { ensureCertificates } from '../../../../lab/identity/ca.ts'
import { readSecret } from '../../../../src/config/secrets.ts'
import type { Audit } from '../../../../src/audit/open.ts'
import { withOcsf } from '../../../../src/audit/record/ocsf.ts'
import { until } from '../../../support/eventually.ts'
import { exchangeOf } from '../../../support/exchange.ts'

const TOKEN = 'token-of-the-collector'

/** A collector, and a way to open a trail that ships to it through `port`. */
async function world(t: Test, options: { maxBodyBytes?: number } = {}) {
  const directory = spoolDirectory(t)
  const certificates = await ensureCertificates(`${directory}/ca`)
  // as NODE_EXTRA_CA_CERTS does for a process
  setDefaultCACertificates([...getCACertificates('default'), certificates.ca])
  const accepted = `${directory}/accepted`
  const ours = `${directory}/ours`
  for (const file of [accepted, ours]) writeFileSync(file, `${TOKEN}\n`, { mode: 0o600 })
  const collector = await startCollector(t, {
    directory,
    certificates,
    tokenFile: accepted,
    ...options,
  })
  const spool = spoolDirectory(t)
  const open = (port = collector.port, compression?: 'gzip'): Promise<Audit> =>
    openFor(
      t,
      optionsOf(
        spool,
        [
          {
            name: 'o',
            kind: 'otlp',
            endpoint: `https://localhost:${port}`,
            token: { fromFile: ours },
            ...(compression !== undefined && { compression }),
          },
        ],
        {
          spool: { retentionSeconds: 3_600 },
          secret: (source) => readSecret(source, {}),
          // a slow machine is no reason to send twice
          timing: { lingerMs: 5, firstBackoffMs: 10, maxBackoffMs: 40, holdMs: 20 },
        },
      ),
    )
  return { accepted, certificates, collector, spool, open }
}

const refuse = async (audit: Audit, count: number): Promise<void> => {
  for (let n = 0; n < count; n += 1) await audit.recorder.refused(exchangeOf())
}

const unshipped = (audit: Audit): number | undefined =>
  audit.metrics().find(({ name }) => name === 'audit_unshipped_records')?.values[0]?.value

const keysOf = (rows: readonly SinkRow[]): string[] => rows.map(({ EventUid }) => EventUid)

const eventIn = (spool: string, event: string): boolean =>
  rowsOf(spool).some(({ Event }) => Event === event)

/** Every record of the spool once by its key, with the spool's own words. */
function whole(
  t: { same(found: unknown, wanted: unknown): unknown },
  collector: Collector,
  spool: string,
): void {
  const byKey = Map.groupBy(collector.records(), uidOf)
  t.same([...byKey.keys()].toSorted(), keysOf(rowsOf(spool)).toSorted())
  for (const row of rowsOf(spool)) {
    const bodies = new Set((byKey.get(row.EventUid) ?? []).map(({ body }) => body.stringValue))
    // one, however often the record came
    t.same(
      [...bodies].map((text) => JSON.parse(text)),
      [JSON.parse(withOcsf(JSON.stringify(row)))],
    )
  }
}

const named = (records: readonly LogRecord[], kind: string): LogRecord[] =>
  records.filter(({ eventName }) => eventName === `azureml_harness.audit.${kind}`)

for (const compression of [undefined, 'gzip'] as const) {
  const how = compression === undefined ? '' : ', compressed'
  t.test(`a real collector has every record once, as documented${how}`, { skip }, async (t) => {
    const { collector, spool, open } = await world(t)
    const audit = await open(collector.port, compression)
    await refuse(audit, 100)
    const ended = exchangeOf()
    await audit.recorder.authorized(ended)
    await audit.recorder.completed(ended, 'success', 12)
    t.same(await audit.close(20_000), { unshipped: 0 })

    const records = collector.records()
    whole(t, collector, spool)
    t.equal(records.length, rowsOf(spool).length, 'none came twice')
    t.same(records.map(uidOf), keysOf(rowsOf(spool)), 'in order')

    for (const { resource, scopeLogs } of collector.received()) {
      t.same(attributesOf(resource.attributes), {
        'service.name': 'azureml-harness',
        'service.version': '0.0.0-test',
      })
      for (const { scope } of scopeLogs)
        t.same(scope, { name: 'azureml-harness.audit', version: '0.0.0-test' })
    }
    t.same([named(records, 'refused').length, named(records, 'authorized').length], [100, 1])
    for (const record of records) {
      const row: Record<string, unknown> = JSON.parse(record.body.stringValue)
      const at = BigInt(record.timeUnixNano)
      t.equal(new Date(Number(at / 1_000_000n)).toISOString(), row['EventTime'])
      t.equal(record.observedTimeUnixNano, record.timeUnixNano)
      t.same(attributesOf(record.attributes), {
        'event.uid': row['EventUid'],
        'azureml_harness.exchange_id': row['ExchangeId'] ?? '',
      })
      const warn = row['RecordKind'] === 'refused' || row['RecordKind'] === 'received'
      t.same(
        [record.severityNumber, record.severityText, record.eventName],
        [
          warn ? 13 : 9,
          warn ? 'WARN' : 'INFO',
          `azureml_harness.audit.${String(row['RecordKind'])}`,
        ],
      )
    }
  })
}

t.test('a collector that is killed before it answers has a record twice', { skip }, async (t) => {
  const { collector, spool, open } = await world(t)
  const relay = await startRelay(t, collector.port)
  const audit = await open(relay.port)
  await refuse(audit, 20)
  // the answer, too: one that is held back is followed by connections that cannot begin either
  await until(() => unshipped(audit) === 0)
  const before = collector.records().length

  relay.holdAnswers()
  await refuse(audit, 20)
  await until(() => collector.records().length > before)
  await collector.kill()
  relay.cut()
  await until(() => eventIn(spool, 'sink_failing'))
  await collector.start()
  await refuse(audit, 20)

  t.same(await audit.close(20_000), { unshipped: 0 })
  whole(t, collector, spool)
  t.ok(collector.records().length > rowsOf(spool).length, 'some came twice')
})

t.test('a collector that is killed again and again loses nothing', { skip }, async (t) => {
  const { collector, spool, open } = await world(t)
  const audit = await open()
  for (let kills = 0; kills < 3; kills += 1) {
    const before = collector.records().length
    const writing = refuse(audit, 100)
    await until(() => collector.records().length > before)
    await collector.kill()
    await writing
    await collector.start()
  }
  t.same(await audit.close(20_000), { unshipped: 0 })
  whole(t, collector, spool)
})

t.test('a batch over the collector’s limit is halved until it fits', { skip }, async (t) => {
  const { accepted, collector, spool, open } = await world(t, { maxBodyBytes: 32_768 })
  const answer = await fetch(`https://localhost:${collector.port}/v1/logs`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${readFileSync(accepted, 'utf8').trim()}`,
      'content-type': 'application/json',
    },
    body: ' '.repeat(32_769),
  })
  t.equal(answer.status, 400, 'where the specification has 413')
  await answer.body?.cancel()

  await collector.kill()
  const audit = await open()
  await refuse(audit, 20)
  const huge = exchangeOf({
    decision: {
      verdict: 'refuse',
      policies: ['policy'],
      reason: 'y'.repeat(16_000),
      version: 'sha256-abc',
      shadow: [],
      facts: {},
      memberships: Array.from({ length: 150 }, (_, n) => ({
        type: 'Group',
        id: `entra/${n}-${'x'.repeat(200)}`,
      })),
    },
  })
  await audit.recorder.refused(huge)
  await refuse(audit, 20)
  await collector.start()
  await until(() => eventIn(spool, 'dead_letter'))
  t.same(await audit.close(20_000), { unshipped: 0 })

  const dead = readFileSync(`${spool}/o.dead-letter.jsonl`, 'utf8').trim().split('\n')
  t.equal(dead.length, 1)
  t.match(JSON.parse(dead[0] ?? ''), { ExchangeId: huge.id })
  const buried: string = JSON.parse(dead[0] ?? '').EventUid
  t.same(
    collector.records().map(uidOf),
    keysOf(rowsOf(spool)).filter((uid) => uid !== buried),
    'every other record came once',
  )
})

t.test('a collector that cannot write is tried again', { skip }, async (t) => {
  const { collector, spool, open } = await world(t)
  // no directory can be made where a file is
  const place = dirname(collector.output())
  rmSync(place, { recursive: true })
  writeFileSync(place, '')
  const audit = await open()
  await refuse(audit, 20)
  await until(() => eventIn(spool, 'sink_failing'))
  const why = rowsOf(spool).find(({ Event }) => Event === 'sink_failing')
  t.match(JSON.stringify(why), /status 503/)
  rmSync(place)
  t.same(await audit.close(20_000), { unshipped: 0 })
  whole(t, collector, spool)
})

t.test('a collector that wants another token holds the sink', { skip }, async (t) => {
  const { accepted, collector, spool, open } = await world(t)
  writeFileSync(accepted, 'another-token\n')
  const audit = await open()
  await refuse(audit, 20)
  await until(() => eventIn(spool, 'sink_held'))
  t.notOk(existsSync(collector.output()), 'it has written nothing')
  writeFileSync(accepted, `${TOKEN}\n`)
  t.same(await audit.close(20_000), { unshipped: 0 })
  whole(t, collector, spool)
})

t.test('a collector takes the documented configuration', { skip }, async (t) => {
  const text = readFileSync(new URL('../../../../docs/audit.md', import.meta.url), 'utf8')
  const [, block = ''] = /```yaml\n(extensions:.*?)```/s.exec(text) ?? []
  const { extensions, receivers, service } = parse(block)
  t.same(service.pipelines.logs.receivers, ['otlp'])
  // what leads to a store, and its queue, are the reader's own
  delete extensions.file_storage
  const config = {
    extensions,
    receivers,
    exporters: { file: { path: 'out' } },
    service: {
      extensions: ['bearertokenauth'],
      pipelines: { logs: { receivers: ['otlp'], exporters: ['file'] } },
    },
  }
  const file = `${spoolDirectory(t)}/otelcol.yaml`
  writeFileSync(file, JSON.stringify(config))
  t.equal(validate(file), '')
  writeFileSync(file, JSON.stringify({ ...config, receivers: { otlp: { protocol: {} } } }))
  t.not(validate(file), '', 'and it does look')
})
