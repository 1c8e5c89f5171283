/** After a refusal nothing of a body is taken for a next request, whenever it comes. */
import { once } from 'node:events'
import { connect } from 'node:tls'
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import {
  CLOSE,
  GET,
  head,
  PUT,
  send,
  smuggled,
  startBytes,
  VERSION,
  world,
} from './support/bytes.ts'

t.setTimeout(300_000)
t.before(async () => void (await startBytes()))
t.teardown(() => world.close())

const refusals: [string, () => string[], string, number][] = [
  ['no token', () => ['Authorization: Basic x'], PUT, 401],
  ['a bad path', () => [], PUT.replace('/jobs', '/a/../jobs'), 400],
  ['an unknown operation', () => [], PUT.replace('/jobs', '/teapots'), 404],
  ['a forbidden operation', () => [], `POST ${workspaceId()}/listKeys?${VERSION} HTTP/1.1`, 403],
  ['a method that is not served', () => [], PUT.replace('PUT', 'TRACE'), 405],
  ['a foreign Host', () => ['Host: evil.example'], PUT, 421],
]
for (const [name, lines, first, status] of refusals) {
  void t.test(
    `${name}: the body of a refused call is never the next request, a real one still is`,
    async (test) => {
      const body = smuggled()
      const next = head(GET, CLOSE)
      const { answer, bytes, forwarded } = await send(
        head(first, ...lines(), `Content-Length: ${body.length}`) + body + next,
        2,
      )
      test.equal(answer.status, status, answer.text)
      test.ok(
        forwarded.every(({ url }) => !url.includes('smuggled')),
        'the body is no request',
      )
      const answers = bytes.match(/HTTP\/1\.1 \d{3}/g) ?? []
      test.ok(
        answers.length === 1 || (answers.length === 2 && answers[1] === 'HTTP/1.1 200'),
        answers.join(', '),
      )
    },
  )

  void t.test(
    `${name}: a body that comes after the refusal is never the next request`,
    async (test) => {
      const seen = world.lab.requests().length
      const socket = connect({
        port: Number(new URL(world.url).port),
        host: '127.0.0.1',
        servername: 'localhost',
        ca: world.lab.certificates.ca,
      })
      socket.on('error', () => undefined)
      const body = smuggled()
      socket.write(head(first, ...lines(), `Content-Length: ${body.length}`))
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      test.match(chunk.toString('latin1'), new RegExp(`^HTTP/1.1 ${status} `))
      socket.write(body + smuggled())
      socket.resume()
      if (!socket.closed) await once(socket, 'close')
      test.same(world.lab.requests().slice(seen), [], 'nothing is forwarded')
    },
  )
}
