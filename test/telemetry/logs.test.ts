/** The log: each line is JSON, and one that belongs to a call has the id of its decision. */
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { openExchange } from '../../src/exchange.ts'
import { toRefusal } from '../../src/errors.ts'
import { createFailureLog } from '../../src/telemetry/failures.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'

t.test('every line is JSON with a level, a time and words', async (t) => {
  const world = await startGateway({
    gateway: { change: (config) => ({ ...config, limits: { ...config.limits, stopMs: 3_000 } }) },
  })
  t.teardown(() => world.close())
  const authorization = `Bearer ${await world.lab.token('scientist')}`
  const path = `${workspaceId()}/jobs?api-version=2024-04-01`
  await world.settled(await world.send(path, { headers: { authorization } }))
  await world.settled(await world.send(path))
  await world.fault('ingestion', { times: 0, hang: true })
  process.kill(world.gateway.pid, 'SIGHUP')
  await eventually('the reload', () => world.gateway.logs().includes('read again'))
  await world.settled(await world.send(path, { headers: { authorization } }))
  // records that are not shipped are told in the log as well
  t.same(await world.gateway.stop(), { code: 1, signal: null })
  const lines = world.gateway
    .logs()
    .split('\n')
    .filter((line) => line !== '')
  t.ok(lines.some((line) => /records are still in the spool/.test(line)))
  for (const line of lines) {
    const entry = JSON.parse(line) as Record<string, unknown>
    t.type(entry['level'], 'number', line)
    t.type(entry['time'], 'number')
    t.type(entry['msg'], 'string')
    t.equal(entry['name'], 'azureml-harness')
  }
})

t.test(
  'a call that fails in the gateway is told with its decision, and nothing of it',
  async (t) => {
    const lines: unknown[] = []
    const failures = createFailureLog((fields, message) => lines.push({ ...fields, message }))
    const source = { ip: '192.0.2.1', port: 1 }
    const exchange = openExchange('9b1d0c6e-0000-4000-8000-000000000001', 0, 0, source, 'GET', {})
    failures(exchange)
    failures({ ...exchange, refusal: toRefusal(new TypeError('token secret-claim is wrong')) })
    t.equal(lines.length, 1)
    t.match(lines[0], {
      decision: '9b1d0c6e-0000-4000-8000-000000000001',
      error: 'TypeError',
      at: /logs\.test\.ts/,
      message: 'a call failed in the gateway',
    })
    t.notMatch(JSON.stringify(lines), /secret-claim/)
  },
)
