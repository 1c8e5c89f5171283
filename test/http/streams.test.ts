/**
 * Bodies are streamed both ways: the gateway's memory does not grow with them. 200 MB; with `HARNESS_STREAMS=full`, as in
 * CI, 2 GB up and 2 GB down.
 */
import { request } from 'node:https'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { blocks, growth, NO_PROC, sha256Of } from '../support/memory.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { workspaceId } from '../../lab/personas.ts'

const MB = 1024 * 1024
const SMALL = 200 * MB
const SIZE = process.env['HARNESS_STREAMS'] === 'full' ? 2048 * MB : SMALL
/** The young generation, once filled, and what is on its way in buffers */
const GROWTH = 100 * MB
const VERSION = '?api-version=2024-04-01'

let world: World
let token: string
t.before(async () => {
  world = await startGateway()
  token = await world.lab.token('scientist')
  // a first call, so that what a process allocates once does not count as the body's memory
  await world.send(`${workspaceId()}/jobs${VERSION}`, {
    headers: { authorization: `Bearer ${token}` },
  })
})
t.teardown(() => world.close())

interface Exchange {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string | number>>
  readonly body?: Iterable<Buffer>
}

/** Sends and reads without keeping anything. */
function stream(exchange: Exchange): Promise<{ status: number; bytes: number; id: string }> {
  const { hostname, port } = new URL(world.url)
  return new Promise((resolve, reject) => {
    let bytes = 0
    const outgoing = request(
      {
        hostname,
        port,
        path: exchange.path,
        method: exchange.method ?? 'GET',
        ca: world.lab.certificates.ca,
        headers: { authorization: `Bearer ${token}`, ...exchange.headers },
      },
      (response) => {
        const id = String(response.headers['x-harness-decision-id'])
        response.on('data', (chunk: Buffer) => (bytes += chunk.byteLength))
        response.once('end', () => resolve({ status: response.statusCode ?? 0, bytes, id }))
        response.once('error', reject)
      },
    )
    outgoing.once('error', reject)
    if (exchange.body === undefined) outgoing.end()
    else pipeline(Readable.from(exchange.body), outgoing).catch(reject)
  })
}

for (const [framing, size] of [
  ['a length', SIZE],
  ['chunks', SMALL],
] as const) {
  t.test(`${size / MB} MB up with ${framing}`, { skip: NO_PROC }, async (t) => {
    const name = `up-with-${framing.replaceAll(' ', '-')}`
    const grown = await growth(world.gateway.pid, async () => {
      const { status } = await stream({
        method: 'POST',
        // what can refer to something is read; files of runs are not
        path: `/artifact/v2.0${workspaceId()}/artifacts/ExperimentRun/dcid.${name}/content?path=x`,
        headers: {
          'content-type': 'application/octet-stream',
          ...(framing === 'chunks' ? {} : { 'content-length': size }),
        },
        body: blocks(size),
      })
      t.ok(status < 300, `answered with ${status}`)
    })
    const arrived = world.lab.requests().find((entry) => entry.url.includes(name))
    t.equal(arrived?.bodyBytes, size)
    t.equal(arrived?.bodySha256, sha256Of(size), 'byte for byte')
    t.comment(`grew by ${Math.round(grown / MB)} MB`)
    t.ok(grown < GROWTH, `grew by ${grown} bytes`)
  })
}

for (const [kind, size] of [
  ['big', SIZE],
  ['chunked', SMALL],
  ['bigjson', SMALL],
] as const) {
  t.test(`${size / MB} MB down: ${kind}`, { skip: NO_PROC }, async (t) => {
    const grown = await growth(world.gateway.pid, async () => {
      const { status, bytes } = await stream({
        path: `${workspaceId()}/data/${kind}-${size}${VERSION}`,
      })
      t.equal(status, 200)
      // a JSON document has a few bytes around its value
      t.equal(bytes, kind === 'bigjson' ? size + '{"value":""}'.length : size)
    })
    t.comment(`grew by ${Math.round(grown / MB)} MB`)
    t.ok(grown < GROWTH, `grew by ${grown} bytes`)
  })
}

t.test('a document larger than limits.answerBytes is checked as it streams', async (t) => {
  const { id } = await stream({ path: `${workspaceId()}/data/bigjson-${9 * MB}${VERSION}` })
  for (let tries = 0; tries < 100; tries += 1) {
    const completed = (await world.records(id)).find((row) => row['RecordKind'] === 'completed')
    if (completed !== undefined) {
      t.equal(completed['Outcome'], 'success')
      t.equal(completed['BytesOut'], 9 * MB + '{"value":""}'.length)
      return
    }
    await new Promise((done) => setTimeout(done, 20))
  }
  t.fail('no outcome was recorded')
})
