/** Channels that behave badly: one that redirects, one that answers without an end, one that never does. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Document, NoticeDocument } from '../../src/approvals/documents.ts'
import { noticeOfReview } from '../../src/reviews/notices/message.ts'
import { createNotifier } from '../../src/reviews/notices/notifier.ts'
import { eventually } from '../support/eventually.ts'
import { requestOf } from './documents.ts'

const SECRET = 'secret-of-the-channel'
const seen: string[] = []
const server = createServer((request, response) => {
  const path = request.url?.split('?')[0] ?? ''
  seen.push(path)
  request.resume()
  if (path === '/moved') response.writeHead(302, { location: '/elsewhere' }).end()
  else if (path === '/broken') response.writeHead(500).end('x')
  else if (path === '/endless') {
    response.writeHead(200)
    // more than anybody would keep, until the other side has had enough
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    }
    response.on('drain', more)
    more()
  }
})
t.before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
t.teardown(() => {
  server.closeAllConnections()
  server.close()
})

t.test('each is on record, and none keeps the gateway from ending', async (t) => {
  const { port } = server.address() as AddressInfo
  const written: NoticeDocument[] = []
  const logged: unknown[] = []
  const names = ['moved', 'broken', 'endless', 'silent']
  const notifier = createNotifier({
    channels: names.map((name) => ({
      name,
      kind: 'webhook' as const,
      url: `http://127.0.0.1:${port}/${name}?key=${SECRET}`,
      signingKey: null,
    })),
    store: {
      async write(document: Document) {
        if (document.kind === 'notice') written.push(document)
        return true
      },
    },
    publicUrl: 'https://gw',
    now: Date.now,
    log: (fields, message) => logged.push([fields, message]),
    pauses: [0, 0],
  })
  notifier.tell('requested', noticeOfReview(requestOf()))
  await eventually('three of them are over', () => Promise.resolve(written.length === 3))
  const outcomeOf = (name: string) => written.find(({ channel }) => channel === name)?.outcome
  t.same(
    ['moved', 'broken', 'endless'].map(outcomeOf),
    ['failed', 'failed', 'sent'],
    'what was taken was taken, whatever is answered with it',
  )
  t.notOk(seen.includes('/elsewhere'), 'nobody is led somewhere else')
  const times = (path: string) => seen.filter((one) => one === path).length
  t.same([times('/moved'), times('/broken')], [1, 3])
  await notifier.close()
  t.equal(outcomeOf('silent'), 'failed', 'one that never answers is given up at the end')
  t.notMatch(JSON.stringify([written, logged]), SECRET)
})
