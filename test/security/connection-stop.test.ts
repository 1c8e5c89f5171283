/** A stop ends in its time, whoever holds which kind of connection, and every byte that came has its record. */
import { connect as connectTcp } from 'node:net'
import t from 'tap'
import { freePort } from '../../lab/server/free-port.ts'
import { workspaceId } from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { checkTrail, openIntents } from '../support/trail.ts'
import { callRows, hold, type Held } from './support/connection.ts'

t.setTimeout(400_000)
const W = workspaceId()
const VERSION = 'api-version=2024-04-01'
const JOBS = `${W}/jobs?${VERSION}`
const METRIC = `/mlflow/v2.0${W}/api/2.0/mlflow/runs/log-metric`
const JSON_TYPE = 'Content-Type: application/json'
/** Long enough for the records to be shipped, whatever else this machine does. */
const STOP_MS = 15_000
/** A gateway that waits for the kernel's or Node's own limits needs far longer. */
const SLACK_MS = 15_000

interface Scene {
  readonly world: World
  readonly head: (line: string, ...more: string[]) => string
  readonly metricsPort: number
}

let scene: Scene
let stopMs = STOP_MS
t.before(async () => {
  const metricsPort = await freePort()
  const world = await startGateway({
    gateway: {
      change: (config) => ({
        ...config,
        listen: { ...config.listen, metrics: { host: '127.0.0.1', port: metricsPort } },
        limits: { ...config.limits, stopMs },
      }),
    },
  })
  const token = await world.lab.token('scientist')
  const host = new URL(world.url).host
  const head = (line: string, ...more: string[]): string =>
    [`${line} HTTP/1.1`, `Host: ${host}`, `Authorization: Bearer ${token}`, ...more].join('\r\n')
  scene = { world, head, metricsPort }
})
t.teardown(() => scene.world.close())

/** A gateway that was stopped by a test before, again; and how many records there were. */
async function again(): Promise<number> {
  await scene.world.restart()
  await scene.world.clear()
  return (await scene.world.allRecords()).length
}

/** Stops the gateway: a SIGKILL, which comes after 40 s, shows in the exit status. */
async function stop(world: World): Promise<{ code: number | null; ms: number }> {
  const began = performance.now()
  const { code } = await world.gateway.stop()
  return { code, ms: performance.now() - began }
}

const END = '\r\n\r\n'
const byText = (a: string, b: string): number => (a < b ? -1 : 1)
/** By name: what is held, and the kinds of record that its bytes leave. */
const KINDS: Readonly<Record<string, (scene: Scene) => Promise<Held>>> = {
  'TCP before TLS, silent': ({ world }) => hold(world, '', { tls: false }),
  'half a ClientHello': ({ world }) =>
    hold(world, Buffer.from('160301020001000', 'hex'), { tls: false }),
  'TLS without a byte': ({ world }) => hold(world, ''),
  'half a head': ({ world, head }) => hold(world, head(`GET ${JOBS}`)),
  'half a body that is read': ({ world, head }) =>
    hold(world, `${head(`PUT ${W}/jobs/j?${VERSION}`, JSON_TYPE, 'Content-Length: 99')}${END}{`),
  'half a body that is streamed': ({ world, head }) =>
    hold(world, `${head(`POST ${METRIC}`, JSON_TYPE, 'Content-Length: 99')}${END}{`),
  'half a body in chunks': ({ world, head }) =>
    hold(
      world,
      `${head(`PUT ${W}/jobs/j?${VERSION}`, JSON_TYPE, 'Transfer-Encoding: chunked')}${END}1\r\n{\r\n`,
    ),
  'kept alive': ({ world, head }) => hold(world, `${head(`GET ${JOBS}`)}${END}`),
  'an upgrade': ({ world, head }) =>
    hold(world, `${head(`GET ${JOBS}`, 'Upgrade: websocket', 'Connection: upgrade')}${END}`),
  CONNECT: ({ world, head }) => hold(world, `${head('CONNECT a:443')}${END}`),
  'answers that nobody reads': ({ world, head }) =>
    hold(world, `${head(`GET ${JOBS}`)}${END}`.repeat(40), { read: false }),
}

t.test('SIGTERM with each kind of held connection: exit 0 in time, a record each', async (test) => {
  const { world, metricsPort } = scene
  const before = (await callRows(world)).length
  const held: Held[] = []
  for (const open of Object.values(KINDS)) held.push(await open(scene))
  const scrape = connectTcp({ host: '127.0.0.1', port: metricsPort })
  scrape.on('error', () => undefined).write('GET /metrics HTTP/1.1\r\nHost: a\r\n')
  await eventually('the answers', async () => (await callRows(world)).length > before + 3)
  const { code, ms } = await stop(world)
  test.equal(code, 0)
  test.ok(ms < STOP_MS + SLACK_MS, `${Math.round(ms)} ms`)
  for (const { socket } of held) socket.destroy()
  const rows = await world.allRecords()
  test.same(openIntents(rows), [], 'nothing is left open')
  await checkTrail(test, world)
  const events = rows.map((row) => row['Event'])
  test.ok(events.includes('stop'))
  const received = rows.filter((row) => row['RecordKind'] === 'received')
  test.same(
    received.map((row) => String(row['Event'])).toSorted(byText),
    ['CONNECT', 'stop', 'stop'],
    'half a ClientHello, half a head, CONNECT',
  )
  for (const row of received) test.match(row['ExchangeId'], /^[0-9a-f-]{36}$/)
  const half = held[3]?.text() ?? ''
  test.match(half, /^HTTP\/1.1 503 /)
  test.match(half, /x-harness-decision-id: /)
  const stopped = rows.filter((row) => row['RefusalCode'] === 'not_ready')
  test.ok(stopped.length >= 3, 'a body that is not here ends as refused')
  test.match(held[4]?.text(), /^HTTP\/1.1 503 [^]*"not_ready"/)
})

t.test('SIGTERM while azure works: a change that is answered in time is served', async (test) => {
  const { world, head } = scene
  const before = await again()
  await world.fault('dataPlane', { times: 1, delayMs: 500 })
  const { closed } = await hold(
    world,
    `${head(`POST ${METRIC}`, JSON_TYPE, 'Content-Length: 2')}${END}{}`,
  )
  await eventually('it is on its way', () => world.lab.requests().length > 0)
  const { code } = await stop(world)
  test.equal(code, 0)
  test.match(await closed, /^HTTP\/1.1 200 /)
  const rows = (await world.allRecords()).slice(before)
  test.match(rows.find((row) => row['RecordKind'] === 'completed')?.['Outcome'], 'success')
})

t.test('SIGTERM while azure hangs: the change ends as unknown, in time', async (test) => {
  const { world, head } = scene
  const before = await again()
  await world.fault('dataPlane', { times: 1, hang: true })
  const { closed } = await hold(
    world,
    `${head(`POST ${METRIC}`, JSON_TYPE, 'Content-Length: 2')}${END}{}`,
  )
  await eventually('it is on its way', () => world.lab.requests().length > 0)
  const { code, ms } = await stop(world)
  test.equal(code, 0)
  test.ok(ms < STOP_MS + SLACK_MS, `${Math.round(ms)} ms`)
  test.match(await closed, /^HTTP\/1.1 503 /)
  const rows = (await world.allRecords()).slice(before)
  test.match(rows.find((row) => row['RecordKind'] === 'completed')?.['Outcome'], 'unknown')
  const ends = rows.map((row) => row['Event'] ?? row['RecordKind'])
  test.ok(ends.indexOf('completed') < ends.indexOf('stop'), 'recorded before the stop is')
})

t.test('a second signal ends the waiting', async (test) => {
  const { world, head } = scene
  stopMs = 300_000
  await again()
  const { closed } = await hold(
    world,
    `${head(`PUT ${W}/jobs/j?${VERSION}`, JSON_TYPE, 'Content-Length: 99')}${END}{`,
  )
  process.kill(world.gateway.pid, 'SIGTERM')
  await eventually('it stops', async () => {
    const { host } = new URL(world.url)
    return fetch(`https://${host}/_harness/livez`).then(
      () => false,
      () => true,
    )
  })
  process.kill(world.gateway.pid, 'SIGINT')
  test.equal((await world.gateway.exited).signal, null)
  test.match(await closed, /^HTTP\/1.1 503 /)
  const rows = await world.allRecords()
  test.ok(rows.filter((row) => row['Event'] === 'stop').length >= 4)
})
