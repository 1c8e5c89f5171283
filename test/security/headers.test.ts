/**
 * Rows 57 to 73 of docs/security-cases.md: what an attacker does with headers, framing and methods, as bytes over TLS.
 * Each is judged by its answer, by what reached Azure, and by its one record.
 */
import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import { connect } from 'node:tls'
import t from 'tap'
import { startGateway, type Row } from '../support/gateway.ts'
import {
  CLOSE,
  GET,
  head,
  host,
  isEnd,
  JSON_BODY,
  PATH,
  PUT,
  send,
  smuggled,
  refused,
  served,
  noneOf,
  type HeaderCase,
  startBytes,
  token,
  world,
} from './support/bytes.ts'
import { framings } from './support/framings.ts'

t.setTimeout(300_000)
t.before(async () => void (await startBytes()))
t.teardown(() => world.close())
const [FIRST, LAST] = [57, 73]
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const FORWARDED = [
  'x-forwarded-for',
  'forwarded',
  'x-real-ip',
  'true-client-ip',
  'x-client-ip',
  'x-forwarded-host',
  'x-forwarded-proto',
  'via',
]
const REWRITES = [
  'x-original-url',
  'x-rewrite-url',
  'x-original-uri',
  'x-forwarded-uri',
  'x-ms-original-url',
]
const chunked = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`

const cases: HeaderCase[] = [
  served(
    57,
    'addresses that a caller claims are not its address',
    () => FORWARDED.map((name) => `${name}: 10.0.0.1`),
    (test, seen) => {
      noneOf(FORWARDED)(test, seen)
      test.equal(seen.ends[0]?.['SourceIp'], '127.0.0.1')
      test.notMatch(JSON.stringify(seen.ends), '10.0.0.1', 'nor are they recorded as anything')
    },
  ),
  refused(
    58,
    'a token of its own in x-ms-authorization-auxiliary',
    () => head(GET, 'x-ms-authorization-auxiliary: Bearer abc'),
    400,
    'bad_header',
  ),
  ...['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'].map((name) =>
    refused(59, name, () => head(GET, `${name}: DELETE`), 400, 'bad_header'),
  ),
  served(
    60,
    'headers that name another target',
    () => REWRITES.map((name) => `${name}: /evil`),
    noneOf(REWRITES),
  ),
  served(
    61,
    'headers that Connection names are the caller’s; the gateway’s own stay',
    () => ['Connection: authorization, x-ms-correlation-request-id, host, content-type'],
    (test, { forwarded }) => {
      test.match(forwarded[0]?.headers['authorization'], /^Bearer /)
      test.notMatch(forwarded[0]?.headers['authorization'], token)
      test.match(forwarded[0]?.headers['x-ms-correlation-request-id'], GUID)
    },
  ),
  ...framings.map(([name, lines]) =>
    refused(62, name, () => head(PUT, ...lines) + chunked(smuggled()) + smuggled(), 400),
  ),
  refused(
    63,
    'gzip, chunked',
    () => head(PUT, 'Transfer-Encoding: gzip, chunked') + chunked('x') + smuggled(),
    400,
    'bad_header',
    2,
  ),
  refused(
    63,
    'chunked in HTTP/1.0',
    () =>
      head(PUT.replace('1.1', '1.0'), 'Connection: keep-alive', 'Transfer-Encoding: chunked') +
      chunked('x') +
      smuggled(),
    400,
    undefined,
    2,
  ),
  refused(
    63,
    'a GET with a body',
    () => head(GET, `Content-Length: ${smuggled().length}`) + smuggled() + smuggled(),
    400,
    'bad_request',
    2,
  ),
  refused(64, 'a folded header', () => head(GET, 'X-A: b\r\n c') + smuggled(), 400),
  refused(64, 'a bare LF after a header', () => head(GET, 'X-A: b\nX-B: c') + smuggled(), 400),
  refused(
    64,
    'a bare LF after the request line',
    () => head(GET).replace('\r\n', '\n') + smuggled(),
    400,
  ),
  refused(64, 'a bare CR', () => head(GET, 'X-A: b\rX-B: c') + smuggled(), 400),
  refused(64, 'NUL in a value', () => head(GET, 'X-A: b\0c') + smuggled(), 400),
  refused(64, 'a space in a name', () => head(GET, 'X A: b') + smuggled(), 400),
  refused(64, 'a header without a name', () => head(GET, ': b') + smuggled(), 400),
  refused(
    64,
    'a chunk whose size is no number',
    () =>
      `${head(PUT, 'Transfer-Encoding: chunked', 'Authorization: Basic x')}0x5\r\nhello\r\n0\r\n\r\n`,
    400,
    undefined,
    1,
    /^40[01]$/,
  ),
  refused(
    65,
    'no Host',
    () => `${GET}\r\nAuthorization: Bearer ${token}\r\n${CLOSE}\r\n\r\n`,
    400,
    'bad_host',
  ),
  refused(65, 'an empty Host', () => head(GET, 'Host:', CLOSE), 400, 'bad_host'),
  refused(
    65,
    'two Hosts',
    () => head(GET, `Host: ${host}`, 'Host: management.azure.com') + smuggled(),
    400,
    'bad_host',
    2,
  ),
  refused(
    65,
    'two Hosts, the same',
    () => head(GET, `Host: ${host}`, `Host: ${host}`) + smuggled(),
    400,
    'bad_host',
    2,
  ),
  refused(
    65,
    'a foreign Host',
    () => head(GET, 'Host: management.azure.com', CLOSE),
    421,
    'misdirected_request',
  ),
  refused(
    65,
    'a Host with a user',
    () => head(GET, `Host: x@${host}`, CLOSE),
    421,
    'misdirected_request',
  ),
  refused(66, 'HTTP/0.9', () => `GET ${PATH}\r\n\r\n`, 400),
  refused(66, 'the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400),
  refused(66, 'HTTP/1.2', () => head(GET.replace('1.1', '1.2')), 400),
  {
    row: 66,
    name: 'plain HTTP on the TLS port',
    async run(test) {
      const before = (await world.allRecords()).filter(isEnd).length
      const socket = connectPlain(Number(new URL(world.url).port), '127.0.0.1', () =>
        socket.write(head(GET)),
      )
      socket.on('error', () => undefined)
      socket.resume()
      await once(socket, 'close')
      let ends: Row[] = []
      for (let tries = 0; tries < 100 && ends.length === 0; tries += 1) {
        await new Promise((done) => setTimeout(done, 20))
        ends = (await world.allRecords()).filter(isEnd).slice(before)
      }
      test.match(ends, [{ RecordKind: 'received', Status: 400 }])
    },
  },
  {
    row: 66,
    name: 'TLS on a plain port',
    async run(test) {
      const plain = await startGateway({
        gateway: {
          waitUntilReady: false,
          change(config) {
            const { tls, ...listen } = config.listen
            test.ok(tls, 'the lab has TLS')
            return {
              ...config,
              listen: { ...listen, dangerouslyPlainHttpBehindATlsTerminatingProxy: true },
            }
          },
        },
      })
      test.teardown(() => plain.close())
      const port = Number(new URL(plain.url).port)
      const attempt = (): Promise<string> =>
        new Promise((resolve) => {
          const socket = connect({ port, host: '127.0.0.1', ca: plain.lab.certificates.ca })
          socket.once('secureConnect', () => resolve('connected'))
          socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
        })
      let outcome = await attempt()
      for (let tries = 0; tries < 300 && outcome === 'ECONNREFUSED'; tries += 1) {
        await new Promise((done) => setTimeout(done, 100))
        outcome = await attempt()
      }
      test.match(outcome, /SSL|ECONNRESET/)
      const ends = (await plain.allRecords()).filter(isEnd)
      test.match(ends, [{ RecordKind: 'received', Status: 400 }])
    },
  },
  refused(
    67,
    'CONNECT',
    () => `CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n${smuggled()}`,
    405,
  ),
  refused(67, 'TRACE', () => head(GET.replace('GET', 'TRACE'), CLOSE), 405, 'method_not_allowed'),
  refused(67, 'a method that nobody knows', () => head(GET.replace('GET', 'EVIL')), 400),
  refused(
    68,
    'an upgrade to a websocket',
    () =>
      head(
        GET,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ) + smuggled(),
    400,
    'bad_header',
  ),
  refused(
    68,
    'an upgrade to h2c',
    () =>
      head(
        GET,
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAAQAAP__',
      ) + smuggled(),
    400,
    'bad_header',
  ),
  refused(
    69,
    'an unknown expectation',
    () => head(PUT, 'Expect: foo', 'Content-Length: 0'),
    417,
    'expectation_failed',
  ),
  refused(
    70,
    '101 headers',
    () => head(GET, CLOSE, ...Array.from({ length: 101 }, (_, i) => `X-${i}: a`)),
    431,
    'headers_too_large',
  ),
  refused(
    70,
    '3,000 headers',
    () => head(GET, CLOSE, ...Array.from({ length: 3000 }, (_, i) => `X${i}: a`)),
    431,
    'headers_too_large',
  ),
  refused(
    70,
    'a header of 41 KB',
    () => head(GET, CLOSE, `X-A: ${'a'.repeat(41 * 1024)}`),
    431,
    'headers_too_large',
  ),
  refused(
    70,
    'headers of 42 KB together',
    () => head(GET, CLOSE, ...Array.from({ length: 84 }, (_, i) => `X-${i}: ${'a'.repeat(500)}`)),
    431,
    'headers_too_large',
  ),
  served(
    70,
    'headers of 12 KB beside a token',
    () => Array.from({ length: 48 }, (_, i) => `X-${i}: ${'a'.repeat(250)}`),
    (test, { forwarded }) => test.equal(forwarded[0]?.headers['x-1'], undefined),
  ),
  ...[14_400, 16_384, 16_385, 17_000, 41_000, 64_000].map((length) =>
    refused(
      70,
      `a token of ${length} bytes that no issuer made`,
      () => head(GET, CLOSE, `Authorization: Bearer ${'a'.repeat(length)}`),
      length > 16_384 ? 431 : 401,
      length > 16_384 ? 'headers_too_large' : 'invalid_token',
    ),
  ),
  refused(
    70,
    'a header of 64 KB',
    () => head(GET, `X-A: ${'a'.repeat(65_536)}`),
    431,
    'headers_too_large',
  ),
  refused(
    71,
    'bytes beyond ASCII in a value',
    () => Buffer.from(head(GET, 'X-A: caf\u00e9'), 'latin1'),
    400,
    'bad_header',
  ),
  refused(71, 'an escape character in a value', () => head(GET, 'X-A: \u001b[31m'), 400),
  {
    row: 72,
    name: 'trailers with credentials are no credentials',
    async run(test) {
      const body = `${JSON_BODY.length.toString(16)}\r\n${JSON_BODY}\r\n0\r\n`
      const trailers = `Authorization: Bearer ${token}\r\nX-Ms-Trailer: canary7ra11er\r\n\r\n`
      const lines = [
        'Transfer-Encoding: chunked',
        'Content-Type: application/json',
        'Trailer: Authorization',
        CLOSE,
      ]
      const anonymous = await send(head(PUT, 'Authorization: Basic x', ...lines) + body + trailers)
      test.equal(anonymous.answer.status, 401)
      test.same(anonymous.forwarded, [])
      const known = await send(head(PUT, ...lines) + body + trailers)
      test.ok([200, 201].includes(known.answer.status), known.answer.text)
      test.equal(known.forwarded.length, 1)
      test.notMatch(JSON.stringify(known.forwarded), 'canary7ra11er', 'they are not forwarded')
      test.notMatch(JSON.stringify(known.forwarded), token)
      test.match(known.forwarded[0]?.body, '"jobType":"Command"')
    },
  },
  ...[
    ['text', 'not a guid'],
    ['10 KB', 'a'.repeat(10_240)],
    ['a formula', '=cmd|1'],
  ].map(([name = '', value = '']) =>
    served(
      73,
      `a client's correlation id that is ${name}`,
      () => [
        `x-ms-correlation-request-id: ${value}`,
        `x-ms-client-request-id: ${value.slice(0, 1_024)}`,
      ],
      (test, { forwarded, ends, answer }) => {
        const id = answer.headers['x-harness-decision-id']
        test.match(id, GUID, 'the gateway has its own')
        test.equal(forwarded[0]?.headers['x-ms-correlation-request-id'], id)
        test.equal(forwarded[0]?.headers['x-ms-client-request-id'], id)
        test.notMatch(
          JSON.stringify([ends, answer.headers]),
          value.slice(0, 1_024),
          'the caller’s is not repeated',
        )
      },
    ),
  ),
  refused(
    73,
    'a correlation id with a line break and a header',
    () => head(GET, 'x-ms-correlation-request-id: a\nx-evil: b'),
    400,
  ),
]

void t.test('no row is missing', async (test) => {
  const rows = new Set(cases.map(({ row }) => row))
  for (let row = FIRST ?? 0; row <= (LAST ?? 0); row += 1) test.ok(rows.has(row), `row ${row}`)
})

for (const { row, name, run } of cases) {
  void t.test(`row ${row}: ${name}`, async (test) => run(test as typeof t))
}
