/** Whatever reaches the port leaves exactly one outcome on record: promise 2, through the whole gateway. */
import { connect as connectTcp } from 'node:net'
import { connect } from 'node:tls'
import t from 'tap'
import { startGateway, type Row, type World } from '../support/gateway.ts'

import { workspaceId } from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'

const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`
const JOB = `${workspaceId()}/jobs/one?api-version=2024-04-01`
const HEADERS_TIMEOUT_MS = 1_000
/** Nothing more comes once this long nothing came. */
const QUIET_MS = 400

let world: World
let host: string
let token: string
t.before(async () => {
  world = await startGateway({
    gateway: {
      change: (config) => ({
        ...config,
        limits: {
          ...config.limits,
          headersTimeoutMs: HEADERS_TIMEOUT_MS,
          requestTimeoutMs: 2 * HEADERS_TIMEOUT_MS,
        },
      }),
    },
  })
  host = new URL(world.url).host
  token = await world.lab.token('scientist')
})
t.teardown(() => world.close())

/** Sends bytes, in pieces, and reads until the other side ends it, or hangs up itself. */
async function exchange(
  pieces: readonly (string | Buffer)[],
  options: { tls?: boolean; hangUp?: 'after-sending' | 'after-first-byte'; wait?: boolean } = {},
): Promise<string> {
  const { port } = new URL(world.url)
  const at = { host: '127.0.0.1', port: Number(port) }
  return new Promise((resolve) => {
    const sendAll = async (): Promise<void> => {
      for (const piece of pieces) {
        socket.write(piece)
        await new Promise((done) => setTimeout(done, 30))
      }
      if (options.hangUp === 'after-sending') socket.destroy()
    }
    const socket =
      options.tls === false
        ? connectTcp(at, () => void sendAll())
        : connect(
            { ...at, ca: world.lab.certificates.ca, servername: 'localhost' },
            () => void sendAll(),
          )
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (options.hangUp === 'after-first-byte') socket.destroy()
    })
    socket.on('error', () => undefined)
    socket.once('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
  })
}

const byText = (a: string, b: string): number => (a < b ? -1 : 1)
const requests = async (): Promise<Row[]> =>
  (await world.allRecords()).filter((row) => row['RecordKind'] !== 'gateway')

/** Records that are there now and were not before, once no more come; the gateway's own events left out. */
async function recordsOf(run: () => Promise<unknown>): Promise<readonly Row[]> {
  const before = (await requests()).length
  await run()
  let last = -1
  await eventually('quiet', async () => {
    const now = (await requests()).length
    if (now === last) return true
    last = now
    await new Promise((done) => setTimeout(done, QUIET_MS))
    return false
  })
  return (await requests()).slice(before)
}

const head = (line: string, ...headers: readonly string[]): string =>
  `${[line, `Host: ${host}`, ...headers].join('\r\n')}\r\n\r\n`
const bearer = (): string => `Authorization: Bearer ${token}`

interface Case {
  readonly name: string
  readonly pieces: () => readonly (string | Buffer)[]
  /** Kinds of record that it leaves, in order. */
  readonly kinds: readonly string[]
  readonly status?: number
  readonly options?: Parameters<typeof exchange>[1]
}

const ONE_REFUSED = ['refused']
const ONE_RECEIVED = ['received']
const CASES: readonly Case[] = [
  {
    name: 'bytes that are no HTTP',
    pieces: () => ['NONSENSE\r\n\r\n'],
    kinds: ONE_RECEIVED,
    status: 400,
  },
  {
    name: 'a byte that no method begins with',
    pieces: () => ['\u0000'],
    kinds: ONE_RECEIVED,
    status: 400,
  },
  {
    name: 'CONNECT',
    pieces: () => [head('CONNECT evil.example:443 HTTP/1.1')],
    kinds: ONE_RECEIVED,
    status: 405,
  },
  {
    name: 'no Host',
    pieces: () => [`GET ${JOBS} HTTP/1.1\r\nConnection: close\r\n\r\n`],
    kinds: ONE_REFUSED,
    status: 400,
  },
  {
    name: 'two Hosts',
    pieces: () => [head(`GET ${JOBS} HTTP/1.1`, 'Host: evil.example')],
    kinds: ONE_REFUSED,
    status: 400,
  },
  {
    name: 'a foreign Host',
    pieces: () => [`GET ${JOBS} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`],
    kinds: ONE_REFUSED,
    status: 421,
  },
  {
    name: 'a URL that is not percent-encoded',
    pieces: () => [head('GET /%zz HTTP/1.1', 'Connection: close')],
    kinds: ONE_REFUSED,
    status: 400,
  },
  {
    name: 'an absolute target',
    pieces: () => [head('GET https://evil.example/ HTTP/1.1', 'Connection: close')],
    kinds: ONE_REFUSED,
    status: 400,
  },
  {
    name: 'OPTIONS *',
    pieces: () => [head('OPTIONS * HTTP/1.1', 'Connection: close')],
    kinds: ONE_REFUSED,
  },
  {
    name: 'headers that are too large',
    pieces: () => [head('GET / HTTP/1.1', `X: ${'x'.repeat(60_000)}`)],
    kinds: ONE_RECEIVED,
    status: 431,
  },
  {
    name: 'more than a hundred headers',
    pieces: () => [
      head(
        'GET / HTTP/1.1',
        'Connection: close',
        ...Array.from({ length: 120 }, (_, i) => `X-${i}: y`),
      ),
    ],
    kinds: ONE_REFUSED,
    status: 431,
  },
  {
    name: 'two lengths',
    pieces: () => [head('PUT / HTTP/1.1', 'Content-Length: 1', 'Content-Length: 2')],
    kinds: ONE_RECEIVED,
    status: 400,
  },
  {
    name: 'a length and chunks',
    pieces: () => [head('PUT / HTTP/1.1', 'Content-Length: 1', 'Transfer-Encoding: chunked')],
    kinds: ONE_RECEIVED,
    status: 400,
  },
  {
    name: 'headers that never end',
    pieces: () => [`GET ${JOBS} HTTP/1.1\r\nHost: ${host}\r\n`],
    kinds: ONE_RECEIVED,
    status: 408,
  },
  {
    name: 'an Expect that nobody serves',
    pieces: () => [head('PUT / HTTP/1.1', 'Expect: foo', 'Content-Length: 0')],
    kinds: ONE_RECEIVED,
    status: 417,
  },
  {
    name: 'an Upgrade',
    pieces: () => [
      head(`GET ${JOBS} HTTP/1.1`, 'Upgrade: websocket', 'Connection: upgrade, close'),
    ],
    kinds: ONE_REFUSED,
    status: 400,
  },
  { name: 'HTTP/0.9', pieces: () => ['GET /a\r\n\r\n'], kinds: ONE_REFUSED, status: 400 },
  {
    name: 'HTTP/2 with prior knowledge',
    pieces: () => ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    kinds: ONE_RECEIVED,
  },
  {
    name: 'plain HTTP on the TLS port',
    pieces: () => [head('GET / HTTP/1.1')],
    kinds: ONE_RECEIVED,
    options: { tls: false },
  },
  {
    name: 'bytes that are no TLS',
    pieces: () => [Buffer.alloc(600, 0x16)],
    kinds: ONE_RECEIVED,
    options: { tls: false },
  },
  {
    name: 'a call without a token',
    pieces: () => [head(`GET ${JOBS} HTTP/1.1`, 'Connection: close')],
    kinds: ONE_REFUSED,
    status: 401,
  },
  {
    name: 'a call',
    pieces: () => [head(`GET ${JOBS} HTTP/1.1`, bearer(), 'Connection: close')],
    kinds: ['authorized', 'completed'],
    status: 200,
  },
  {
    name: 'a call by HTTP/1.0',
    pieces: () => [head(`GET ${JOBS} HTTP/1.0`, bearer())],
    kinds: ['authorized', 'completed'],
    status: 200,
  },
  {
    name: 'three calls in one packet',
    pieces: () => [
      head(`GET ${JOBS} HTTP/1.1`, bearer()) +
        head(`GET ${JOBS} HTTP/1.1`) +
        head(`GET ${JOBS} HTTP/1.1`, bearer(), 'Connection: close'),
    ],
    kinds: ['authorized', 'authorized', 'completed', 'completed', 'refused'],
    status: 200,
  },
  {
    name: 'a call, and bytes that are none behind it',
    pieces: () => [`${head(`GET ${JOBS} HTTP/1.1`, bearer())}NONSENSE\r\n\r\n`],
    kinds: ['authorized', 'completed', 'received'],
  },
  {
    name: 'a head in pieces',
    pieces: () => head('GET / HTTP/1.1', 'Connection: close').match(/[^]{1,9}/g) ?? [],
    kinds: ONE_REFUSED,
    status: 401,
  },
  {
    name: 'a caller who hangs up within the head',
    pieces: () => [`GET ${JOBS} HTTP/1.1\r\nHost:`],
    kinds: ONE_RECEIVED,
    options: { hangUp: 'after-sending' },
  },
  {
    name: 'a caller who hangs up at the first byte of the answer',
    pieces: () => [head(`GET ${JOBS} HTTP/1.1`, bearer())],
    kinds: ['authorized', 'completed'],
    options: { hangUp: 'after-first-byte' },
  },
  {
    name: 'a caller who hangs up within the body',
    pieces: () => [
      head(
        `PUT ${JOB} HTTP/1.1`,
        bearer(),
        'Content-Type: application/json',
        'Content-Length: 100',
      ),
      '{"properties":',
    ],
    kinds: ONE_REFUSED,
    options: { hangUp: 'after-sending' },
  },
  {
    name: 'a body that never ends',
    pieces: () => [
      head(
        `PUT ${JOB} HTTP/1.1`,
        bearer(),
        'Content-Type: application/json',
        'Content-Length: 100',
      ),
      '{',
    ],
    kinds: ONE_REFUSED,
  },
  {
    name: 'chunks that are none',
    pieces: () => [
      head(
        `PUT ${JOB} HTTP/1.1`,
        bearer(),
        'Content-Type: application/json',
        'Transfer-Encoding: chunked',
      ),
      'zz\r\n',
    ],
    kinds: ONE_REFUSED,
  },
]

for (const { name, pieces, kinds, status, options } of CASES) {
  t.test(`promise 2: ${name}: ${kinds.join(', ')}`, async (t) => {
    let answer = ''
    const rows = await recordsOf(async () => {
      answer = await exchange(pieces(), options)
    })
    t.same(rows.map((row) => String(row['RecordKind'])).toSorted(byText), kinds)
    t.ok(
      rows.every((row) => row['SourceIp'] === '127.0.0.1' && Number(row['SourcePort']) > 0),
      'with where it came from',
    )
    if (status !== undefined) t.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
  })
}

t.test('promise 2: a connection on which nothing was asked is no request', async (t) => {
  const rows = await recordsOf(() => exchange([], { hangUp: 'after-sending' }))
  t.same(rows, [])
})

t.test(
  'promise 2: a caller who hangs up while azure works: one intent, one end, which says so',
  async (t) => {
    await world.fault('upstream', { times: 1, delayMs: 1_000 })
    const rows = await recordsOf(() =>
      exchange([head(`GET ${JOBS} HTTP/1.1`, bearer())], { hangUp: 'after-sending' }),
    )
    t.same(
      rows.map((row) => row['RecordKind']),
      ['authorized', 'completed'],
    )
    t.equal(rows[1]?.['Outcome'], 'client_abort')
  },
)

t.test('promise 2: TLS on a port that is plain by its long name leaves one record', async (t) => {
  const plain = await startGateway({
    gateway: {
      waitUntilReady: false,
      change: (config) => {
        const { tls: _, ...listen } = config.listen
        return {
          ...config,
          listen: { ...listen, dangerouslyPlainHttpBehindATlsTerminatingProxy: true },
        }
      },
    },
  })
  t.teardown(() => plain.close())
  const { port } = new URL(plain.url)
  await eventually('it listens', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/_harness/livez`).catch(() => null)
    return answer?.ok === true
  })
  const before = (await plain.allRecords()).length
  await new Promise<void>((done) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false })
    socket.on('error', () => undefined).once('close', () => done())
  })
  await eventually('a record', async () => (await plain.allRecords()).length > before)
  const rows = (await plain.allRecords()).slice(before)
  t.same(
    rows.map((row) => row['RecordKind']),
    ['received'],
  )
})
