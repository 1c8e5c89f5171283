/**
 * What a request may carry: tunnels, codings, bodies where none belongs, bodies that stop or trickle. Each is judged by
 * its answer, by what reached Azure, and by its records. docs/security-cases.md says which row is shown where.
 */
import { connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type Row, type World } from '../support/gateway.ts'
import { parseAnswer, sendRaw, type Answer } from '../support/send.ts'
import { eventually } from '../support/eventually.ts'

t.setTimeout(300_000)
const W = workspaceId()
const VERSION = 'api-version=2024-04-01'
/** A change whose body no policy reads, so that it is streamed. */
const METRIC = `/mlflow/v2.0${W}/api/2.0/mlflow/runs/log-metric`
/** One whose body is read before anything is decided. */
const JOB = `${W}/jobs/j?${VERSION}`
const JSON_TYPE = 'Content-Type: application/json'
const DRIP_MS = 50

let world: World
let token: string
t.before(async () => {
  world = await startGateway({
    gateway: {
      change: (config) => ({
        ...config,
        limits: { ...config.limits, headersTimeoutMs: 1_000, requestTimeoutMs: 1_000 },
      }),
    },
  })
  token = await world.lab.token('scientist')
})
t.teardown(() => world.close())

const rawHeaders = (...more: string[]): string[] => [
  'Host',
  new URL(world.url).host,
  'Authorization',
  `Bearer ${token}`,
  ...more,
]
const ask = (method: string, path: string): Promise<Answer> =>
  sendRaw(world.url, world.lab.certificates.ca, path, rawHeaders('Content-Length', '0'), method)
const send = (method: string, path: string, body: string, headers: object = {}): Promise<Answer> =>
  world.send(path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      ...headers,
    },
    body,
  })

async function refused(
  test: Pick<typeof t, 'equal' | 'match'>,
  answer: Answer,
  status: number,
  code: string,
  before: number,
  name = '',
): Promise<void> {
  test.match({ status: answer.status, code: answer.code }, { status, code }, name || answer.text)
  test.equal(world.lab.requests().length, before, `${name}: nothing is forwarded`)
  const rows = await world.settled(answer)
  test.match(rows, [{ RecordKind: 'refused', RefusalCode: code, Status: status }], name)
  test.equal(rows.length, 1)
}

const ROUTES: readonly (readonly [string, string, number, string])[] = [
  ['GET', `${W}/teapots?${VERSION}`, 404, 'unknown_operation'],
  ['GET', `/secrets/v1.0${W}`, 404, 'unknown_operation'],
  ['POST', `${W}/jobs?${VERSION}`, 405, 'method_not_allowed'],
  ['PUT', `${W}/jobs?${VERSION}`, 405, 'method_not_allowed'],
  ['DELETE', `${W}/jobs?${VERSION}`, 405, 'method_not_allowed'],
  ['PUT', `${W}/jobs/j/cancel?${VERSION}`, 405, 'method_not_allowed'],
  ['GET', `${W}/listKeys?${VERSION}`, 404, 'unknown_operation'],
  ['POST', `/subscriptions?${VERSION}`, 405, 'method_not_allowed'],
  ['OPTIONS', `${W}/jobs?${VERSION}`, 405, 'method_not_allowed'],
  ['QUERY', '/', 405, 'method_not_allowed'],
  ['PROPFIND', `${W}/jobs?${VERSION}`, 405, 'method_not_allowed'],
]
for (const [method, path, status, code] of ROUTES) {
  void t.test(`row 84: ${method} ${path.slice(-40)}: ${status}`, async (test) => {
    const before = world.lab.requests().length
    await refused(test, await ask(method, path), status, code, before)
  })
}

const item = (url: string): object => ({ httpMethod: 'GET', name: 'a', url })
const BATCHES: Readonly<Record<string, object>> = {
  'one item': { requests: [item(`${W}/jobs?${VERSION}`)] },
  'a batch in it': {
    requests: [{ ...item('/batch?api-version=2020-06-01'), content: { requests: [] } }],
  },
  'an absolute url': { requests: [item(`https://management.azure.com${W}/jobs?${VERSION}`)] },
  '21 items': { requests: Array.from({ length: 21 }, () => item(`${W}/jobs?${VERSION}`)) },
}
for (const [name, body] of Object.entries(BATCHES)) {
  void t.test(`row 90: a batch with ${name} is refused unread`, async (test) => {
    for (const path of ['/batch?api-version=2020-06-01', `${W}/$batch?${VERSION}`]) {
      const before = world.lab.requests().length
      const answer = await send('POST', path, JSON.stringify(body))
      await refused(test, answer, 403, 'tunnel_refused', before)
    }
  })
}

for (const coding of ['br', 'gzip, gzip', 'x-unknown', 'identity']) {
  void t.test(`row 93: a body that is to be read comes as "${coding}": 415`, async (test) => {
    const before = world.lab.requests().length
    const answer = await send('PUT', JOB, '{}', { 'content-encoding': coding })
    await refused(test, answer, 415, 'unsupported_media_type', before)
  })
}

void t.test('row 99: GET, HEAD and DELETE of a resource have no body', async (test) => {
  for (const method of ['GET', 'HEAD', 'DELETE']) {
    const before = world.lab.requests().length
    const answer = await send(method, JOB, '{"a":1}')
    const code = method === 'HEAD' ? '' : 'bad_request'
    test.match({ status: answer.status, code: answer.code }, { status: 400, code }, method)
    test.equal(world.lab.requests().length, before, `${method}: nothing is forwarded`)
    const rows = await world.settled(answer)
    test.match(rows, [{ RecordKind: 'refused', RefusalCode: 'bad_request', Status: 400 }], method)
    test.equal(rows.length, 1)
  }
  const chunked = await world.sendBytes(
    `DELETE ${JOB} HTTP/1.1\r\nHost: ${new URL(world.url).host}\r\nAuthorization: Bearer ${token}\r\n` +
      'Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
  )
  test.equal(parseAnswer(chunked).status, 400, 'in chunks, too')
  const empty = await ask('DELETE', JOB)
  test.ok(empty.status < 300, 'an empty one is none')
  await world.settled(empty)
})

void t.test('a DELETE of MLflow names in its body what to delete, and is served', async (test) => {
  const path = `/mlflow/v2.0${W}/api/2.0/mlflow/registered-models/delete-tag`
  const before = world.lab.requests().length
  await world.settled(await send('DELETE', path, '{"name":"m","key":"k"}'))
  test.match(world.lab.requests().slice(before), [{ method: 'DELETE', bodyBytes: 22 }])
})

/** A connection on which these bytes are written; what comes back, once it is closed. */
function open(bytes: string): { socket: TLSSocket; closed: Promise<string> } {
  const { hostname, port } = new URL(world.url)
  const { ca } = world.lab.certificates
  const socket = connect({ host: hostname, port: Number(port), ca, servername: hostname })
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => undefined)
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
  })
  socket.write(bytes)
  return { socket, closed }
}

const head = (line: string, ...headers: string[]): string => {
  const all = rawHeaders().flatMap((text, i, list) =>
    i % 2 === 0 ? [`${text}: ${list[i + 1]}`] : [],
  )
  return `${[`${line} HTTP/1.1`, ...all, ...headers].join('\r\n')}\r\n`
}

/** Records that there were not before, once the last of them is an end. */
async function ends(before: number): Promise<readonly Row[]> {
  let rows: readonly Row[] = []
  await eventually('an end on record', async () => {
    rows = (await world.allRecords()).slice(before)
    return rows.some((row) => row['RecordKind'] !== 'authorized')
  })
  return rows
}

const TRICKLES: readonly (readonly [string, () => string, object])[] = [
  ['headers', () => head(`GET ${JOB}`), { RecordKind: 'received' }],
  [
    'a body that is read',
    () => `${head(`PUT ${JOB}`, JSON_TYPE, 'Content-Length: 100000')}\r\n`,
    { RecordKind: 'refused', RefusalCode: 'request_timeout' },
  ],
  [
    'a body that is streamed',
    () => `${head(`POST ${METRIC}`, JSON_TYPE, 'Content-Length: 100000')}\r\n`,
    { RecordKind: 'completed', Outcome: 'unknown' },
  ],
]
for (const [what, bytes, record] of TRICKLES) {
  void t.test(`row 98: ${what}, a byte at a time: 408 and an end`, async (test) => {
    const before = (await world.allRecords()).length
    const { socket, closed } = open(bytes())
    // never ends by itself
    const drip = setInterval(() => socket.writable && socket.write('x'), DRIP_MS)
    const answer = parseAnswer(await closed.finally(() => clearInterval(drip)))
    test.equal(answer.status, 408, answer.text)
    test.equal(answer.code, 'request_timeout')
    const rows = await ends(before)
    test.match(rows.at(-1), { ...record, Status: 408 })
    const kinds = rows.map((row) => row['RecordKind'])
    test.same(kinds, what.endsWith('streamed') ? ['authorized', 'completed'] : [kinds[0]])
  })
}

void t.test('row 97: a caller goes in the middle of a body: no change is assumed', async (test) => {
  const before = (await world.allRecords()).length
  const seen = world.lab.requests().length
  const { socket, closed } = open(
    `${head(`POST ${METRIC}`, JSON_TYPE, 'Content-Length: 100')}\r\n{"run_id":`,
  )
  await eventually('azure has the beginning', () => world.lab.requests().length > seen)
  socket.destroy()
  await closed
  const rows = await ends(before)
  test.same(
    rows.map((row) => row['RecordKind']),
    ['authorized', 'completed'],
  )
  test.match(rows.at(-1)?.['Outcome'], /^(client_abort|unknown)$/)
  const [arrived] = world.lab.requests().slice(seen)
  test.equal(arrived?.bodySha256, null, 'azure never had the whole of it')
})
