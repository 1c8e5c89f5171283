import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { createMetricsText, serveMetrics } from '../../src/http/metrics-endpoint.ts'
import { readinessOf } from '../../src/http/readiness.ts'
import { Histogram } from '../../src/lib/metrics/histogram.ts'
import { counter, gauge, single } from '../../src/lib/metric.ts'

t.test('the text that Prometheus reads', async (t) => {
  const waits = new Histogram(
    'wait_seconds',
    'time of a wait',
    new Map([['a', { to: 'a' }]]),
    [0.1, 0.5],
  )
  for (const seconds of [0.05, 0.1, 0.25, 2]) waits.of('a').observe(seconds)
  const metrics = [
    gauge('files_sound', single(1)),
    counter('calls_total', single(3, { to: 'graph', issuer: 'a' })),
    waits.metric(),
    gauge('of_nobody', []),
    counter('calls_total', single(4, { to: 'graph', issuer: 'b' })),
  ]
  const textOf = createMetricsText()
  const expected = `# HELP harness_files_sound harness files sound
# TYPE harness_files_sound gauge
harness_files_sound 1

# HELP harness_calls_total harness calls total
# TYPE harness_calls_total counter
harness_calls_total{to="graph",issuer="a"} 3
harness_calls_total{to="graph",issuer="b"} 4

# HELP harness_wait_seconds time of a wait
# TYPE harness_wait_seconds histogram
harness_wait_seconds_bucket{to="a",le="0.1"} 2
harness_wait_seconds_bucket{to="a",le="0.5"} 3
harness_wait_seconds_bucket{to="a",le="+Inf"} 4
harness_wait_seconds_sum{to="a"} 2.4
harness_wait_seconds_count{to="a"} 4
`
  t.equal(await textOf(metrics), expected)
  t.equal(await textOf(metrics), expected, 'read again, nothing has been counted twice')
})

t.test('labels are escaped', async (t) => {
  const text = await createMetricsText()([gauge('x', single(1, { name: 'a"b\\c\nd' }))])
  t.match(text, 'harness_x{name="a\\"b\\\\c\\nd"} 1\n')
})

t.test('GET /metrics and nothing else, with the metrics of Node', async (t) => {
  const parts = { audit: { ok: true, reasons: [] as string[] } }
  let readiness = readinessOf({ version: '1.2.3', policyVersion: 'p', parts })
  let read = () => [gauge('x', single(1))]
  const server = await serveMetrics(
    { host: '127.0.0.1', port: 0 },
    () => read(),
    () => readiness,
  )
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const answer = await fetch(`${url}/metrics`)
  t.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  const text = await answer.text()
  t.match(
    text,
    /^# HELP harness_x harness x\n# TYPE harness_x gauge\nharness_x 1\n# HELP harness_process_cpu_/,
  )
  t.equal((await fetch(url)).status, 404)
  const ready = await fetch(`${url}/readyz`)
  t.equal(ready.status, 200)
  t.same(await ready.json(), { status: 'ready', version: '1.2.3', policyVersion: 'p', parts })
  const full = { audit: { ok: false, reasons: ['the audit disk is full'] } }
  readiness = readinessOf({ ...readiness, parts: full })
  const unready = await fetch(`${url}/readyz`)
  t.equal(unready.status, 503)
  t.match(await unready.json(), { status: 'unready', parts: full })
  t.equal((await fetch(`${url}/metrics`, { method: 'POST' })).status, 404)
  read = () => {
    throw new Error('broken')
  }
  t.equal((await fetch(`${url}/metrics`)).status, 500)
})
