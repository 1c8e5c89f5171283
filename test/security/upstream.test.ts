/**
 * What Azure, or who stands in its place, may answer: what cannot be read, follows nowhere or tells too much ends
 * here, under a code of the gateway's own, and is asked for once.
 */
import t from 'tap'
import { startGateway, type World } from '../support/gateway.ts'
import type { Answer, Send } from '../support/send.ts'
import type { Fault } from '../../lab/server/faults.ts'
import { workspaceId } from '../../lab/personas.ts'

const W = workspaceId()
const JOBS = `${W}/jobs?api-version=2024-04-01`
const JOB = `${W}/jobs/j?api-version=2024-04-01`
/** Long enough for a busy machine to answer, short enough to wait for. */
const UPSTREAM_TIMEOUT_MS = 1500
const CANARY = 'canary'

let world: World
let token: string
t.before(async () => {
  world = await startGateway({
    gateway: {
      change: (config) => ({
        ...config,
        limits: { ...config.limits, upstreamTimeoutMs: UPSTREAM_TIMEOUT_MS },
      }),
    },
  })
  token = await world.lab.token('scientist')
})
t.teardown(() => world.close())

async function ask(fault: Fault, path = JOBS, options: Send = {}): Promise<Answer> {
  await world.clear()
  await world.fault('upstream', fault)
  const headers = { authorization: `Bearer ${token}`, ...options.headers }
  return world.send(path, { ...options, headers })
}

const PUT: Send = {
  method: 'PUT',
  headers: { 'content-type': 'application/json' },
  body: '{"properties":{"jobType":"Command"}}',
}
const OK = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'

interface Case {
  readonly name: string
  readonly fault: Fault
  readonly status?: number
  readonly code: string
}

const UNREADABLE: readonly Case[] = [
  ...Object.entries({
    'two lengths': `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
    'a length and chunks': `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    'a length that is no number': `${OK}Content-Length: +2\r\n\r\n{}`,
    'a chunk without a size': `${OK}Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n`,
    'a chunk that ends elsewhere': `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\n{}}0\r\n\r\n`,
    'a header name with a space': `${OK}X Bad: 1\r\nContent-Length: 2\r\n\r\n{}`,
    'a header with NUL': `${OK}X-Bad: a\0b\r\nContent-Length: 2\r\n\r\n{}`,
    'a header without a colon': `${OK}nonsense\r\nContent-Length: 2\r\n\r\n{}`,
    'headers without an end': `${OK}${'X-Long: '.padEnd(100_000, 'x')}\r\n\r\n{}`,
    'another protocol': 'SSH-2.0-OpenSSH_9.9\r\n',
    'a version that there is not': 'HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}',
    'a status that there is not': `HTTP/1.1 999 Odd\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
  }).map(([name, raw]) => ({ name, fault: { raw }, code: 'upstream_bad_answer' })),
  {
    name: 'a protocol switch that nobody asked for',
    fault: {
      raw: 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n',
    },
    code: 'upstream_reset',
  },
  {
    name: 'less than its length says',
    fault: { raw: `${OK}Content-Length: 100\r\n\r\n{"value":[` },
    code: 'upstream_reset',
  },
  { name: 'nothing at all', fault: { raw: '' }, code: 'upstream_reset' },
  { name: 'half a document', fault: { reset: 'mid-body' }, code: 'upstream_reset' },
  {
    name: 'what is not JSON as JSON',
    fault: { body: '{"value":[}', headers: { 'content-type': 'application/json' } },
    code: 'upstream_bad_answer',
  },
  {
    name: 'one key twice where the gateway looks',
    fault: {
      body: '{"nextLink":"/a","nextLink":"https://evil.example/"}',
      headers: { 'content-type': 'application/json' },
    },
    code: 'upstream_bad_answer',
  },
  {
    name: 'a compressed document that was asked for plain',
    fault: {
      body: 'x',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    },
    code: 'upstream_bad_answer',
  },
  {
    name: 'a page instead of an error',
    fault: {
      status: 500,
      headers: { 'content-type': 'text/html' },
      body: `<pre>${CANARY}.cs line 12</pre>`,
    },
    status: 500,
    code: 'upstream_bad_answer',
  },
  ...[300, 301, 302, 303, 307, 308].map((status) => ({
    name: `a ${status} to another host`,
    fault: { status, headers: { location: 'https://evil.example/' }, body: {} },
    code: 'upstream_redirect',
  })),
  ...[407, 417, 421, 425, 426, 431, 505, 511].map((status) => ({
    name: `a ${status} about its connection`,
    fault: {
      status,
      headers: { 'proxy-authenticate': `Basic realm="${CANARY}"`, upgrade: CANARY },
      body: { error: { code: CANARY } },
    },
    code: 'upstream_bad_answer',
  })),
  {
    name: "a redirect to Azure's own host",
    fault: { status: 307, headers: { location: JOBS }, body: {} },
    code: 'upstream_redirect',
  },
  {
    name: 'silence',
    fault: { hang: true },
    status: 504,
    code: 'upstream_timeout',
  },
]

for (const { name, fault, status = 502, code } of UNREADABLE) {
  t.test(`azure answers with ${name}: ${status} ${code}, asked once`, async (t) => {
    const answer = await ask(fault)
    t.equal(answer.status, status, answer.text)
    t.equal(answer.code, code)
    t.notMatch(answer.text + JSON.stringify(answer.headers), /evil|canary/)
    t.equal(world.lab.requests().length, 1)
    const records = await world.settled(answer)
    t.same(
      records.map((record) => record['RecordKind']),
      ['authorized', 'completed'],
    )
    t.equal(records[1]?.['Outcome'], 'failed')
    t.equal(records[1]?.['RefusalCode'], code)
  })
}

t.test('azure takes a change and says nothing: 504, outcome unknown, sent once', async (t) => {
  const answer = await ask({ hang: true }, JOB, PUT)
  t.equal(answer.status, 504)
  t.equal(answer.code, 'upstream_timeout')
  t.equal(world.lab.requests().length, 1)
  t.equal((await world.settled(answer))[1]?.['Outcome'], 'unknown')
})

t.test('azure falls silent in the middle of a document: 504', async (t) => {
  const head =
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"va'
  const answer = await ask({ raw: head, hold: true })
  t.equal(answer.status, 504, answer.text)
  t.equal(answer.code, 'upstream_timeout')
})

t.test('azure answers with another protocol: 502', async (t) => {
  const answer = await ask({
    raw: 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
  })
  t.equal(answer.status, 502, answer.text)
  t.match(answer.code, /^upstream_/)
})

t.test('hints before the answer are not the answer', async (t) => {
  const answer = await ask({
    raw: `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${OK}Content-Length: 12\r\n\r\n{"value":[]}`,
  })
  t.equal(answer.status, 200)
  t.equal(answer.text, '{"value":[]}')
  t.equal(answer.headers['link'], undefined)
})

t.test('a 304 is no redirect', async (t) => {
  const answer = await ask({ status: 304, headers: { etag: '"1"' } }, JOB, {
    headers: { 'if-none-match': '"1"' },
  })
  t.equal(answer.status, 304)
  t.equal(answer.headers.etag, '"1"')
  t.equal(world.lab.requests()[0]?.headers['if-none-match'], '"1"')
})

for (const [status, header, value] of [
  [429, 'retry-after', '7'],
  [503, 'retry-after', '7'],
  [429, 'x-ms-retry-after-ms', '250'],
  [429, 'retry-after-ms', '250'],
] as const) {
  t.test(`${status} with ${header} is the caller's to repeat, not the gateway's`, async (t) => {
    const error = { error: { code: 'TooManyRequests', message: 'slow down' } }
    const limit = 'x-ms-ratelimit-remaining-subscription-reads'
    const answer = await ask({ status, headers: { [header]: value, [limit]: '0' }, body: error })
    t.equal(answer.status, status)
    t.equal(answer.code, 'TooManyRequests')
    t.equal(answer.headers[header], value)
    t.equal(answer.headers[limit], '0')
    t.equal(world.lab.requests().length, 1)
  })
}

for (const [family, part, path] of [
  ['ARM', 'upstream', JOBS],
  ['the data plane', 'dataPlane', `/history/v1.0${W}/experiments/e/runs/r`],
] as const) {
  t.test(
    `an error of ${family} keeps its code and message, and nothing of its inside`,
    async (t) => {
      await world.fault(part, {
        status: 500,
        headers: { 'retry-after': '5' },
        body: {
          error: {
            code: 'InternalServerError',
            message: `Something broke.\n   at ${CANARY}.Controllers.Get() in /src/${CANARY}.cs:line 12`,
            details: [
              { code: 'Inner', message: 'it was this', stackTrace: CANARY },
              { code: CANARY.repeat(100), message: 'too long for a code' },
            ],
            innererror: { stacktrace: `at ${CANARY}` },
            debugInfo: { type: CANARY },
          },
          environment: CANARY,
          componentName: CANARY,
        },
      })
      const answer = await world.send(path, { headers: { authorization: `Bearer ${token}` } })
      t.equal(answer.status, 500)
      t.equal(answer.headers['retry-after'], '5')
      t.notMatch(answer.text, CANARY)
      t.same(answer.json(), {
        error: {
          code: 'InternalServerError',
          message: 'Something broke.',
          details: [{ code: 'Inner', message: 'it was this' }, { message: 'too long for a code' }],
        },
      })
      t.equal((await world.settled(answer))[1]?.['Outcome'], 'failed')
    },
  )
}

t.test("an error of MLflow's stays one that MLflow's clients read", async (t) => {
  await world.fault('dataPlane', {
    status: 500,
    body: { error_code: 'INTERNAL_ERROR', message: 'no', stack_trace: CANARY },
  })
  const answer = await world.send(`/mlflow/v1.0${W}/api/2.0/mlflow/runs/get?run_id=r`, {
    headers: { authorization: `Bearer ${token}` },
  })
  t.equal(answer.status, 500)
  t.same(answer.json(), { error_code: 'INTERNAL_ERROR', message: 'no' })
})

t.test("headers about the gateway's own connection and identity stay here", async (t) => {
  const dropped = {
    'www-authenticate': `Bearer realm="${CANARY}"`,
    'set-cookie': CANARY,
    server: CANARY,
    'x-powered-by': CANARY,
    'access-control-allow-origin': CANARY,
    'alt-svc': CANARY,
    link: `<https://${CANARY}.example/>; rel=next`,
    refresh: `0; url=https://${CANARY}.example/`,
    'x-ms-served-by': CANARY,
  }
  const answer = await ask({ status: 200, headers: dropped, body: { value: [] } })
  t.equal(answer.status, 200)
  t.notMatch(JSON.stringify(answer.headers), CANARY)
})
