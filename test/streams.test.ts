/** Bodies are streamed both ways: the gateway's memory does not grow with them. */
import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { startGateway, type World } from './support/gateway.ts'
import { workspaceId } from '../lab/personas.ts'

const SIZE = 200 * 1024 * 1024
const GROWTH = 60 * 1024 * 1024

let world: World
t.before(async () => {
  world = await startGateway()
})
t.teardown(() => world.close())

/** Resident memory of the gateway in bytes, from /proc. */
async function resident(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}

/** The largest growth seen while `work` runs. */
async function growth(pid: number, work: () => Promise<void>): Promise<number> {
  const start = await resident(pid)
  let most = start
  const timer = setInterval(
    () => void resident(pid).then((now) => (most = Math.max(most, now))),
    50,
  )
  await work().finally(() => clearInterval(timer))
  return most - start
}

function* zeros(): Generator<Buffer> {
  const chunk = Buffer.alloc(64 * 1024, 'x')
  for (let sent = 0; sent < SIZE; sent += chunk.byteLength) yield chunk
}

const linux =
  process.platform === 'linux' ? false : 'memory is read from /proc, which this platform has not'

t.test('200 MB up', { skip: linux }, async (t) => {
  const token = await world.lab.token('scientist')
  const { hostname, port } = new URL(world.url)
  await world.send(`${workspaceId()}/jobs?api-version=2024-04-01`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const grown = await growth(world.gateway.pid, async () => {
    const status = await new Promise<number>((resolve, reject) => {
      const outgoing = request(
        {
          hostname,
          port,
          method: 'PUT',
          // policy looks into what runs, not into what is stored
          path: `${workspaceId()}/data/big/versions/1?api-version=2024-04-01`,
          ca: world.lab.certificates.ca,
          headers: {
            authorization: `Bearer ${token}`,
            'content-type': 'application/octet-stream',
            'content-length': SIZE,
          },
        },
        (response) => {
          response.resume().once('end', () => resolve(response.statusCode ?? 0))
        },
      )
      outgoing.once('error', reject)
      pipeline(Readable.from(zeros()), outgoing).catch(reject)
    })
    t.ok(status < 500, `answered with ${status}`)
  })
  const arrived = world.lab.requests().find((entry) => entry.url.includes('/data/big/'))
  const expected = createHash('sha256')
  for (const chunk of zeros()) expected.update(chunk)
  t.equal(arrived?.bodyBytes, SIZE)
  t.equal(arrived?.bodySha256, expected.digest('hex'), 'byte for byte')
  t.comment(`grew by ${Math.round(grown / 1024 / 1024)} MB`)
  t.ok(grown < GROWTH, `grew by ${grown} bytes`)
})

t.test('200 MB down', { skip: linux }, async (t) => {
  const token = await world.lab.token('scientist')
  const { hostname, port } = new URL(world.url)
  let bytes = 0
  const grown = await growth(world.gateway.pid, async () => {
    await new Promise<void>((resolve, reject) => {
      request(
        {
          hostname,
          port,
          path: `${workspaceId()}/data/big-${SIZE}?api-version=2024-04-01`,
          ca: world.lab.certificates.ca,
          headers: { authorization: `Bearer ${token}` },
        },
        (response) => {
          response.on('data', (chunk: Buffer) => (bytes += chunk.byteLength))
          response.once('end', resolve).once('error', reject)
        },
      )
        .once('error', reject)
        .end()
    })
  })
  t.ok(bytes >= SIZE, `${bytes} bytes came`)
  t.comment(`grew by ${Math.round(grown / 1024 / 1024)} MB`)
  t.ok(grown < GROWTH, `grew by ${grown} bytes`)
})
