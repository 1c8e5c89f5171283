/** An answer of Azure's that is no JSON and breaks off behind its head: 502, never 500 and never part of an answer. */
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'

const CONTENT = `/artifact/v2.0${workspaceId()}/artifacts/ExperimentRun/dcid.j1/content?path=logs/a.txt`
const TEXT = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n'
const BYTES = 'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n'

let world: World
t.before(async () => {
  world = await startGateway()
})
t.teardown(() => world.close())

/** What comes in one packet is broken before the record of the call can be on the disk. */
const BROKEN = Object.entries({
  'less than its length': 'Content-Length: 100\r\n\r\nhalf',
  'nothing of its length': 'Content-Length: 100\r\n\r\n',
  'a chunk size with a space': 'Transfer-Encoding: chunked\r\n\r\n4 \r\nhalf\r\n0\r\n\r\n',
  'a chunk size that is none': 'Transfer-Encoding: chunked\r\n\r\nz\r\nhalf\r\n0\r\n\r\n',
  'no chunk': 'Transfer-Encoding: chunked\r\n\r\n',
})

for (const persona of ['scientist', 'reader']) {
  for (const [what, rest] of BROKEN) {
    for (const [kind, head] of [
      ['text', TEXT],
      ['bytes', BYTES],
    ] as const) {
      t.test(`${persona}: ${kind} with ${what}`, async (t) => {
        await world.clear()
        await world.fault('dataPlane', { match: { path: '/content' }, raw: head + rest })
        const authorization = `Bearer ${await world.lab.token(persona)}`
        const answer = await world.send(CONTENT, { headers: { authorization } })
        t.equal(answer.status, 502, answer.text)
        t.match(answer.code, /^upstream_(?:reset|bad_answer)$/)
        t.notMatch(answer.text, /half/)
        t.match(await world.settled(answer), [
          { RecordKind: 'authorized' },
          { RecordKind: 'completed', Status: 502, Outcome: 'failed', RefusalCode: answer.code },
        ])
      })
    }
  }
}
