/**
 * OTLP, Splunk and plain HTTPS as their receivers speak, over real HTTP.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import t from 'tap'
import {
  batchOf,
  openFor,
  optionsOf,
  rowsOf,
  shipped,
  sinkServer,
  spoolDirectory,
} from '../../fixtures.ts'
import { openAudit } from '../../../../src/audit/open.ts'
import { createHttpsSink } from '../../../../src/audit/ship/sinks/https.ts'
import { createOtlpSink } from '../../../../src/audit/ship/sinks/otlp.ts'
import { createSplunkSink } from '../../../../src/audit/ship/sinks/splunk-hec.ts'
import { createStdoutSink } from '../../../../src/audit/ship/sinks/stdout.ts'
import { createAzureMonitorSink, scopeOf } from '../../../../src/audit/ship/sinks/azure-monitor.ts'
import { judgeStatus } from '../../../../src/audit/ship/sinks/post.ts'
import { retryAfterMs } from '../../../../src/lib/http.ts'
import type { ShippedRow } from '../../../../src/audit/ship/batch.ts'
import { until } from '../../../support/eventually.ts'
import { exchangeOf } from '../../../support/exchange.ts'

const signal = () => AbortSignal.timeout(2_000)
const row = (seq: number): ShippedRow =>
  shipped(
    seq,
    `{"RecordKind":"refused","ExchangeId":"e-${seq}","EventUid":"c:${seq}","EventTime":"2026-11-21T23:00:00.123Z","n":${seq}}`,
  )
const rows = [row(1), row(2), row(3)]

t.test('https sends JSON lines with a token and a name for the batch', async (t) => {
  const server = await sinkServer(t)
  const sink = createHttpsSink({ name: 'h', required: true, endpoint: server.url, token: 'tok' })
  t.same(await sink.send(batchOf(rows), signal()), { kind: 'accepted' })
  const [call] = server.calls
  t.equal(call?.headers.authorization, 'Bearer tok')
  t.equal(call?.headers['idempotency-key'], 'c:1-3')
  t.equal(call?.text.trim().split('\n').length, 3)
})

t.test('an endpoint that would send in clear refuses to start', async (t) => {
  const bad = { name: 'h', required: true, endpoint: 'http://example.com', token: 'x' }
  t.throws(() => createHttpsSink(bad), { message: /not https/ })
  t.throws(() => createOtlpSink({ ...bad, compression: null, version: '1' }), {
    message: /not https/,
  })
  t.throws(() => createSplunkSink({ ...bad, index: null }), { message: /not https/ })
})

t.test('otlp posts one log record for each row to the logs path', async (t) => {
  const server = await sinkServer(t)
  const sink = createOtlpSink({
    name: 'o',
    required: true,
    endpoint: server.url,
    token: null,
    compression: null,
    version: '1.2.3',
  })
  t.same(await sink.send(batchOf(rows), signal()), { kind: 'accepted' })
  const [call] = server.calls
  t.equal(call?.url, '/v1/logs')
  const body = JSON.parse(call?.text ?? '')
  const records = body.resourceLogs[0].scopeLogs[0].logRecords
  t.equal(records.length, 3)
  t.match(records[0], { timeUnixNano: '1795302000123000000', severityNumber: 13 })
  t.equal(records[0].body.stringValue, rows[0]?.text)
})

t.test('otlp carries its token, and compresses if asked', async (t) => {
  const server = await sinkServer(t)
  const plain = { name: 'o', required: true, endpoint: server.url, token: 'tok', version: '1' }
  await createOtlpSink({ ...plain, compression: null }).send(batchOf(rows), signal())
  await createOtlpSink({ ...plain, compression: 'gzip' }).send(batchOf(rows), signal())
  const [first, second] = server.calls
  t.equal(first?.headers.authorization, 'Bearer tok')
  t.equal(first?.headers['content-encoding'], undefined)
  t.equal(second?.headers.authorization, 'Bearer tok')
  t.equal(second?.headers['content-encoding'], 'gzip')
  t.equal(second?.text, first?.text, 'unpacked it is the same')
})

t.test('azure monitor gets rows as they are, and compressed if asked', async (t) => {
  const server = await sinkServer(t)
  const plain = {
    name: 'm',
    required: true,
    endpoint: server.url,
    ruleId: 'dcr-1',
    stream: 'Custom-Rows',
    scope: 's',
    credential: { getToken: async () => ({ token: 'tok', expiresOnTimestamp: Infinity }) },
  }
  for (const compression of [null, 'gzip'] as const) {
    const sink = createAzureMonitorSink({ ...plain, compression })
    t.same(await sink.send(batchOf(rows), signal()), { kind: 'accepted' })
  }
  const [first, second] = server.calls
  t.equal(first?.headers['content-encoding'], undefined)
  t.equal(first?.headers['content-length'], String(first?.text.length))
  t.same(
    JSON.parse(first?.text ?? ''),
    rows.map(({ text }) => JSON.parse(text) as unknown),
  )
  t.equal(second?.headers['content-encoding'], 'gzip')
  t.equal(second?.text, first?.text, 'unpacked it is the same')
})

/** A Python that has the published protocol buffers: that of MLflow 3 does (test/clients/python/install.sh). */
const python = ['.venv/mlflow-3/bin/python', '.venv/bin/python', 'python3'].find((path) => {
  const check = 'import opentelemetry.proto.collector.logs.v1.logs_service_pb2'
  return spawnSync(path, ['-c', check], { stdio: 'ignore' }).status === 0
})
const proto =
  python === undefined ? 'the Python package opentelemetry-proto is not installed' : false
t.test('otlp is what the published protocol buffers parse', { skip: proto }, async (t) => {
  const server = await sinkServer(t)
  const sink = createOtlpSink({
    name: 'o',
    required: true,
    endpoint: server.url,
    token: null,
    compression: null,
    version: '1',
  })
  await sink.send(batchOf(rows), signal())
  const script =
    'import sys;from google.protobuf.json_format import Parse;' +
    'from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest as R;' +
    'r=Parse(sys.stdin.read(),R());print(len(r.resource_logs[0].scope_logs[0].log_records))'
  const printed = execFileSync(python ?? '', ['-c', script], { input: server.calls[0]?.text ?? '' })
  t.equal(printed.toString().trim(), '3')
})

t.test('otlp counts a partial success as rejected rows', async (t) => {
  const server = await sinkServer(t)
  server.answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end('{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too long"}}')
    return true
  }
  const sink = createOtlpSink({
    name: 'o',
    required: true,
    endpoint: server.url,
    token: null,
    compression: null,
    version: '1',
  })
  t.match(await sink.send(batchOf(rows), signal()), { kind: 'rejected' })
})

/** A Splunk that indexes after some polls, or never. */
async function splunk(t: Parameters<typeof sinkServer>[0], polls: number, ackId: unknown = 7) {
  const server = await sinkServer(t)
  let polled = 0
  server.answer = (call, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    if (call.url.startsWith('/services/collector/event')) {
      response.end(JSON.stringify({ text: 'Success', code: 0, ackId }))
    } else {
      polled += 1
      response.end(JSON.stringify({ acks: { 7: polled >= polls } }))
    }
    return true
  }
  const sink = createSplunkSink({
    name: 's',
    required: true,
    endpoint: server.url,
    token: 'hec',
    index: 'audit',
    ackPollMs: 5,
  })
  return { server, sink }
}

t.test('splunk counts only what its indexers acknowledge', async (t) => {
  const { server, sink } = await splunk(t, 3)
  t.same(await sink.send(batchOf(rows), signal()), { kind: 'accepted' })
  t.equal(server.calls.length, 4)
  const [call, poll] = server.calls
  t.equal(call?.headers.authorization, 'Splunk hec')
  t.ok(poll?.url.includes(String(call?.headers['x-splunk-request-channel'])))
  const [event] = (call?.text ?? '').split('\n').map((line) => JSON.parse(line))
  t.match(event, { index: 'audit', time: 1795302000.123, event: { EventUid: 'c:1' } })
})

t.test('splunk that never acknowledges is tried again', async (t) => {
  const { sink } = await splunk(t, Infinity)
  await t.rejects(sink.send(batchOf(rows), AbortSignal.timeout(100)), { name: /Abort|Timeout/ })
})

t.test('splunk without acknowledgement is held, because its 200 promises nothing', async (t) => {
  const { sink } = await splunk(t, 1, null)
  t.match(await sink.send(batchOf(rows), signal()), { kind: 'hold', why: /acknowledgement/ })
})

t.test('splunk with a wrong index is held and its rows are not buried', async (t) => {
  const { server, sink } = await splunk(t, 1)
  server.answer = (_, response) => {
    response.writeHead(400).end('{"text":"Incorrect index","code":7}')
    return true
  }
  t.match(await sink.send(batchOf(rows), signal()), { kind: 'hold' })
})

t.test('stdout writes one line for each row', async (t) => {
  const path = `${spoolDirectory(t)}/out`
  const fd = openSync(path, 'w')
  const sink = createStdoutSink('out', true, fd)
  t.same(await sink.send(batchOf(rows), signal()), { kind: 'accepted' })
  closeSync(fd)
  t.equal(readFileSync(path, 'utf8'), rows.map(({ text }) => `${text}\n`).join(''))
  t.match(await sink.send(batchOf(rows), signal()), { kind: 'retry', why: 'EBADF' })
})

t.test('each kind of sink ships a whole spool', async (t) => {
  const server = await sinkServer(t)
  server.answer = (call, response) => {
    if (!call.url.startsWith('/services')) return false
    const ack = call.url.includes('/ack')
    response.end(JSON.stringify(ack ? { acks: { 1: true } } : { code: 0, ackId: 1 }))
    return true
  }
  const directory = spoolDirectory(t)
  const audit = await openFor(
    t,
    optionsOf(
      directory,
      [
        { name: 'h', kind: 'https', endpoint: `${server.url}/h`, token: { fromEnv: 'H' } },
        { name: 'o', kind: 'otlp', endpoint: server.url },
        { name: 's', kind: 'splunk-hec', endpoint: server.url, token: { fromEnv: 'S' } },
      ],
      { spool: { retentionSeconds: 3_600 }, secret: () => 'secret-of-a-sink' },
    ),
  )
  for (let n = 0; n < 10; n += 1) await audit.recorder.refused(exchangeOf())
  t.same(await audit.close(5_000), { unshipped: 0 })
  for (const { EventUid } of rowsOf(directory)) {
    for (const path of ['/h', '/v1/logs', '/services/collector/event']) {
      t.ok(
        server.calls.some(({ url, text }) => url === path && text.includes(EventUid)),
        `${EventUid} at ${path}`,
      )
    }
  }
  await until(() => server.calls.length > 3)
})

t.test('a sink with a secret that nobody can read refuses to start', async (t) => {
  const options = optionsOf(spoolDirectory(t), [
    { name: 'h', kind: 'https', endpoint: 'https://127.0.0.1:1', token: { fromEnv: 'H' } },
  ])
  await t.rejects(openAudit(options), { message: /a secret that nobody can read/ })
})

t.test('statuses and Retry-After mean what RFC 9110 says', async (t) => {
  const kinds = [400, 401, 403, 404, 408, 413, 422, 429, 500, 503, 302].map(
    (status) => judgeStatus(status, null).kind,
  )
  t.same(kinds, [
    'rejected',
    'hold',
    'hold',
    'hold',
    'retry',
    'too-large',
    'rejected',
    'retry',
    'retry',
    'retry',
    'hold',
  ])
  t.equal(retryAfterMs('120', 0), 120_000)
  t.equal(retryAfterMs('Thu, 01 Jan 1970 00:00:10 GMT', 4_000), 6_000)
  t.equal(retryAfterMs('soon', 0), undefined)
})

t.test('each cloud has its own audience', async (t) => {
  t.equal(scopeOf('https://x.ingest.monitor.azure.com'), 'https://monitor.azure.com/.default')
  t.equal(scopeOf('https://x.ingest.monitor.azure.us'), 'https://monitor.azure.us/.default')
  t.equal(scopeOf('https://x.ingest.monitor.azure.cn'), 'https://monitor.azure.cn/.default')
})
