/** HEAD: the head that a GET would have, and never a length that nobody knows (RFC 9110 sections 8.6 and 9.3.2). */
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { parseAnswer, type Answer } from '../support/send.ts'

const W = workspaceId()
const JOB = `${W}/jobs/j?api-version=2024-04-01`
const LIST = `${W}/jobs?api-version=2024-04-01`

let world: World
let token: string
t.before(async () => {
  world = await startGateway()
  token = await world.lab.token('scientist')
})
t.teardown(() => world.close())

/** What comes back over a connection for a HEAD, when Azure answers with these bytes. */
async function head(path: string, raw: string): Promise<{ bytes: string; answer: Answer }> {
  await world.fault('upstream', { match: { method: 'HEAD' }, raw })
  const { host } = new URL(world.url)
  const lines = [`HEAD ${path} HTTP/1.1`, `Host: ${host}`, `Authorization: Bearer ${token}`]
  const bytes = await world.sendBytes(`${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`)
  const answer = parseAnswer(bytes)
  t.ok(bytes.endsWith('\r\n\r\n') && bytes.indexOf('\r\n\r\n') === bytes.length - 4, 'no body')
  return { bytes, answer }
}

const JSON_TYPE = 'Content-Type: application/json\r\n'

for (const path of [JOB, LIST]) {
  t.test(`a length that rewriting may change is left out, the rest stays: ${path}`, async (t) => {
    const { answer } = await head(
      path,
      `HTTP/1.1 200 OK\r\n${JSON_TYPE}ETag: "e"\r\nContent-Length: 1234\r\n\r\n`,
    )
    t.equal(answer.status, 200)
    t.equal(answer.headers['content-length'], undefined)
    t.equal(answer.headers['content-type'], 'application/json')
    t.equal(answer.headers['etag'], '"e"')
    const [, last] = await world.settled(answer)
    t.match(last, { RecordKind: 'completed', Outcome: 'success', Status: 200, BytesOut: 0 })
  })
}

t.test('a length of zero that azure said stays', async (t) => {
  const { answer } = await head(JOB, `HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`)
  t.equal(answer.status, 200)
  t.equal(answer.headers['content-length'], '0')
})

t.test('an answer without a length gets none', async (t) => {
  const { answer } = await head(JOB, `HTTP/1.1 200 OK\r\n${JSON_TYPE}Connection: close\r\n\r\n`)
  t.equal(answer.status, 200)
  t.equal(answer.headers['content-length'], undefined)
})

t.test('what passes untouched keeps its length', async (t) => {
  const { answer } = await head(
    JOB,
    'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 1234\r\n\r\n',
  )
  t.equal(answer.status, 200)
  t.equal(answer.headers['content-length'], '1234')
})

for (const status of ['404 Not Found', '429 Too Many Requests', '500 No', '503 No']) {
  t.test(`azure's ${status} passes without an invented length`, async (t) => {
    const { answer } = await head(
      JOB,
      `HTTP/1.1 ${status}\r\n${JSON_TYPE}Content-Length: 321\r\nRetry-After: 7\r\n\r\n`,
    )
    t.equal(String(answer.status), status.slice(0, 3))
    t.equal(answer.headers['content-length'], undefined)
    t.equal(answer.headers['retry-after'], '7')
  })
}

t.test('a URL in a header is rewritten or refused as for a GET', async (t) => {
  const { answer } = await head(
    JOB,
    `HTTP/1.1 200 OK\r\n${JSON_TYPE}Location: https://elsewhere.example/x\r\nContent-Length: 9\r\n\r\n`,
  )
  t.equal(answer.status, 502)
})

t.test('a refusal of the gateway has the head that its GET has', async (t) => {
  const { host } = new URL(world.url)
  const ask = async (method: string): Promise<Answer> =>
    parseAnswer(
      await world.sendBytes(
        `${method} ${JOB} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      ),
    )
  const [got, headed] = [await ask('GET'), await ask('HEAD')]
  t.equal(headed.status, 401)
  t.equal(headed.text, '')
  t.equal(headed.headers['content-length'], got.headers['content-length'])
  t.equal(headed.headers['www-authenticate'], got.headers['www-authenticate'])
})
