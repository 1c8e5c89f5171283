import t from 'tap'
import { checkInbound } from '../../src/http/inbound.ts'

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
