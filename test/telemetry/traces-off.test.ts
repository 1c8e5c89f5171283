/** Calls whose traces nobody receives, or that are not traced. */
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { openTraces } from '../../src/telemetry/traces.ts'
import type { World } from '../support/gateway.ts'
import { startWithMetrics } from './support/metrics.ts'

const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`

async function status(world: World): Promise<number> {
  const authorization = `Bearer ${await world.lab.token('scientist')}`
  return (await world.send(JOBS, { headers: { authorization } })).status
}

t.test('a collector that never answers, or is not there, hurts no call and no stop', async (t) => {
  const deaf = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(deaf, 'listening')
  t.teardown(() => deaf.close())
  const { port } = deaf.address() as AddressInfo
  const { world, metrics } = await startWithMetrics({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    // it would hold the process for an hour
    OTEL_EXPORTER_OTLP_TIMEOUT: '3600000',
    OTEL_BSP_EXPORT_TIMEOUT: '500',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  })
  t.teardown(() => world.close())
  for (let count = 0; count < 5; count += 1) t.equal(await status(world), 200)
  t.ok((await metrics()).kinds.has('harness_spans_total'))
  t.equal((await world.gateway.stop()).code, 0)
})

t.test('whether calls are traced, by the standard variables', async (t) => {
  const options = { version: '0', log: () => undefined }
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' }
  const off: readonly Record<string, string>[] = [
    {},
    { OTEL_TRACES_EXPORTER: 'none', ...endpoint },
    { OTEL_SDK_DISABLED: 'TRUE', ...endpoint },
    { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
    { OTEL_SERVICE_NAME: 'gateway' },
  ]
  for (const env of off) t.equal(await openTraces(env, options), null, JSON.stringify(env))
  const wrong: readonly Record<string, string>[] = [
    { OTEL_TRACES_EXPORTER: 'zipkin' },
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', ...endpoint },
    { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json', ...endpoint },
  ]
  for (const env of wrong)
    await t.rejects(openTraces(env, options), { message: new RegExp(Object.keys(env)[0] ?? '') })
  const on = await openTraces({ OTEL_TRACES_EXPORTER: 'otlp' }, options)
  t.ok(on)
  await on?.close(0)
})

t.test('as long as they are not, nothing of it is loaded', async (t) => {
  const loaded = join(t.testdir(), 'loaded')
  const hook = ['--import', new URL('support/note-loaded.ts', import.meta.url).href]
  const start = async (env: Record<string, string>): Promise<void> => {
    const { world } = await startWithMetrics({ LOADED: loaded, ...env }, hook)
    t.equal(await status(world), 200)
    await world.close()
  }
  await start({ OTEL_TRACES_EXPORTER: 'none' })
  const ofAzure = existsSync(loaded) ? readFileSync(loaded, 'utf8') : ''
  t.notMatch(ofAzure, /open-telemetry|sdk-trace|exporter/)
  await start({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' })
  t.match(readFileSync(loaded, 'utf8'), /open-telemetry[^]*sdk-trace/, 'the test would see it')
})
