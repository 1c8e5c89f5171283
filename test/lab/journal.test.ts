import { createHash } from 'node:crypto'
import { request as httpsRequest } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { request } from '../../lab/server/http.ts'
import type { Entry } from '../../lab/server/journal.ts'
import { workspaceId } from '../../lab/personas.ts'
import { caller, identity, lab } from './helper.ts'

const JOB = `${workspaceId()}/jobs/j1?api-version=2024-04-01`

t.test(
  'what arrived is shown in order, with headers, body hash and whose token it was',
  async (t) => {
    const running = await lab(t)
    const call = await caller(running)
    const body = JSON.stringify({ properties: { a: 1 } })
    await call('PUT', JOB, body, { 'content-type': 'application/json', 'x-canary': 'c4n4ry' })
    await call('GET', JOB)
    const { ca } = running.certificates
    const url = `${running.urls.upstream}/_lab/requests`
    const entries = (await request(url, { ca })).json() as Entry[]
    t.match(entries, [
      {
        method: 'PUT',
        url: JOB,
        part: 'arm',
        status: 201,
        headers: { 'x-canary': 'c4n4ry' },
        claims: { oid: identity('ml-writer').oid },
        body,
        bodyBytes: body.length,
        bodySha256: createHash('sha256').update(body).digest('hex'),
      },
      { method: 'GET', url: JOB, status: 200 },
    ])
    await request(url, { ca, method: 'DELETE' })
    t.strictSame((await request(url, { ca })).json(), [])
    t.strictSame(running.requests(), [])
  },
)

t.test('a header sent twice is seen twice', async (t) => {
  const running = await lab(t)
  await request(`${running.urls.upstream}${JOB}`, {
    ca: running.certificates.ca,
    headers: { Authorization: 'Bearer a', authorization: 'Bearer b' },
  })
  const raw = running.requests()[0]?.rawHeaders ?? []
  t.equal(raw.filter((one) => one.toLowerCase() === 'authorization').length, 1)
  t.ok(raw.includes('Bearer b'))
})

t.test('the data plane and scoring are in the same list', async (t) => {
  const running = await lab(t)
  const { ca } = running.certificates
  await request(`${running.urls.dataPlane}/history/v1.0/x`, { ca })
  await request(`${running.urls.scoring}/score`, { ca, body: {} })
  t.strictSame(
    running.requests().map((one) => one.part),
    ['data-plane', 'scoring'],
  )
})

t.test('an upload that was broken off is seen as far as it came', async (t) => {
  const running = await lab(t)
  const outgoing = httpsRequest(`${running.urls.upstream}${JOB}`, {
    method: 'PUT',
    ca: running.certificates.ca,
    headers: { 'content-length': '1000000' },
  })
  outgoing.on('error', () => {})
  outgoing.write(Buffer.alloc(1000))
  while ((running.requests()[0]?.bodyBytes ?? 0) < 1000) await delay(5)
  outgoing.destroy()
  const call = await caller(running)
  t.equal((await call('GET', JOB)).status, 404)
  t.match(running.requests()[0], { bodyBytes: 1000, bodySha256: null })
})
