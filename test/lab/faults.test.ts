import t from 'tap'
import { request, type Reply } from '../../lab/server/http.ts'
import type { Lab } from '../../lab/lab.ts'
import type { PartName } from '../../lab/parts.ts'
import { workspaceId } from '../../lab/personas.ts'
import { caller, lab } from './helper.ts'

const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`

async function arm(of: Lab, fault: unknown): Promise<void> {
  const { ca } = of.certificates
  const reply = await request(`${of.urls.upstream}/_lab/faults`, {
    ca,
    method: 'POST',
    body: fault,
  })
  if (reply.status !== 204) throw new Error(reply.text())
}

t.test('an answer fails once as asked, and the next is well again', async (t) => {
  const running = await lab(t)
  const call = await caller(running)
  await arm(running, { status: 503, headers: { 'retry-after': '7' }, body: { error: 'x' } })
  const failed = await call('GET', JOBS)
  t.equal(failed.status, 503)
  t.equal(failed.headers['retry-after'], '7')
  t.strictSame(failed.json(), { error: 'x' })
  t.equal((await call('GET', JOBS)).status, 200)
})

t.test('a fault hits only what it matches, after those it skips, as often as asked', async (t) => {
  const running = await lab(t)
  const call = await caller(running)
  const match = { method: 'get', path: '/JOBS' }
  await arm(running, { match, skip: 1, times: 2, status: 500 })
  const statuses: number[] = []
  for (let i = 0; i < 4; i++) statuses.push((await call('GET', JOBS)).status)
  t.strictSame(statuses, [200, 500, 500, 200])
  await arm(running, { match: { path: '/models' }, times: 0, status: 500 })
  t.equal((await call('GET', JOBS)).status, 200)
})

t.test('a connection is cut before the answer, or in the middle of it', async (t) => {
  const running = await lab(t)
  const call = await caller(running)
  await arm(running, [{ reset: true }, { reset: 'mid-body' }])
  await t.rejects(call('GET', JOBS), { code: 'ECONNRESET' })
  await t.rejects(call('GET', JOBS), { message: /aborted/ })
  t.equal((await call('GET', JOBS)).status, 200)
})

t.test('a cut can come after the call was carried out', async (t) => {
  const running = await lab(t)
  const call = await caller(running)
  await arm(running, { match: { method: 'PUT' }, reset: true, after: true })
  const path = JOBS.replace('?', '/j1?')
  await t.rejects(call('PUT', path, { properties: {} }))
  t.equal((await call('GET', path)).status, 200)
})

t.test('an answer is delayed, or never comes', async (t) => {
  const running = await lab(t)
  const call = await caller(running)
  await arm(running, { delayMs: 150 })
  const began = performance.now()
  t.equal((await call('GET', JOBS)).status, 200)
  t.ok(performance.now() - began >= 140)
  await arm(running, { hang: true })
  const hanging = request(`${running.urls.upstream}${JOBS}`, {
    ca: running.certificates.ca,
    timeoutMs: 200,
  })
  await t.rejects(hanging, { message: /no answer/ })
})

t.test('every part can fail', async (t) => {
  const running = await lab(t)
  const { ca } = running.certificates
  for (const [name, part] of running.parts) {
    part.faults.add({ status: 418, body: 'teapot' })
    const reply: Reply = await request(`${part.url}/anything`, { ca })
    t.equal(reply.status, 418, name satisfies PartName)
    t.equal(reply.text(), 'teapot')
  }
})

t.test('an issuer that is down gives no keys, and gives them when it is back', async (t) => {
  const running = await lab(t)
  const { ca } = running.certificates
  const url = `${running.issuers.entra.url}/jwks`
  running.parts.get('entra')?.faults.add({ match: { path: '/jwks' }, body: { keys: [] } })
  t.strictSame((await request(url, { ca })).json(), { keys: [] })
  t.match((await request(url, { ca })).json(), { keys: [{ kty: 'RSA' }] })
})

t.test('a misspelt fault is refused, and faults can be listed and cleared', async (t) => {
  const running = await lab(t)
  await t.rejects(arm(running, { stauts: 500 }), { message: /unknown key \\"stauts\\"/ })
  await arm(running, { times: 0, status: 500 })
  const { ca } = running.certificates
  const url = `${running.urls.upstream}/_lab/faults`
  t.match((await request(url, { ca })).json(), [{ fault: { status: 500 } }])
  await request(url, { ca, method: 'DELETE' })
  t.strictSame((await request(url, { ca })).json(), [])
})

t.test('an answer can be bytes that no honest server sends', async (t) => {
  const running = await lab(t)
  const call = await caller(running)
  const raw = 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'
  await arm(running, { raw })
  await t.rejects(call('GET', JOBS), { code: /^HPE_/ })
  t.equal((await call('GET', JOBS)).status, 200)
})

t.test('a body can be read slowly', async (t) => {
  const running = await lab(t)
  const call = await caller(running)
  await arm(running, { readBytesPerSecond: 1_000_000 })
  const began = performance.now()
  const headers = { 'content-type': 'application/octet-stream' }
  const path = JOBS.replace('?', '/j1?')
  const reply = await call('PUT', path, Buffer.alloc(300_000), headers)
  t.equal(reply.status, 201)
  t.ok(performance.now() - began >= 200)
})

t.test('a streamed answer can be cut as well', async (t) => {
  const running = await lab(t)
  const call = await caller(running)
  await arm(running, { reset: 'mid-body' })
  const big = JOBS.replace('/jobs?', '/data/big-10000000?')
  await t.rejects(call('GET', big), { code: 'ECONNRESET' })
  t.equal((await call('GET', big)).body.length, 10_000_000)
})
