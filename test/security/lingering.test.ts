/**
 * After a refusal the gateway reads what its client still sends, so that the answer arrives; and no more than that:
 * there is an end by bytes, by time, by silence and by a stop, and nothing that follows is a request.
 */
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { parseAnswer } from '../support/send.ts'
import { descriptors, hold, type Held } from './support/connection.ts'

const MB = 1024 * 1024
const JOB = `${workspaceId()}/jobs/j?api-version=2024-04-01`
/** What the kernel's buffers on both sides may take besides, and what comes between two looks. */
const BUFFERS = 100 * MB

let world: World
t.before(async () => {
  world = await startGateway({
    gateway: {
      change: (config) => ({
        ...config,
        limits: { ...config.limits, lingerBytes: 2 * MB, lingerMs: 8_000 },
      }),
    },
  })
})
t.teardown(() => world.close())

/** A request without a token, whose body is still to come. */
async function refused(...headers: readonly string[]): Promise<Held> {
  const { host } = new URL(world.url)
  const lines = [`PUT ${JOB} HTTP/1.1`, `Host: ${host}`, 'Content-Type: application/json']
  const one = await hold(world, `${[...lines, ...headers].join('\r\n')}\r\n\r\n`, {
    halfOpen: true,
  })
  await eventually('the refusal', () => one.text().includes('missing_token'))
  t.match(one.text(), /connection: close/i)
  return one
}

/** Sends until the gateway has closed; returns how much could be sent. */
async function pour(one: Held, piece: Buffer, everyMs: number): Promise<number> {
  let sent = 0
  const { socket } = one
  const more = (): void => {
    if (socket.destroyed) return
    sent += piece.byteLength
    if (socket.write(piece)) setTimeout(more, everyMs)
  }
  socket.on('drain', more)
  more()
  await one.closed
  return sent
}

const CHUNK = Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`)

t.test('who sends on and on is cut after lingerBytes', async (t) => {
  const sent = await pour(await refused('Transfer-Encoding: chunked'), CHUNK, 0)
  t.ok(sent >= 2 * MB, `${sent} bytes were read`)
  t.ok(sent < 2 * MB + BUFFERS, `${sent} bytes were read`)
})

t.test('a body that says that it is longer is not read at all', async (t) => {
  const sent = await pour(await refused(`Content-Length: ${900 * MB}`), Buffer.alloc(MB, 32), 0)
  t.ok(sent < BUFFERS, `${sent} bytes were taken`)
})

t.test('who is silent is closed, who trickles is cut after lingerMs', async (t) => {
  const before = await descriptors(world)
  await refused('Content-Length: 100000')
  const trickles = await refused('Content-Length: 100000')
  const poured = pour(trickles, Buffer.from(' '), 200)
  await eventually('the silent one is gone', async () => (await descriptors(world)) === before + 1)
  t.notOk(trickles.socket.destroyed, 'and the other is not yet')
  await poured
  await eventually('both are gone', async () => (await descriptors(world)) <= before)
})

t.test('what follows the body is no request', async (t) => {
  const token = await world.lab.token('scientist')
  const before = (await world.allRecords()).length
  const one = await refused('Content-Length: 4')
  const { host } = new URL(world.url)
  const next = `DELETE ${JOB} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n\r\n`
  one.socket.end(`null${next}`)
  await one.closed
  t.equal(parseAnswer(one.text()).code, 'missing_token')
  t.equal(one.text().split('HTTP/1.1 ').length, 2, 'one answer')
  await eventually('both have a record', async () => {
    const rows = (await world.allRecords()).slice(before)
    return rows.filter((row) => row['RecordKind'] === 'refused').length === 2
  })
  t.same(world.lab.requests(), [], 'and nothing reached Azure')
})

t.test('a stop does not wait for it', async (t) => {
  const trickles = await refused('Content-Length: 100000')
  const poured = pour(trickles, Buffer.from(' '), 200)
  const { code } = await world.gateway.stop()
  t.equal(code, 0)
  await poured
})
