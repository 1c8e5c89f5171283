/** Readiness: callers are told whether, operators also why, with which version and policies. */
import t from 'tap'
import { freePort } from '../../lab/server/free-port.ts'
import { VERSION } from '../../src/cli/version.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { withMetrics } from '../support/trail.ts'
import { run } from './support/run.ts'

const DETAILS = {
  status: 'ready',
  version: VERSION,
  policyVersion: /^[0-9a-f]{64}$/,
  parts: { audit: { ok: true, reasons: [] }, identity: { ok: true }, tokens: { ok: true } },
}

let world: World
let port: number
t.before(async () => {
  port = await freePort()
  world = await startGateway({ gateway: { change: withMetrics(port) } })
})
t.teardown(() => world.close())

t.test('anybody is told whether it is ready, and nothing else', async (t) => {
  const answer = await world.send('/_harness/readyz')
  t.equal(answer.status, 200)
  t.equal(answer.text, '{"status":"ready"}')
  t.equal((await world.send('/_harness/livez')).text, '{"status":"alive"}')
  for (const path of ['/readyz', '/metrics']) t.equal((await world.send(path)).status, 401, path)
})

t.test('operators are told the rest, on the port of metrics and by `health`', async (t) => {
  t.match(await (await fetch(`http://127.0.0.1:${port}/readyz`)).json(), DETAILS)
  const { status, out } = await run([
    'health',
    '--config',
    world.gateway.configFile,
    '--output',
    'json',
  ])
  t.equal(status, 0)
  t.match(JSON.parse(out), DETAILS)
})

t.test('without a port of metrics `health` says whether', async (t) => {
  const own = await startGateway()
  t.teardown(() => own.close())
  const { status, out } = await run([
    'health',
    '--config',
    own.gateway.configFile,
    '--output',
    'json',
  ])
  t.equal(status, 0)
  t.same(JSON.parse(out), { status: 'ready' })
})
