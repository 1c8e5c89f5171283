import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { checkInbound, createInboundCheck } from '../../src/http/inbound.ts'

const hosts = new Set(['gw.example.com'])
const head = (rawHeaders: string[], method = 'GET', httpVersion = '1.1') => ({
  method,
  httpVersion,
  rawHeaders,
})

t.test('a plain head passes', async (t) => {
  t.doesNotThrow(() => checkInbound(head(['Host', 'gw.example.com', 'Accept', 'a/b']), hosts))
})

const cases: [string, Parameters<typeof checkInbound>[0], string][] = [
  ['no Host', head([]), 'bad_host'],
  ['two Hosts', head(['Host', 'gw.example.com', 'host', 'evil']), 'bad_host'],
  ['a foreign Host', head(['Host', 'evil.example.com']), 'misdirected_request'],
  [
    'x-ms-authorization-auxiliary',
    head(['Host', 'gw.example.com', 'X-MS-Authorization-Auxiliary', 'x']),
    'bad_header',
  ],
  [
    'a method override',
    head(['Host', 'gw.example.com', 'X-HTTP-Method-Override', 'DELETE']),
    'bad_header',
  ],
  ['an upgrade', head(['Host', 'gw.example.com', 'Upgrade', 'websocket']), 'bad_header'],
  ['bytes outside ASCII', head(['Host', 'gw.example.com', 'x-a', '\u00e9']), 'bad_header'],
  [
    'transfer-encoding gzip, chunked',
    head(['Host', 'gw.example.com', 'Transfer-Encoding', 'gzip, chunked'], 'PUT'),
    'bad_header',
  ],
  [
    'transfer-encoding in HTTP/1.0',
    head(['Host', 'gw.example.com', 'Transfer-Encoding', 'chunked'], 'PUT', '1.0'),
    'bad_header',
  ],
  ['HTTP/0.9', head(['Host', 'gw.example.com'], 'GET', '0.9'), 'bad_request'],
  ['HTTP/2.0 as text', head(['Host', 'gw.example.com'], 'GET', '2.0'), 'bad_request'],
  ['a GET with a body', head(['Host', 'gw.example.com', 'Content-Length', '1']), 'bad_request'],
  [
    'two content types',
    head(['Host', 'gw.example.com', 'Content-Type', 'a', 'Content-Type', 'b'], 'PUT'),
    'bad_header',
  ],
  [
    '101 headers',
    head([
      'Host',
      'gw.example.com',
      ...Array.from({ length: 100 }, (_, i) => [`x-${i}`, 'y']).flat(),
    ]),
    'headers_too_large',
  ],
]
for (const [name, request, code] of cases) {
  t.test(`${name} is refused as ${code}`, async (t) => {
    t.throws(() => checkInbound(request, hosts), { code })
  })
}

/** Heads that follow one that passed on their connection, and with which code they are refused; null: they pass. */
const TOKEN = 'Bearer abcdef'
const passed = [
  'Host',
  'gw.example.com',
  'Authorization',
  TOKEN,
  'x-a',
  '1',
  'Content-Type',
  'a/b',
  'Expect',
  '100-continue',
]
const passedPut = [...passed, 'Transfer-Encoding', 'chunked']
const changed = (at: number, text: string): string[] => passed.with(at, text)
const repeated: [string, Parameters<typeof checkInbound>[0], string | null][] = [
  ['the same', head(passed), null],
  ['another id', head(changed(5, '2')), null],
  ['a longer id', head(changed(5, '23')), null],
  ['an id that is too long', head(changed(5, '2'.repeat(50_000))), 'headers_too_large'],
  ['another expectation', head(changed(9, 'x')), 'expectation_failed'],
  ['another token', head(changed(3, 'Bearer ghijkl')), null],
  ['a longer token', head(changed(3, `${TOKEN}${'x'.repeat(1_000)}`)), null],
  ['a token that is too long', head(changed(3, 'x'.repeat(50_000))), 'headers_too_large'],
  ['a token with bytes outside ASCII', head(changed(3, 'Bearer abc\u00e9')), 'bad_header'],
  ['another value with bytes outside ASCII', head(changed(5, '\u00e9')), 'bad_header'],
  ['another Host', head(changed(1, 'evil.example.com')), 'misdirected_request'],
  ['the Host under another name', head(changed(0, 'x-host')), 'bad_host'],
  ['a second Host', head(changed(4, 'Host')), 'bad_host'],
  ['a header that overrides the method', head(changed(4, 'x-http-method')), 'bad_header'],
  ['one header more', head([...passed, 'Upgrade', 'h2c']), 'bad_header'],
  ['a body', head(changed(4, 'Content-Length')), 'bad_request'],
  ['another version', head(passed, 'GET', '2.0'), 'bad_request'],
  [
    'another method, for which more is checked',
    head(changed(7, '-'), 'PUT'),
    'unsupported_media_type',
  ],
]
/** The same for changes. */
const repeatedPuts: typeof repeated = [
  ['another id', head(passedPut.with(5, '2'), 'PUT'), null],
  ['another coding', head(passedPut.with(11, 'gzip'), 'PUT'), 'bad_header'],
  ['another type', head(passedPut.with(7, '-'), 'PUT'), 'unsupported_media_type'],
  ['another Host', head(passedPut.with(1, 'evil'), 'PUT'), 'misdirected_request'],
  ['another expectation', head(passedPut.with(9, 'x'), 'PUT'), 'expectation_failed'],
]
const followed = [
  ...repeated.map((one) => [head(passed), ...one] as const),
  ...repeatedPuts.map((one) => [head(passedPut, 'PUT'), ...one] as const),
]
for (const [before, name, request, code] of followed) {
  t.test(`behind a ${before.method} that passed, ${name} is judged as it is alone`, async (t) => {
    const check = createInboundCheck(hosts)
    const socket = {}
    const receive = (one: typeof request): void =>
      check({ ...one, socket } as unknown as IncomingMessage)
    const alone = (): void => checkInbound(request, hosts)
    receive(before)
    // a second time, because what passes then is compared with it
    for (const judge of [alone, () => receive(request), () => receive(request)]) {
      if (code === null) t.doesNotThrow(judge)
      else t.throws(judge, { code })
    }
    t.doesNotThrow(() => receive(before))
  })
}

t.test('what passed on one connection says nothing of another', async (t) => {
  const check = createInboundCheck(new Set(['gw.example.com']))
  const receive = (rawHeaders: string[], socket: object): void =>
    check({ ...head(rawHeaders), socket } as unknown as IncomingMessage)
  receive(passed, {})
  t.throws(() => receive(changed(1, 'evil.example.com'), {}), { code: 'misdirected_request' })
})
