/** The header of the PROXY protocol: what is read of it, and what is refused; test/fuzz has the rest. */
import t from 'tap'
import { readProxyHeader } from '../../../src/http/proxies/header-v2.ts'
import { createTrusted, trustedFault } from '../../../src/http/proxies/trusted.ts'
import { proxyHeader } from '../support/proxy-header.ts'

const V4 = [192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x34, 0x01, 0xbb]
const V6 = [...Buffer.from(`20010db8${'00'.repeat(11)}07`, 'hex'), ...Array<number>(16).fill(1)]
const PORTS = [0x12, 0x34, 0x01, 0xbb]
const TLV = [0x04, 0x00, 0x03, 1, 2, 3]

const GOOD = [
  ['IPv4', proxyHeader(0x21, 0x11, V4), { ip: '192.0.2.7', port: 0x1234 }],
  ['IPv4 and TLVs', proxyHeader(0x21, 0x11, [...V4, ...TLV]), { ip: '192.0.2.7', port: 0x1234 }],
  ['a TLV that is not whole', proxyHeader(0x21, 0x11, [...V4, 4, 255]), { ip: '192.0.2.7' }],
  ['IPv6', proxyHeader(0x21, 0x21, [...V6, ...PORTS]), { ip: '2001:db8::7', port: 0x1234 }],
  ['a socket of Unix', proxyHeader(0x21, 0x31, Array<number>(216).fill(47)), null],
  ['no family', proxyHeader(0x21, 0x00, []), null],
  ['no family and TLVs', proxyHeader(0x21, 0x00, TLV), null],
  ['LOCAL', proxyHeader(0x20, 0x00, []), null],
  ['LOCAL with an address', proxyHeader(0x20, 0x11, V4), null],
] as const

t.test('what it says, and that it says nothing until it is whole', async (t) => {
  const after = Buffer.from('GET / HTTP/1.1\r\n')
  for (const [what, bytes, source] of GOOD) {
    for (let cut = 0; cut < bytes.length; cut += 1)
      t.equal(readProxyHeader(bytes.subarray(0, cut)), null, `${what}, cut after ${cut} bytes`)
    const read = readProxyHeader(Buffer.concat([bytes, after]))
    t.match(read, { length: bytes.length, source }, what)
    if (source === null) t.equal(read?.source, null)
  }
})

t.test('what is none is refused as soon as that is certain', async (t) => {
  const [, good] = GOOD[0]
  const changed = (at: number, value: number): Buffer => {
    const bytes = Buffer.from(good)
    bytes.writeUInt8(value, at)
    return bytes
  }
  const bad: readonly (readonly [string, Buffer])[] = [
    ['HTTP', Buffer.from('G')],
    ['TLS', Buffer.from([0x16, 0x03])],
    ['version 1', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 4660 443\r\n')],
    ['a version to come', changed(12, 0x31)],
    ['an unknown command', changed(12, 0x22)],
    ['datagrams', changed(13, 0x12)],
    ['an unknown family', changed(13, 0x41)],
    ['an address that is cut', proxyHeader(0x21, 0x21, V4)],
    ['IPv4 without ports', proxyHeader(0x21, 0x11, V4.slice(0, 8))],
    ['a length beyond reason', changed(14, 0xff)],
  ]
  for (const [what, bytes] of bad) t.throws(() => readProxyHeader(bytes), what)
  for (let at = 0; at < 12; at += 1)
    t.throws(() => readProxyHeader(changed(at, 0x41).subarray(0, at + 1)), `byte ${at}`)
})

t.test('networks that are believed', async (t) => {
  for (const bad of [
    '',
    'proxy',
    '10.0.0.0/33',
    '10.0.0/8',
    '::/0',
    '0.0.0.0/0',
    '10.0.0.0/',
    'fe80::1%eth0',
  ])
    t.ok(trustedFault(bad), bad)
  for (const good of ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1'])
    t.equal(trustedFault(good), null)
  const isTrusted = createTrusted(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32'])
  for (const one of ['10.255.0.1', '::ffff:10.1.2.3', '192.0.2.7', '2001:db8:1::2'])
    t.ok(isTrusted(one), one)
  for (const one of ['11.0.0.1', '192.0.2.8', '2001:db9::1', '::1', '', 'localhost'])
    t.notOk(isTrusted(one), one)
})
