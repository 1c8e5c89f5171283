/** The disk takes its time: promise 1, through the whole gateway, whose very fdatasync is held back. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:https'
import t from 'tap'
import { eventually } from '../support/eventually.ts'
import { startGateway, type World } from '../support/gateway.ts'
import type { Test } from '../audit/fixtures.ts'
import { workspaceId } from '../../lab/personas.ts'

const HELD_MS = 3_000
const JOB = `${workspaceId()}/jobs/j?api-version=2024-04-01`
const probe = spawnSync('strace', ['-qq', '-o', '/dev/null', '-e', 'trace=none', 'true'])
const skip = probe.status === 0 ? false : 'strace is not installed or not permitted here'

/** Holds back every fdatasync of a running process from now on. */
async function holdSyncs(t: Test, pid: number): Promise<void> {
  const inject = `inject=fdatasync:delay_enter=${HELD_MS * 1000}`
  const tracer = spawn(
    'strace',
    ['-f', '-p', String(pid), '-o', '/dev/null', '-e', 'trace=fdatasync', '-e', inject],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  t.teardown(async () => {
    const ended = once(tracer, 'exit')
    // detaches, so that the gateway goes on
    tracer.kill('SIGINT')
    await ended
  })
  await once(tracer.stderr, 'data')
}

async function scientist(t: Test): Promise<{ world: World; token: string }> {
  const world = await startGateway()
  t.teardown(() => world.close())
  const token = await world.lab.token('scientist')
  // tokens, keys and connections are there: what is waited for from now on is the disk
  await world.send(JOB, { headers: { authorization: `Bearer ${token}` } })
  await world.clear()
  await holdSyncs(t, world.gateway.pid)
  return { world, token }
}

/** Milliseconds from the beginning of a read to the first byte of its answer. */
function firstByteAfter(world: World, token: string): Promise<number> {
  const began = performance.now()
  const { port } = new URL(world.url)
  return new Promise<number>((resolve, reject) => {
    const outgoing = request(
      {
        port,
        host: 'localhost',
        path: JOB,
        ca: world.lab.certificates.ca,
        headers: { authorization: `Bearer ${token}` },
        agent: false,
      },
      (answer) => answer.on('error', reject).resume(),
    )
    outgoing.once('socket', (socket) =>
      socket.once('secureConnect', () => {
        socket.once('data', () => resolve(performance.now() - began))
      }),
    )
    outgoing.once('error', reject)
    outgoing.end()
  })
}

t.test(
  'promise 1: no byte of a change reaches azure before its record is on the disk',
  { skip },
  async (t) => {
    const { world, token } = await scientist(t)
    const began = Date.now()
    const answer = await world.send(JOB, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{"properties":{"jobType":"Command"}}',
    })
    t.ok(answer.status < 300, answer.text)
    const requests = world.lab.requests()
    t.equal(requests.length, 1)
    const waited = Date.parse(requests[0]?.time ?? '') - began
    t.ok(waited >= HELD_MS, `azure was reached after ${waited} ms`)
  },
)

t.test(
  'promise 1: azure may be asked, but no byte of an answer leaves before the record of a read is on the disk',
  { skip },
  async (t) => {
    const { world, token } = await scientist(t)
    const ms = await firstByteAfter(world, token)
    t.ok(ms >= HELD_MS, `the first byte came after ${Math.round(ms)} ms`)
    t.equal(world.lab.requests().length, 1)
  },
)

t.test(
  'promise 1: nor does the refusal of a read that azure did not answer',
  { skip },
  async (t) => {
    const { world, token } = await scientist(t)
    await world.fault('upstream', { times: 0, reset: true })
    const ms = await firstByteAfter(world, token)
    t.ok(ms >= HELD_MS, `the first byte came after ${Math.round(ms)} ms`)
  },
)

t.test(
  'promise 1: a caller who hangs up while the disk works has caused nothing at azure',
  { skip },
  async (t) => {
    const { world, token } = await scientist(t)
    const { port } = new URL(world.url)
    const outgoing = request({
      port,
      host: 'localhost',
      path: JOB,
      method: 'PUT',
      ca: world.lab.certificates.ca,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      agent: false,
    })
    const closed = new Promise<void>((done) => {
      outgoing.on('error', () => undefined).once('close', done)
    })
    outgoing.end('{"properties":{"jobType":"Command"}}')
    // written, and not synced yet
    await eventually('its intent is on its way to the disk', async () =>
      (await world.allRecords()).some((row) => row['Method'] === 'PUT'),
    )
    outgoing.destroy()
    await closed
    let last = (await world.allRecords()).at(-1)
    for (let tries = 0; last?.['RecordKind'] !== 'completed' && tries < 300; tries += 1) {
      await new Promise((done) => setTimeout(done, 100))
      last = (await world.allRecords()).filter((row) => row['Method'] === 'PUT').at(-1)
    }
    t.equal(last?.['RecordKind'], 'completed')
    t.equal(last?.['Outcome'], 'client_abort')
    t.same(world.lab.requests(), [], 'azure saw nothing')
  },
)

t.test('an answer that breaks off while the disk works is refused', { skip }, async (t) => {
  const { world, token } = await scientist(t)
  const path = `/artifact/v2.0${workspaceId()}/artifacts/ExperimentRun/dcid.j1/content`
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n'
  const raw = `${head}Transfer-Encoding: chunked\r\n\r\nz\r\nhalf\r\n0\r\n\r\n`
  await world.fault('dataPlane', { match: { path: '/content' }, raw })
  const answer = await world.send(`${path}?path=logs/a.txt`, {
    headers: { authorization: `Bearer ${token}` },
  })
  t.equal(answer.status, 502, answer.text)
  t.match(answer.code, /^upstream_/)
})
