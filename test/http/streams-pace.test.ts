/**
 * Streams go at the pace of their slower end, and end as the record says: a reader that stops stops Azure, an Azure that
 * stops stops the caller, and who hangs up first is told apart.
 */
import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { Readable } from 'node:stream'
import type { ClientRequest, IncomingMessage } from 'node:http'
import t from 'tap'
import { blocks, NO_PROC, resident } from '../support/memory.ts'
import { startGateway, type Row, type World } from '../support/gateway.ts'
import type { Entry } from '../../lab/server/journal.ts'
import { RESOURCE_GROUP, SUBSCRIPTION, WORKSPACE, workspaceId } from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'

const MB = 1024 * 1024
/**
 * What may be on its way between three processes on one machine: the kernel lets the buffers of each of the two
 * connections grow to these sizes as it sees fit (tcp(7)), and streams hold a little. What the gateway itself holds is
 * judged by its memory.
 */
const BUFFERS = 2 * (kernelMost('tcp_rmem') + kernelMost('tcp_wmem')) + 16 * MB
/** More than can be on its way, so that some of it has to wait. */
const SIZE = Math.max(150 * MB, BUFFERS + 60 * MB)
const GROWTH = 60 * MB
const W = workspaceId()
const VERSION = '?api-version=2024-04-01'
const SCORE = `/_score/${SUBSCRIPTION}/${RESOURCE_GROUP}/${WORKSPACE}/e/score`
/** What can refer to something is read; files of runs are not. */
const upload = (run: string): string =>
  `/artifact/v2.0${W}/artifacts/ExperimentRun/dcid.${run}/content`
const HELD_BYTES = 64 * 1024

/** The largest size of a socket's buffer, the last of three; nothing where there is no /proc: such tests are skipped. */
function kernelMost(name: string): number {
  try {
    const text = readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8')
    return Number(text.trim().split(/\s+/).at(-1))
  } catch {
    return 0
  }
}

let world: World
let token: string
t.before(async () => {
  world = await startGateway({
    gateway: {
      change: (config) => ({ ...config, limits: { ...config.limits, answerBytes: HELD_BYTES } }),
    },
  })
  token = await world.lab.token('scientist')
  const authorization = `Bearer ${token}`
  await world.send(`${W}/jobs${VERSION}`, { headers: { authorization } })
  await world.send(`${W}/onlineEndpoints/e${VERSION}`, {
    method: 'PUT',
    headers: { authorization, 'content-type': 'application/json' },
    body: '{"properties":{"authMode":"AADToken"}}',
  })
})
t.teardown(() => world.close())
t.beforeEach(() => world.clear())

interface Opened {
  readonly outgoing: ClientRequest
  readonly response: Promise<IncomingMessage>
}

function open(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Opened {
  const { hostname, port } = new URL(world.url)
  const outgoing = request({
    hostname,
    port,
    path,
    method,
    ca: world.lab.certificates.ca,
    headers: { authorization: `Bearer ${token}`, ...headers },
  })
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve)
    outgoing.once('error', reject)
  })
  // a caller that hangs up gets an error of its own making
  response.catch(() => undefined)
  outgoing.on('error', () => undefined)
  return { outgoing, response }
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))

/** Waits until a number has not changed for a while. */
async function steady(read: () => number): Promise<number> {
  let last = -1
  for (let same = 0; same < 10;) {
    const now = read()
    same = now === last && now > 0 ? same + 1 : 0
    last = now
    await pause(50)
  }
  return last
}

const arrived = (path: string): Promise<Entry> =>
  eventually(`${path} at azure`, () => world.lab.requests().find((one) => one.url.includes(path)))

/** The last record of the only call that reached `path`. */
const completed = (path: string): Promise<Row> =>
  eventually(`the outcome of ${path}`, async () => {
    const entry = await arrived(path)
    const id = entry.headers['x-ms-correlation-request-id']
    const rows = await world.records(String(id))
    return rows.find((row) => row['RecordKind'] === 'completed')
  })

for (const kind of ['big', 'chunked', 'bigjson']) {
  t.test(`a reader that stops stops azure: ${kind}`, { skip: NO_PROC }, async (t) => {
    const name = `${kind}-${SIZE}`
    const before = await resident(world.gateway.pid)
    const { outgoing, response } = open('GET', `${W}/data/${name}${VERSION}`)
    outgoing.end()
    const answer = await response
    const entry = await arrived(name)
    // nobody reads: what is on its way comes to rest
    const sent = await steady(() => entry.sentBytes)
    t.ok(sent < BUFFERS, `azure was let to send ${sent} bytes`)
    const grown = (await resident(world.gateway.pid)) - before
    t.ok(grown < GROWTH, `grew by ${grown} bytes`)
    let bytes = 0
    for await (const chunk of answer as AsyncIterable<Buffer>) bytes += chunk.byteLength
    t.ok(bytes >= SIZE, 'and once it reads on, all of it comes')
    t.equal((await completed(name))['Outcome'], 'success')
  })
}

t.test('an azure that does not read stops the caller', { skip: NO_PROC }, async (t) => {
  await world.fault('dataPlane', {
    match: { method: 'POST' },
    readBytesPerSecond: 256 * 1024,
    readSlowlyMs: 4000,
  })
  const before = await resident(world.gateway.pid)
  const { outgoing, response } = open('POST', `${upload('slow')}?path=x`, {
    'content-type': 'application/octet-stream',
    'content-length': String(SIZE),
  })
  let given = 0
  const body = Readable.from(blocks(SIZE))
  body.on('data', (chunk: Buffer) => (given += chunk.byteLength))
  body.pipe(outgoing)
  const sent = await steady(() => given)
  t.ok(sent < BUFFERS, `the caller was let to send ${sent} bytes`)
  const grown = (await resident(world.gateway.pid)) - before
  t.ok(grown < GROWTH, `grew by ${grown} bytes`)
  t.equal((await response).statusCode, 200, 'and once it reads on, all of it arrives')
  t.equal((await arrived('dcid.slow')).bodyBytes, SIZE)
})

t.test(
  'a caller that hangs up in the middle of its own body: nobody says how it ended',
  async (t) => {
    const { outgoing } = open('POST', `${upload('half')}?path=x`, {
      'content-type': 'application/octet-stream',
      'content-length': String(10 * MB),
    })
    outgoing.write(Buffer.alloc(MB))
    const entry = await arrived('dcid.half')
    await eventually('a part at azure', () => entry.bodyBytes > 0)
    outgoing.destroy()
    t.match((await completed('dcid.half'))['Outcome'], /^(client_abort|unknown)$/)
    t.equal(entry.bodySha256, null, 'azure never had the whole of it')
    t.equal(world.lab.requests().length, 1)
  },
)

t.test('events of an endpoint arrive as they are sent', async (t) => {
  const { outgoing, response } = open('POST', `${SCORE}?events=12`, {
    accept: 'text/event-stream',
    'content-type': 'application/json',
  })
  outgoing.end('{}')
  const answer = await response
  t.equal(answer.statusCode, 200)
  t.match(answer.headers['content-type'], /^text\/event-stream/)
  t.equal(answer.headers['cache-control'], 'no-cache')
  let first = 0
  let text = ''
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    if (first === 0) first = Date.now()
    text += chunk.toString('utf8')
  }
  const events = text
    .split('\n\n')
    .filter((event) => event.startsWith('id:'))
    .map((event) => JSON.parse(event.split('data: ')[1] ?? '') as { n: number; at: number })
  t.same(
    events.map(({ n }) => n),
    Array.from({ length: 12 }, (_, n) => n),
  )
  t.ok(text.endsWith('data: [DONE]\n\n'))
  t.ok(first < (events.at(-1)?.at ?? 0), 'the first was here before the last was sent')
  t.equal((await completed('events=12'))['Outcome'], 'success')
})

for (const [what, method, path] of [
  ['a download', 'GET', `${W}/data/big-${150 * MB}${VERSION}`],
  ['a document that is being checked', 'GET', `${W}/data/bigjson-${150 * MB}${VERSION}`],
  ['events', 'POST', `${SCORE}?events=100000`],
] as const) {
  t.test(`a caller that hangs up in the middle of ${what} stops azure: client_abort`, async (t) => {
    const { outgoing, response } = open(method, path, { accept: 'text/event-stream' })
    outgoing.end()
    const answer = await response
    await new Promise((resolve) => answer.once('data', resolve))
    outgoing.destroy()
    const upstreamPath = path.startsWith('/_score') ? '?events=100000' : path
    const record = await completed(upstreamPath)
    t.equal(record['Outcome'], 'client_abort')
    t.equal(record['RefusalCode'], undefined)
    const entry = await arrived(upstreamPath)
    t.ok((await steady(() => entry.sentBytes)) < 150 * MB)
  })
}

t.test('a caller that hangs up before azure has answered: client_abort', async (t) => {
  await world.fault('upstream', { match: { path: '/jobs/waits' }, delayMs: 1000 })
  const { outgoing } = open('GET', `${W}/jobs/waits${VERSION}`)
  outgoing.end()
  await arrived('/jobs/waits')
  outgoing.destroy()
  t.equal((await completed('/jobs/waits'))['Outcome'], 'client_abort')
  // what comes after finds nobody
  await pause(1200)
  const rows = (await world.allRecords()).filter((row) =>
    String(row['TargetResourceId']).endsWith('/jobs/waits'),
  )
  t.equal(rows.length, 2)
  t.equal((await world.send('/_harness/readyz')).status, 200)
})

const HALF = 'x'.repeat(4 * HELD_BYTES)

for (const [what, method, path, type, body, outcome] of [
  ['a download', 'GET', `${W}/data/dies${VERSION}`, 'application/octet-stream', HALF, 'failed'],
  ['a document', 'GET', `${W}/jobs/dies${VERSION}`, 'application/json', { x: HALF }, 'failed'],
  [
    'the answer to a change',
    'PUT',
    `${W}/linkedServices/dies${VERSION}`,
    'application/octet-stream',
    HALF,
    'unknown',
  ],
  ['the answer of a model', 'POST', SCORE, 'text/plain', HALF, 'unknown'],
] as const) {
  t.test(`azure dies in the middle of ${what}: cut, ${outcome}`, async (t) => {
    await world.fault(path === SCORE ? 'scoring' : 'upstream', {
      status: 200,
      headers: { 'content-type': type },
      body,
      reset: 'mid-body',
    })
    const { outgoing, response } = open(method, path)
    outgoing.end()
    const answer = await response
    t.equal(answer.statusCode, 200)
    const end = new Promise<string>((resolve) => {
      answer.once('end', () => resolve('whole'))
      answer.once('error', () => resolve('cut'))
    })
    answer.resume()
    t.equal(await end, 'cut', 'half of an answer does not look like one')
    t.equal((await completed(path === SCORE ? '/score' : '/dies'))['Outcome'], outcome)
  })
}

t.test('a foreign URL far into a document cuts it there: the URL does not pass', async (t) => {
  await world.fault('upstream', {
    body: { value: [HALF, HALF], nextLink: 'https://evil.example/' },
  })
  const { outgoing, response } = open('GET', `${W}/jobs${VERSION}&far=1`)
  outgoing.end()
  const answer = await response
  t.equal(answer.statusCode, 200)
  let text = ''
  answer.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
  const end = await new Promise<string>((resolve) => {
    answer.once('end', () => resolve('whole'))
    answer.once('error', () => resolve('cut'))
  })
  t.equal(end, 'cut')
  t.ok(text.length > HELD_BYTES)
  t.notMatch(text, /evil/)
  const record = await completed('far=1')
  t.equal(record['Outcome'], 'failed')
  t.equal(record['RefusalCode'], 'upstream_foreign_url')
})
