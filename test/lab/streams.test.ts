import { createHash } from 'node:crypto'
import { request as httpsRequest } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import type { Lab } from '../../lab/lab.ts'
import { workspaceId } from '../../lab/personas.ts'
import { identity, lab } from './helper.ts'

const MB = 1024 * 1024
const BYTES = 200 * MB
const GROWTH = 60 * MB
const BLOCK = Buffer.alloc(MB, 'x')

async function open(
  of: Lab,
  method: string,
  path: string,
  source?: Readable,
): Promise<IncomingMessage> {
  const token = await of.identities.mint(identity('ml-writer'), 'https://management.azure.com')
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' }
  const options = { method, headers, ca: of.certificates.ca, agent: false }
  const outgoing = httpsRequest(`${of.urls.upstream}${path}`, options)
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve)
    outgoing.on('error', reject)
  })
  if (source === undefined) outgoing.end()
  else await pipeline(source, outgoing)
  return answered
}

async function upload(of: Lab, bytes: number, name: string): Promise<string> {
  const hash = createHash('sha256')
  function* blocks(): Generator<Buffer> {
    for (let i = 0; i < bytes / MB; i++) {
      hash.update(BLOCK)
      yield BLOCK
    }
  }
  const path = `${workspaceId()}/data/${name}/versions/1?api-version=2024-04-01`
  const reply = await open(of, 'PUT', path, Readable.from(blocks(), { objectMode: false }))
  reply.resume()
  return hash.digest('hex')
}

t.test('200 MB up are hashed and not held', async (t) => {
  const running = await lab(t)
  // the first upload fills the pools of both ends, which share this process
  await upload(running, 100 * MB, 'first')
  const before = process.memoryUsage().rss
  const sha256 = await upload(running, BYTES, 'second')
  const grown = process.memoryUsage().rss - before
  const [, second] = running.requests()
  t.match(second, { bodyBytes: BYTES, bodySha256: sha256, body: null, status: 201 })
  t.ok(grown < GROWTH, `grew by ${Math.round(grown / MB)} MB`)
})

t.test('200 MB down are streamed, with and without a length', async (t) => {
  const running = await lab(t)
  const before = process.memoryUsage().rss
  for (const kind of ['big', 'chunked']) {
    const path = `${workspaceId()}/data/${kind}-${BYTES}?api-version=2024-04-01`
    const reply = await open(running, 'GET', path)
    let bytes = 0
    for await (const chunk of reply as AsyncIterable<Buffer>) bytes += chunk.length
    t.equal(bytes, BYTES, kind)
    t.equal(reply.headers['content-length'], kind === 'big' ? String(BYTES) : undefined)
  }
  const grown = process.memoryUsage().rss - before
  t.ok(grown < GROWTH, `grew by ${Math.round(grown / MB)} MB`)
})
