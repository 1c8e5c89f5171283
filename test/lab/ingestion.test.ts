import { gzipSync } from 'node:zlib'
import { LogsIngestionClient } from '@azure/monitor-ingestion'
import t from 'tap'
import { request } from '../../lab/server/http.ts'
import type { Lab } from '../../lab/lab.ts'
import { RULE_ID, STREAM } from '../../lab/personas.ts'
import { identity, lab } from './helper.ts'

const AUDIENCE = 'https://monitor.azure.com'

async function client(of: Lab): Promise<LogsIngestionClient> {
  const token = await of.identities.mint(identity('audit-writer'), AUDIENCE)
  const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3e6 }) }
  return new LogsIngestionClient(of.urls.ingestion, credential, {
    retryOptions: { maxRetries: 0 },
    tlsOptions: { ca: of.certificates.ca },
  })
}

async function post(of: Lab, body: Buffer, headers: Record<string, string> = {}): Promise<number> {
  const token = await of.identities.mint(identity('audit-writer'), AUDIENCE)
  const path = `/dataCollectionRules/${RULE_ID}/streams/${STREAM}?api-version=2023-01-01`
  const reply = await request(`${of.urls.ingestion}${path}`, {
    ca: of.certificates.ca,
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, ...headers },
    body,
  })
  return reply.status
}

t.test('@azure/monitor-ingestion delivers rows', async (t) => {
  const running = await lab(t)
  const rows = [{ TimeGenerated: new Date().toISOString(), Seq: 1 }, { Seq: 2 }]
  await (await client(running)).upload(RULE_ID, STREAM, rows)
  const { ca } = running.certificates
  const url = `${running.urls.ingestion}/_lab/rows`
  t.strictSame((await request(url, { ca })).json(), rows)
  await request(url, { ca, method: 'DELETE' })
  t.strictSame((await request(url, { ca })).json(), [])
})

t.test('an unknown rule is 404', async (t) => {
  const running = await lab(t)
  await t.rejects((await client(running)).upload('dcr-other', STREAM, [{ a: 1 }]))
  t.strictSame(running.ingestion.rows(), [])
})

t.test('only the audit identity may write, with a token for Azure Monitor', async (t) => {
  const running = await lab(t)
  const path = `/dataCollectionRules/${RULE_ID}/streams/${STREAM}?api-version=2023-01-01`
  const cases = [
    [await running.identities.mint(identity('ml-writer'), AUDIENCE), 403],
    [await running.identities.mint(identity('audit-writer'), 'https://management.azure.com'), 401],
    [await running.token('scientist'), 401],
  ] as const
  for (const [token, status] of cases) {
    const reply = await request(`${running.urls.ingestion}${path}`, {
      ca: running.certificates.ca,
      headers: { authorization: `Bearer ${token}` },
      body: [{ a: 1 }],
    })
    t.equal(reply.status, status)
  }
})

t.test('more than a megabyte is 413, packed or not', async (t) => {
  const running = await lab(t)
  const big = Buffer.from(JSON.stringify([{ a: 'x'.repeat(1_100_000) }]))
  t.equal(await post(running, big), 413)
  t.equal(await post(running, gzipSync(big), { 'content-encoding': 'gzip' }), 413)
  t.equal(await post(running, Buffer.from('[{"a":1}]')), 204)
})

t.test('what is no array of rows is 400', async (t) => {
  const running = await lab(t)
  for (const text of ['{"a":1}', '[1]', 'x', '[{"1bad":1}]'])
    t.equal(await post(running, Buffer.from(text)), 400, text)
  t.strictSame(running.ingestion.rows(), [])
})

t.test('it can be made to throttle', async (t) => {
  const running = await lab(t)
  running.parts.get('ingestion')?.faults.add({ status: 429, headers: { 'retry-after': '1' } })
  const rows = Buffer.from('[{"a":1}]')
  t.equal(await post(running, rows), 429)
  t.equal(await post(running, rows), 204)
})

t.test('it can be made to lose rows that it accepted', async (t) => {
  const running = await lab(t)
  const { ca } = running.certificates
  await request(`${running.urls.ingestion}/_lab/drop?every=2`, { ca, method: 'POST' })
  t.equal(await post(running, Buffer.from('[{"a":1},{"a":2},{"a":3}]')), 204)
  t.strictSame(running.ingestion.rows(), [{ a: 1 }, { a: 3 }])
})
