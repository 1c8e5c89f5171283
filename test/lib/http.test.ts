import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import {
  MAX_ANSWER_BYTES,
  fetchJson,
  isLoopback,
  isSafeUrl,
  readBounded,
  retryAfterMs,
} from '../../src/lib/http.ts'

async function serve(test: Test, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

const soon = () => AbortSignal.timeout(5_000)

void t.test('https anywhere, http on this machine alone, and nothing hidden in the URL', (st) => {
  for (const url of [
    'https://a.example/x?y',
    'http://localhost:1',
    'http://127.3.2.1/',
    'http://[::1]:2',
  ])
    st.ok(isSafeUrl(url), url)
  for (const url of [
    'http://a.example',
    'http://127.0.0.1.a.example',
    'https://me:secret@a.example',
    'https://a.example/#x',
    'ftp://localhost',
    'a.example',
    '',
  ])
    st.notOk(isSafeUrl(url), url)
  st.notOk(isLoopback('localhost.example'))
  st.end()
})

void t.test('Retry-After is seconds or a date', (st) => {
  st.equal(retryAfterMs('120', 0), 120_000)
  st.equal(retryAfterMs('Thu, 01 Jan 1970 00:00:10 GMT', 4_000), 6_000)
  st.equal(retryAfterMs('Thu, 01 Jan 1970 00:00:10 GMT', 40_000), 0)
  for (const value of ['soon', '-', '', null, undefined])
    st.equal(retryAfterMs(value, 0), undefined)
  st.end()
})

void t.test('a body is read up to its bound and not further', async (st) => {
  st.equal(
    (await readBounded(Readable.from([Buffer.from('ab'), Buffer.from('c')]), 3))?.toString(),
    'abc',
  )
  st.equal((await readBounded(null, 3))?.length, 0)
  let given = 0
  const endless = Readable.from(
    (async function* () {
      for (;;) {
        given += 1
        yield await Promise.resolve(Buffer.alloc(10))
      }
    })(),
  )
  st.equal(await readBounded(endless, 25), null)
  st.ok(endless.destroyed, 'the rest is given up')
  st.ok(given < 100)
})

void t.test('an answer is data, with its Retry-After in seconds', async (st) => {
  const url = await serve(st, (_request, response) => {
    response.writeHead(429, { 'retry-after': '7' }).end('{"a":1}')
  })
  st.same(await fetchJson(url, soon()), { ok: true, status: 429, body: { a: 1 }, retryAfter: 7 })
})

void t.test('no redirect is followed', async (st) => {
  const url = await serve(st, (_request, response) => {
    response.writeHead(302, { location: '/elsewhere' }).end('{}')
  })
  st.match(await fetchJson(url, soon()), { ok: true, status: 302 })
})

void t.test('what is no unambiguous JSON, or too much of it, is no answer', async (st) => {
  const twice = await serve(st, (_request, response) => response.end('{"a":1,"a":2}'))
  st.same(await fetchJson(twice, soon()), { ok: false, why: 'the answer is not unambiguous JSON' })
  const big = await serve(st, (_request, response) =>
    response.end(' '.repeat(MAX_ANSWER_BYTES + 1)),
  )
  st.same(await fetchJson(big, soon()), { ok: false, why: 'the answer is too big' })
})

void t.test('a failure has a short name', async (st) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  st.same(await fetchJson(`http://127.0.0.1:${port}/`, soon()), { ok: false, why: 'ECONNREFUSED' })
})
