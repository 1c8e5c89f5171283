/** Connections have a limit, in all and from one address; what sends nothing is closed, and others are served. */
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { freePort } from '../../lab/server/free-port.ts'
import { workspaceId } from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { parseMetrics, withMetrics } from '../support/trail.ts'
import { descriptors, hold } from './support/connection.ts'

const PER_ADDRESS = 5
const IN_ALL = 8
/** All of 127/8 is this machine, on Linux alone without more ado. */
const skip = process.platform === 'linux' ? false : 'there is one loopback address on this platform'

let world: World
let metricsPort: number
t.before(async () => {
  metricsPort = await freePort()
  world = await startGateway({
    gateway: {
      change: (config) => ({
        ...withMetrics(metricsPort)(config),
        limits: {
          connections: IN_ALL,
          connectionsPerAddress: PER_ADDRESS,
          headersTimeoutMs: 2000,
          idleTimeoutMs: 1000,
          stalledTimeoutMs: 1500,
          upstreamTimeoutMs: 500,
        },
      }),
    },
  })
})
t.teardown(() => world.close())

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
  return parseMetrics(text).get(`harness_${name}`) ?? NaN
}

/** A connection from an address of this machine, on which nothing is sent. */
async function silent(localAddress: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(world.url).port), localAddress })
  socket.on('error', () => undefined)
  await new Promise((resolve) => socket.once('connect', resolve))
  return socket
}

const closed = async (socket: Socket): Promise<void> =>
  void (await eventually('the gateway closes it', () => socket.closed))

/** Status of a call on a connection from this address. */
async function callFrom(localAddress: string): Promise<string> {
  const { port } = new URL(world.url)
  const token = await world.lab.token('reader')
  const raw = connect({ host: '127.0.0.1', port: Number(port), localAddress })
  raw.on('error', () => undefined)
  const socket = connectTls({ socket: raw, ca: world.lab.certificates.ca, servername: 'localhost' })
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  socket.on('error', () => undefined)
  const path = `${workspaceId()}/jobs?api-version=2024-04-01`
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
  )
  await eventually('the connection has ended', () => raw.closed)
  return text.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)
}

t.beforeEach(async () => {
  await eventually('nobody is connected', async () => (await metric('connections')) === 0)
})

t.test('too many of one address are closed, and another is served', { skip }, async (t) => {
  const refused = 'connections_refused_total{limit="connectionsPerAddress"}'
  const before = await metric(refused)
  const first = await Promise.all(Array.from({ length: PER_ADDRESS }, () => silent('127.0.0.2')))
  await eventually('all are there', async () => (await metric('connections')) === PER_ADDRESS)
  await closed(await silent('127.0.0.2'))
  t.equal((await metric(refused)) - before, 1)
  t.equal(await metric('connections'), PER_ADDRESS)
  t.equal(await callFrom('127.0.0.2'), '', 'it gets no word')
  t.equal(await callFrom('127.0.0.3'), '200')
  const [gone] = first
  gone?.destroy()
  await eventually('there is room again', async () => (await callFrom('127.0.0.2')) === '200')
  for (const socket of first) socket.destroy()
})

t.test('too many in all are closed, and served once there is room', { skip }, async (t) => {
  const refused = 'connections_refused_total{limit="connections"}'
  const before = await metric(refused)
  const sockets = await Promise.all(
    Array.from({ length: IN_ALL }, (_, n) => silent(`127.0.0.${10 + (n % 4)}`)),
  )
  await eventually('all are there', async () => (await metric('connections')) === IN_ALL)
  await closed(await silent('127.0.0.20'))
  t.equal((await metric(refused)) - before, 1)
  t.equal(await callFrom('127.0.0.20'), '')
  for (const socket of sockets) socket.destroy()
  await eventually('there is room again', async () => (await callFrom('127.0.0.20')) === '200')
})

t.test('what is beyond the limit is on record', { skip }, async (t) => {
  const rows = await world.allRecords()
  for (const limit of ['limits.connections', 'limits.connectionsPerAddress'])
    t.match(
      rows.find(({ Event }) => Event === limit),
      { RecordKind: 'received', RefusalCode: 'overloaded', SourceIp: /^127\.0\.0\.\d+$/ },
    )
})

t.test('connections on which nothing is sent are closed', async (t) => {
  const before = await descriptors(world)
  const sockets = [await silent('127.0.0.1'), (await hold(world, '')).socket]
  const idle = await hold(
    world,
    `GET /_harness/livez HTTP/1.1\r\nHost: ${new URL(world.url).host}\r\n\r\n`,
  )
  for (const socket of sockets) await closed(socket)
  await idle.closed
  t.match(idle.text(), /^HTTP\/1.1 200/)
  await eventually('every descriptor is back', async () => (await descriptors(world)) <= before)
})

t.test('an answer that nobody reads is cut off, and its call is over', async (t) => {
  const name = `big-${200 * 1024 * 1024}`
  const head = [
    `GET ${workspaceId()}/data/${name}?api-version=2024-04-01 HTTP/1.1`,
    `Host: ${new URL(world.url).host}`,
    `Authorization: Bearer ${await world.lab.token('scientist')}`,
  ]
  const { socket } = await hold(world, `${head.join('\r\n')}\r\n\r\n`, { read: false })
  socket.pause()
  await eventually('it is on its way', async () => (await metric('calls_in_flight')) === 1)
  await eventually('it is over', async () => (await metric('calls_in_flight')) === 0)
  t.equal(await metric('connections'), 0)
  const rows = await eventually('its outcome', async () => {
    const found = (await world.allRecords()).filter(
      (row) => String(row['TargetResourceId']).endsWith(name) && row['Outcome'] !== undefined,
    )
    return found.length > 0 && found
  })
  t.match(rows, [{ RecordKind: 'completed', Outcome: 'client_abort' }])
  socket.destroy()
})
