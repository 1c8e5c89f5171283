/** Traces of calls, as a real OpenTelemetry Collector receives them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ensureCertificates } from '../../lab/identity/ca.ts'
import { workspaceId } from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'
import type { World } from '../support/gateway.ts'
import type { Answer } from '../support/send.ts'
import {
  attributesOf,
  skip,
  startCollector,
  type SpanRecord,
} from '../audit/ship/sinks/otel-collector/collector.ts'
import { startWithMetrics } from './support/metrics.ts'

const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`
const TOKEN = 'token-of-the-collector'
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'
const CANARY = 'canary5ecret'

async function call(world: World, headers: Record<string, string> = {}): Promise<Answer> {
  const authorization = `Bearer ${await world.lab.token('scientist')}`
  const answer = await world.send(JOBS, { headers: { authorization, ...headers } })
  await world.settled(answer)
  return answer
}

const idOf = ({ headers }: Answer): string => String(headers['x-harness-decision-id'])

async function collected(t: Test, env: Record<string, string> = {}) {
  const directory = t.testdir()
  const certificates = await ensureCertificates(join(directory, 'ca'))
  const tokenFile = join(directory, 'token')
  writeFileSync(tokenFile, TOKEN, { mode: 0o600 })
  const collector = await startCollector(t, { directory, certificates, tokenFile })
  const { world, metrics } = await startWithMetrics({
    OTEL_EXPORTER_OTLP_ENDPOINT: `https://localhost:${collector.port}`,
    OTEL_EXPORTER_OTLP_CERTIFICATE: certificates.caFile,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${TOKEN}`,
    OTEL_SERVICE_NAME: 'gateway-of-a-test',
    OTEL_BSP_SCHEDULE_DELAY: '100',
    ...env,
  })
  t.teardown(() => world.close())
  return { collector, world, metrics }
}

t.test('a call is a span, its stages are spans below it', { skip }, async (t) => {
  const { collector, world, metrics } = await collected(t)
  const answer = await call(world, {
    traceparent: `00-${TRACE}-${PARENT}-01`,
    tracestate: `vendor=${CANARY}`,
    baggage: `key=${CANARY}`,
  })
  t.equal(answer.status, 200)
  const own = await call(world)
  const refused = await world.send(JOBS)
  t.equal(refused.status, 401)
  const rootOf = (id: string): SpanRecord | undefined =>
    collector
      .spans()
      .find(({ attributes }) => attributesOf(attributes)['azureml.decision_id'] === id)
  const [root, other] = await eventually('both calls are there', () => {
    const both = [rootOf(idOf(answer)), rootOf(idOf(own))] as const
    return both[0] !== undefined && both[1] !== undefined && ([both[0], both[1]] as const)
  })
  t.match(root, { traceId: TRACE, parentSpanId: PARENT, kind: 2 })
  t.equal(root.name, 'Microsoft.MachineLearningServices/workspaces/jobs/read')
  t.match(attributesOf(root.attributes), {
    'azureml.outcome': 'success',
    'azureml.verdict': 'permit',
    'azureml.effect': 'read',
    'http.request.method': 'GET',
  })
  t.not(other.traceId, TRACE, 'without a parent it begins a trace')
  t.notOk(other.parentSpanId)
  const stages = await eventually('its stages', () => {
    const below = collector.spans().filter(({ parentSpanId }) => parentSpanId === root.spanId)
    return below.length >= 8 && below
  })
  t.same(
    stages.map(({ name }) => name).toSorted((a, b) => a.localeCompare(b)),
    ['decide', 'forward', 'gather', 'grant', 'identify', 'look-up', 'record', 'review'],
  )
  for (const { traceId, name, startTimeUnixNano, endTimeUnixNano } of stages) {
    t.equal(traceId, TRACE, name)
    t.ok(BigInt(startTimeUnixNano) >= BigInt(root.startTimeUnixNano), `${name} begins within`)
    t.ok(BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano), `${name} ends after it began`)
  }
  t.equal(rootOf(idOf(refused)), undefined, 'nobody is traced who is not identified')
  t.equal(collector.origins()[0]?.['service.name'], 'gateway-of-a-test')
  const text = collector.text()
  t.notMatch(text, new RegExp(CANARY), 'neither tracestate nor baggage is kept')
  t.notMatch(text, /Bearer|eyJ|subscriptions/, 'no token and no path')
  const arrived = [...world.lab.parts.values()]
    .flatMap((part) => part.journal.entries())
    .filter(({ url }) => url.startsWith(workspaceId()))
    .flatMap(({ headers }) => Object.keys(headers))
  t.ok(arrived.length > 0)
  t.same(
    arrived.filter((name) => /^trace|baggage|b3/.test(name)),
    [],
    'Azure is told nothing of traces',
  )
  const exported = (await metrics()).values.get('harness_spans_total{outcome="exported"}')
  t.ok((exported ?? 0) >= 18)
})

t.test('a stop sends what is not sent yet', { skip }, async (t) => {
  const { collector, world } = await collected(t, { OTEL_BSP_SCHEDULE_DELAY: '3600000' })
  const answer = await call(world)
  t.same(collector.spans(), [])
  t.equal((await world.gateway.stop()).code, 0)
  const ids = collector
    .spans()
    .map(({ attributes }) => attributesOf(attributes)['azureml.decision_id'])
  t.ok(ids.includes(idOf(answer)))
})

t.test('who samples nothing sends nothing', { skip }, async (t) => {
  const { collector, world } = await collected(t, { OTEL_TRACES_SAMPLER: 'always_off' })
  await call(world, { traceparent: `00-${TRACE}-${PARENT}-01` })
  t.equal((await world.gateway.stop()).code, 0)
  t.same(collector.spans(), [])
})
