/**
 * Bounds of a search in Azure Monitor: an answer that does not come or does not end, and a caller who asks too often.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { createAzureMonitorSearch } from '../../../src/audit/search/azure-monitor.ts'
import type { Conditions, Visibility } from '../../../src/audit/search/records.ts'
import type { Refusal } from '../../../src/errors.ts'

const NOW = Date.parse('2026-11-29T12:00:00Z')
const ALL: Conditions = {
  since: NOW - 3_600_000,
  until: NOW,
  principal: null,
  decision: null,
  action: null,
  resource: null,
  outcome: null,
  code: null,
  secrets: null,
  review: null,
  source: null,
  events: null,
}
const ME: Visibility = { own: 'me', mayRead: () => false, within: [] }
const PAGE = { from: null, limit: 2 }

type Answering = (request: IncomingMessage, response: ServerResponse, query: string) => void

async function search(t: Test, answer: Answering, limits: object) {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.once('end', () => answer(request, response, body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return createAzureMonitorSearch({
    endpoint: `http://127.0.0.1:${port}`,
    scope: 'https://api.loganalytics.io/.default',
    workspaceId: '12121212-1212-4121-8121-121212121212',
    credential: { getToken: async () => ({ token: 'x', expiresOnTimestamp: NOW }) },
    now: () => NOW,
    limits,
  })
}

const refusal = (asked: Promise<unknown>): Promise<Partial<Refusal>> =>
  asked.then(
    () => ({}),
    (error: Refusal) => error,
  )

const table = (
  columns: readonly (readonly [string, string])[],
  rows: readonly unknown[][],
): string =>
  JSON.stringify({
    tables: [
      { name: 'PrimaryResult', columns: columns.map(([name, type]) => ({ name, type })), rows },
    ],
  })
const NEWEST = table([['Newest', 'datetime']], [['2026-11-29T11:59:00Z']])

const answerWith =
  (text: string): Answering =>
  (_, response, body) => {
    response.setHeader('content-type', 'application/json')
    response.end(body.includes('summarize Newest') ? NEWEST : text)
  }

t.test('an answer that does not come is given up', async (t) => {
  const records = await search(t, () => undefined, { timeoutMs: 50 })
  t.match(await refusal(records.search(ALL, ME, PAGE)), { code: 'not_ready' })
  t.match(await refusal(records.count(ALL, ME)), { code: 'not_ready' })
})

t.test('nor is one read that does not end', async (t) => {
  const endless: Answering = (_, response) => {
    response.setHeader('content-type', 'application/json')
    const write = (): void => {
      if (response.destroyed) return
      response.write(' '.repeat(65_536), () => setImmediate(write))
    }
    write()
  }
  const records = await search(t, endless, { answerBytes: 200_000 })
  t.match(await refusal(records.search(ALL, ME, PAGE)), {
    code: 'overloaded',
    message: /too long/u,
  })
})

t.test('what is no answer of Azure Monitor’s is a refusal', async (t) => {
  for (const text of ['', 'x', '[]', '{}', '{"tables":5}', '{"tables":[{}]}', '<html>']) {
    const records = await search(t, answerWith(text), {})
    const { code = 'answered' } = await refusal(records.search(ALL, ME, PAGE))
    t.equal(code, 'not_ready', text)
  }
})

t.test(
  'a row that was not asked for is not shown, and one more tells of a next page',
  async (t) => {
    const columns = [['EventTime', 'datetime'], ['ChainId', 'string'], ['Seq', 'long'], ['PrincipalId', 'string']] as const // prettier-ignore
    const row = (seq: number, who: string): unknown[] => ['2026-11-29T11:30:00Z', 'c', seq, who]
    const rows = [row(9, 'me'), row(8, 'somebody'), row(7, 'me')]
    const records = await search(t, answerWith(table(columns, rows)), {})
    const page = await records.search(ALL, ME, PAGE)
    t.same(
      page.rows.map((columnsOf) => columnsOf.get('Seq')),
      [9],
    )
    t.equal(page.next, '["2026-11-29T11:30:00.000Z","c",8]')
    t.match(page, { asOf: Date.parse('2026-11-29T11:59:00Z'), complete: true })
  },
)

t.test('one caller who asks too often waits, and no other does', async (t) => {
  const records = await search(t, answerWith(table([['EventUid', 'string']], [])), { aMinute: 3 })
  for (let n = 0; n < 3; n += 1) t.match(await records.search(ALL, ME, PAGE), { rows: [] })
  t.match(await refusal(records.count(ALL, ME)), { code: 'too_many_requests' })
  t.match(await records.search(ALL, { ...ME, own: 'another' }, PAGE), { rows: [] })
})
