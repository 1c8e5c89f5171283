/** Channels that are told of reviews: a real receiver, one that refuses, and one that is not there. */
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../support/eventually.ts'
import { reviewIn, startReviewing, V, W, type Reviewing } from './support.ts'

interface Received {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const KEY = 'a key of this test'
const SECRET = 'c2VjcmV0LWluLXRoZS1ib2R5'
const received: Received[] = []
/** Statuses of the next answers at `/hook`; 202 for all others. */
const statuses: number[] = []
const receiver = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const { url = '', headers } = request
    received.push({ url, headers, body: Buffer.concat(chunks).toString('utf8') })
    response.statusCode = url === '/gone' ? 410 : url === '/hook' ? (statuses.shift() ?? 202) : 202
    response.end()
  })
})

let reviewing: Reviewing
let folder: string
t.before(async () => {
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const { port } = receiver.address() as AddressInfo
  folder = await mkdtemp(join(tmpdir(), 'azureml-harness-notices-'))
  const secret = async (name: string, text: string) => {
    const file = join(folder, name)
    await writeFile(file, text, { mode: 0o600 })
    return { fromFile: file }
  }
  const channel = async (name: string, kind: 'teams' | 'slack' | 'webhook') => ({
    name,
    kind,
    url: await secret(name, `http://127.0.0.1:${port}/${name}`),
  })
  const notify = [
    await channel('teams', 'teams'),
    await channel('slack', 'slack'),
    { ...(await channel('hook', 'webhook')), signingKey: await secret('key', KEY) },
    await channel('gone', 'webhook'),
  ]
  reviewing = await startReviewing({
    change: (config) =>
      config.approvals === undefined
        ? config
        : { ...config, approvals: { ...config.approvals, notify } },
  })
})
t.teardown(async () => {
  receiver.close()
  await reviewing.close()
  await rm(folder, { recursive: true, force: true })
})
t.setTimeout(120_000)

interface Notice {
  readonly channel: string
  readonly event: string
  readonly outcome: string
}
const told = async (id: string, count: number): Promise<readonly Notice[]> =>
  eventually('every channel is on record', async () => {
    const answer = await reviewing.call('reviewer', 'GET', `/_harness/api/reviews/${id}`)
    const { notices } = answer.json() as { notices: readonly Notice[] }
    return notices.length === count && notices
  })
const ask = async (name: string): Promise<string> => {
  const body = {
    location: 'eastus',
    properties: { authMode: 'AADToken', properties: { key: SECRET } },
  }
  const path = `${W}/onlineEndpoints/${name}${V}`
  return reviewIn(await reviewing.call('scientist', 'PUT', path, body)).id
}

t.test('each kind of channel gets the link and nothing of the change', async (t) => {
  // one that is busy is tried again
  statuses.push(503)
  const id = await ask('told')
  const notices = await told(id, 4)
  t.same(notices.map(({ channel, event, outcome }) => `${channel} ${event} ${outcome}`).sort(), [
    'gone requested failed',
    'hook requested sent',
    'slack requested sent',
    'teams requested sent',
  ])
  const url = `${reviewing.world.url}/_harness/api/reviews/${id}`
  const at = (path: string) => received.filter((one) => one.url === path)
  t.equal(at('/hook').length, 2, 'after a 503 it is sent again')
  t.equal(at('/gone').length, 1, 'after a 410 it is not')
  const hook = at('/hook')[1]
  t.match(JSON.parse(hook?.body ?? ''), { event: 'requested', id, url, expires: String })
  const signature = createHmac('sha256', KEY)
    .update(hook?.body ?? '')
    .digest('hex')
  t.equal(hook?.headers['x-harness-signature-256'], `sha256=${signature}`)
  t.match(JSON.parse(at('/slack')[0]?.body ?? ''), { text: new RegExp(`<${url}\\|review ${id}>`) })
  t.match(JSON.parse(at('/teams')[0]?.body ?? ''), {
    type: 'message',
    attachments: [
      { content: { type: 'AdaptiveCard', actions: [{ type: 'Action.OpenUrl', url }] } },
    ],
  })
  t.notOk(
    received.some(({ body }) => body.includes(SECRET) || body.includes('authMode')),
    'nothing of the body',
  )

  await ask('told')
  t.equal((await told(id, 4)).length, 4, 'the same call again tells nobody again')
  const early = await reviewing.call(
    'scientist',
    'POST',
    `/_harness/api/reviews/${id}/reminders`,
    {},
  )
  t.equal(early.status, 429, 'nor does a reminder within the hour')
  t.ok(Number(early.headers['retry-after']) > 3_000)
  await reviewing.approve('reviewer', id)
  const after = await told(id, 8)
  t.equal(after.filter(({ event }) => event === 'approved').length, 4)
})

t.test('a name is text to a channel, whatever is in it', async (t) => {
  const before = received.length
  await ask('a*b'.replace('*', '_'))
  await eventually('all were told', async () => received.length - before >= 4)
  const card = received.slice(before).find((one) => one.url === '/teams')
  t.match(card?.body, String.raw`a\\_b`, 'marks of Markdown are escaped')
})

t.test('a reminder is for what is open and what one sees', async (t) => {
  const id = await ask('closed')
  const path = `/_harness/api/reviews/${id}`
  t.equal((await reviewing.call('reader', 'POST', `${path}/reminders`, {})).status, 404)
  await reviewing.call('scientist', 'POST', `${path}/verdicts`, { verdict: 'withdraw' })
  t.match((await reviewing.call('scientist', 'POST', `${path}/reminders`, {})).json(), {
    error: { code: 'review_changed' },
  })
  t.equal((await reviewing.call('scientist', 'GET', `${path}/reminders`)).status, 405)
})
