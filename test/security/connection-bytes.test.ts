/**
 * Each request gets its own answer, whatever follows it on its connection; every byte stream that is no request has one
 * record, whose id its answer names; and every connection gives its descriptor back.
 */
import t from 'tap'
import { eventually } from '../support/eventually.ts'
import { startGateway, type Row, type World } from '../support/gateway.ts'
import { parseAnswer } from '../support/send.ts'
import { workspaceId } from '../../lab/personas.ts'
import { callRows, descriptors, hold, type Held } from './support/connection.ts'

t.setTimeout(400_000)
const W = workspaceId()
const VERSION = 'api-version=2024-04-01'
const JOBS = `${W}/jobs?${VERSION}`
const END = '\r\n\r\n'
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const HEADERS_MS = 1_000
const byText = (a: string, b: string): number => (a < b ? -1 : 1)

let world: World
let token: string
t.before(async () => {
  world = await startGateway({
    gateway: {
      change: (config) => ({
        ...config,
        limits: {
          ...config.limits,
          headersTimeoutMs: HEADERS_MS,
          bodyPauseMs: 1_000,
          bodyBytesPerSecond: 100,
        },
      }),
    },
  })
  token = await world.lab.token('scientist')
})
t.teardown(() => world.close())

const head = (line: string, ...more: string[]): string =>
  [
    `${line} HTTP/1.1`,
    `Host: ${new URL(world.url).host}`,
    `Authorization: Bearer ${token}`,
    ...more,
  ].join('\r\n') + END

/** The records that these bytes leave, once there are so many and no more come. */
async function rowsOf(count: number, run: () => Promise<unknown>): Promise<readonly Row[]> {
  // a call of an earlier test may still be under way: its end is not one of these
  await eventually('earlier calls have ended', async () => {
    const kinds = (await callRows(world)).map((row) => row['RecordKind'])
    const [begun, ended] = ['authorized', 'completed'].map(
      (kind) => kinds.filter((one) => one === kind).length,
    )
    return begun === ended
  })
  const before = (await callRows(world)).length
  await run()
  await eventually('its records', async () => (await callRows(world)).length >= before + count)
  await new Promise((done) => setTimeout(done, 300))
  return (await callRows(world)).slice(before)
}

const CLIENT_HELLO = Buffer.from('16030100c8010000c40303', 'hex')
const cut = async (held: Promise<Held>, how: 'fin' | 'rst', wait = 100): Promise<void> => {
  const one = await held
  await new Promise((done) => setTimeout(done, wait))
  if (how === 'rst') one.reset()
  else one.socket.end()
  await one.closed
}
const CUTS: Readonly<Record<string, () => Promise<unknown>>> = {
  'a ClientHello, FIN': () => cut(hold(world, CLIENT_HELLO, { tls: false }), 'fin'),
  'a ClientHello, RST': () => cut(hold(world, CLIENT_HELLO, { tls: false }), 'rst'),
  'a ClientHello that never ends': async () =>
    (await hold(world, CLIENT_HELLO, { tls: false })).closed,
  'one byte, FIN': () => cut(hold(world, '\x16', { tls: false }), 'fin'),
  'a head, FIN': () => cut(hold(world, 'GET / HTTP/1.1\r\nHost:'), 'fin'),
  'a head, RST': () => cut(hold(world, 'GET / HTTP/1.1\r\nHost:'), 'rst'),
  'one byte of a head, RST': () => cut(hold(world, 'G'), 'rst'),
}
for (const [name, run] of Object.entries(CUTS)) {
  t.test(`cut: ${name}: one record with an id`, async (test) => {
    const rows = await rowsOf(1, run)
    test.match(rows, [{ RecordKind: 'received', ExchangeId: GUID, SourceIp: '127.0.0.1' }])
    test.equal(rows.length, 1)
  })
}

t.test('cut: a head behind a request, RST: a record each', async (test) => {
  const rows = await rowsOf(3, async () => {
    const one = await hold(world, head(`GET ${JOBS}`))
    await eventually('an answer', () => one.text().includes('HTTP/1.1 200'))
    one.socket.write('GET / HT')
    await cut(Promise.resolve(one), 'rst')
  })
  const kinds = rows.map((row) => row['RecordKind'])
  test.same(kinds, ['authorized', 'completed', 'received'])
})

t.test('silence is no request: no record, and the socket is closed in time', async (test) => {
  const rows = await rowsOf(0, async () => (await hold(world, '', { tls: false })).closed)
  test.same(rows, [])
})

const UNREADABLE: Readonly<Record<string, () => string>> = {
  'no HTTP': () => 'NONSENSE\r\n\r\n',
  CONNECT: () => head('CONNECT a:443'),
  '60 KB of headers': () => head('GET /', `X: ${'x'.repeat(60_000)}`),
  'two lengths': () => head('PUT /', 'Content-Length: 1', 'Content-Length: 2'),
  'half a head': () => 'GET / HTTP/1.1\r\n',
  'an expectation': () => head('PUT /', 'Content-Length: 0', 'Expect: tea'),
}
for (const [name, bytes] of Object.entries(UNREADABLE)) {
  t.test(`unreadable: ${name}: the answer names the record, in the usual form`, async (test) => {
    let text = ''
    const rows = await rowsOf(1, async () => (text = await (await hold(world, bytes())).closed))
    const answer = parseAnswer(text)
    const { headers } = answer
    const id = headers['x-harness-decision-id']
    test.match(rows, [{ RecordKind: 'received', ExchangeId: id }])
    test.match(id, GUID)
    test.equal(headers['cache-control'], 'no-store')
    const info = [{ type: 'AzureMLHarnessDecision', info: { decisionId: id } }]
    test.match(answer.json(), { error: { code: rows[0]?.['RefusalCode'], additionalInfo: info } })
  })
}

const HEADS: Readonly<Record<string, () => string>> = {
  'a bad header': () => 'HEAD / HTTP/1.1\r\nbad header\r\n\r\n',
  'a bad version': () => 'HEAD / HTTP/9.9\r\n\r\n',
  'a bad target': () => 'HEAD \x01 HTTP/1.1\r\n\r\n',
  'two lengths': () => head('HEAD /', 'Content-Length: 1', 'Content-Length: 2'),
  'an expectation': () => head('HEAD /', 'Expect: tea'),
  'a body': () => `${head('HEAD /', 'Content-Length: 1')}x`,
  'behind another': () => `${head(`HEAD ${JOBS}`)}HEAD / HTTP/1.1\r\nbad header\r\n\r\n`,
}
for (const [name, bytes] of Object.entries(HEADS)) {
  t.test(`HEAD with ${name}: no body`, async (test) => {
    const text = await (await hold(world, bytes())).closed
    test.match(text, /^HTTP\/1.1 \d{3} [^]*\r\n\r\n$/)
    test.notMatch(text, /"error"/)
  })
}

for (const expect of ['y 100-continue', '100-continue, foo', 'x=100-continue', '', 'tea']) {
  t.test(`Expect: ${expect}: 417, and nothing is forwarded`, async (test) => {
    await world.clear()
    let text = ''
    const lines = [`Expect: ${expect}`, 'Content-Type: application/json', 'Content-Length: 2']
    const put = `PUT ${W}/jobs/j?${VERSION}`
    await rowsOf(1, async () => {
      text = await (await hold(world, `${head(put, ...lines)}{}${head(`GET ${JOBS}`)}`)).closed
    })
    test.match(text, /^HTTP\/1.1 417 /)
    test.match(parseAnswer(text).code, 'expectation_failed')
    test.same(world.lab.requests(), [], 'nor what follows it')
  })
}
t.test('Expect: 100-Continue is served', async (test) => {
  const lines = ['Expect: 100-Continue', 'Content-Type: application/json', 'Content-Length: 36']
  const put = head(`PUT ${W}/jobs/j?${VERSION}`, ...lines, 'Connection: close')
  await world.clear()
  // both of its records, so that none comes while the next test counts its own
  await rowsOf(2, async () => {
    const text = await (await hold(world, `${put}{"properties":{"jobType":"Command"}}`)).closed
    test.match(text, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 20[01] /)
  })
})

const AFTERWARDS: Readonly<Record<string, () => string>> = {
  'two bytes': () => '{}',
  garbage: () => 'NONSENSE\r\n\r\n',
  CONNECT: () => head('CONNECT a:443'),
  '200 KB of headers': () => head('GET /', `X: ${'x'.repeat(200_000)}`),
  'an expectation': () => head('PUT /', 'Content-Length: 0', 'Expect: tea'),
}
for (const [name, bytes] of Object.entries(AFTERWARDS)) {
  t.test(`behind a request: ${name}: its own answer comes first, whole`, async (test) => {
    await world.clear()
    await world.fault('upstream', { times: 1, delayMs: 200 })
    let id: unknown
    const rows = await rowsOf(3, async () => {
      const text = await (await hold(world, head(`DELETE ${W}/jobs/a?${VERSION}`) + bytes())).closed
      const { status, headers } = parseAnswer(text)
      test.ok(status < 300, `${status}`)
      id = headers['x-harness-decision-id']
      test.notMatch(text.slice(1), /HTTP\/1.1 (400|405|431)/, 'and nothing in its place')
    })
    test.equal(world.lab.requests().length, 1)
    const served = rows.find((row) => row['RecordKind'] === 'completed')
    test.equal(id, served?.['ExchangeId'], 'its own answer')
    const kinds = rows.map((row) => String(row['RecordKind'])).toSorted(byText)
    test.same(kinds, ['authorized', 'completed', 'received'])
  })
}

t.test('who waits before an expectation in the same packet: each its own answer', async (test) => {
  await world.clear()
  const elsewhere = W.replace('ws-lab', 'ws-other')
  const calls = [
    head(`DELETE ${elsewhere}/jobs/a?${VERSION}`),
    head(`DELETE ${W}/jobs/b?${VERSION}`),
    head('PUT /', 'Content-Length: 0', 'Expect: tea'),
    head(`DELETE ${W}/jobs/c?${VERSION}`),
  ]
  let text = ''
  await rowsOf(4, async () => (text = await (await hold(world, calls.join(''))).closed))
  const statuses = [...text.matchAll(/HTTP\/1.1 (\d)/g)].map(([, first]) => first)
  test.same(statuses, ['4', '2', '4'], text)
  const deleted = world.lab.requests().filter(({ method }) => method === 'DELETE')
  test.match(deleted, [{ url: /jobs\/b\?/ }], 'and nothing behind it is served')
  test.equal(deleted.length, 1)
})

t.test('within an answer that streams, nothing else is said', async (test) => {
  await world.fault('upstream', { times: 1, delayMs: 300 })
  const text = await (await hold(world, `${head(`GET ${JOBS}`).repeat(3)}{}`)).closed
  test.equal(text.split('HTTP/1.1 200').length, 4, 'three answers')
  test.notMatch(text, 'HTTP/1.1 400')
})

t.test('two calls that wait when their caller is gone: an end each', async (test) => {
  await world.clear()
  await world.fault('upstream', { times: 2, delayMs: 500 })
  const rows = await rowsOf(4, async () => {
    const one = await hold(world, head(`GET ${JOBS}`).repeat(2))
    await eventually('both', () => world.lab.requests().length >= 2)
    one.reset()
  })
  const kinds = rows.map((row) => String(row['RecordKind'])).toSorted(byText)
  test.same(kinds, ['authorized', 'authorized', 'completed', 'completed'])
})

t.test('a body that stops, or trickles: 408 long before the request may last', async (test) => {
  const put = head(
    `PUT ${W}/jobs/j?${VERSION}`,
    'Content-Type: application/json',
    'Content-Length: 9999',
  )
  const rows = await rowsOf(3, async () => {
    const stopped = await hold(world, `${put}{`)
    const trickles = await hold(world, `${put}{`)
    const drip = setInterval(() => trickles.socket.writable && trickles.socket.write(' '), 50)
    const steady = await hold(world, `${put}{`)
    const flow = setInterval(
      () => steady.socket.writable && steady.socket.write(' '.repeat(50)),
      100,
    )
    for (const one of [stopped, trickles]) test.match(await one.closed, /^HTTP\/1.1 408 /)
    clearInterval(drip)
    await new Promise((done) => setTimeout(done, 2_500))
    test.equal(steady.text(), '', 'who is above the pace goes on')
    clearInterval(flow)
    steady.reset()
  })
  test.equal(rows.length, 3, 'each has its record')
})

t.test(
  'the 10,001st request of a connection has its record, and nobody an empty answer',
  async (test) => {
    const anonymous = head('GET /x').replace(/Authorization[^\r]*\r\n/, '')
    let text = ''
    const rows = await rowsOf(10_001, async () => {
      text = await (await hold(world, anonymous.repeat(10_001))).closed
    })
    test.equal(rows.length, 10_001)
    const last = rows.filter((row) => row['RefusalCode'] === 'not_ready')
    test.match(last, [{ RecordKind: 'refused', ExchangeId: GUID }])
    test.notMatch(text, 'HTTP/1.1 503 Service Unavailable\r\nDate')
  },
)

t.test('every descriptor comes back', async (test) => {
  await new Promise((done) => setTimeout(done, 500))
  const before = await descriptors(world)
  const all = [...Object.values(UNREADABLE), ...Object.values(HEADS), ...Object.values(AFTERWARDS)]
  for (const bytes of all) await hold(world, bytes())
  for (let i = 0; i < 5; i += 1) await hold(world, '', { tls: false })
  await eventually('they are closed', async () => (await descriptors(world)) <= before)
  test.pass()
})
