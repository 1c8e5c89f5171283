/**
 * The header of the PROXY protocol, version 2, with which a proxy begins a connection to say whose it is.
 * https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt
 * @module
 */
import { SocketAddress } from 'node:net'
import type { Source } from '../source.ts'

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
/** Signature, version and command, family and transport, and the length of what follows. */
const FIXED_BYTES = 16
/** Of addresses and TLVs: proxies send some hundred bytes. */
const MAX_REST_BYTES = 4_096
const VERSION_2 = 0x20
const COMMANDS = { local: 0x20, proxy: 0x21 } as const

/** Families and transports that a stream can have, with the bytes that their addresses take. */
const ADDRESSES: ReadonlyMap<number, { readonly bytes: number; readonly ip: 4 | 6 | null }> =
  new Map([
    [0x00, { bytes: 0, ip: null }],
    [0x11, { bytes: 12, ip: 4 }],
    [0x21, { bytes: 36, ip: 6 }],
    [0x31, { bytes: 216, ip: null }],
  ])

export interface ProxyHeader {
  /** Bytes that it takes. */
  readonly length: number
  /** Null: the connection is the proxy's own, or has no internet address. */
  readonly source: Source | null
}

/**
 * Reads the header at the beginning of a connection. TLVs are skipped.
 * @param bytes all that came so far
 * @returns null if more bytes are needed to tell
 * @throws Error as soon as this cannot become a header; its message quotes nothing
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | null {
  const seen = Math.min(bytes.length, SIGNATURE.length)
  if (!bytes.subarray(0, seen).equals(SIGNATURE.subarray(0, seen)))
    throw new Error('no header of the PROXY protocol, version 2')
  if (bytes.length < FIXED_BYTES) return null
  const command = bytes.readUInt8(12)
  if ((command & 0xf0) !== VERSION_2) throw new Error('not version 2')
  if (command !== COMMANDS.local && command !== COMMANDS.proxy) throw new Error('unknown command')
  const rest = bytes.readUInt16BE(14)
  if (rest > MAX_REST_BYTES) throw new Error('a header that is too long')
  const length = FIXED_BYTES + rest
  // what a proxy says of its own connection is not looked at
  const address = command === COMMANDS.local ? null : ADDRESSES.get(bytes.readUInt8(13))
  if (address === undefined) throw new Error('a family or transport that no stream has')
  if (address !== null && rest < address.bytes) throw new Error('an address that is not whole')
  if (bytes.length < length) return null
  return { length, source: address === null ? null : sourceIn(bytes, address.ip) }
}

/** Source and destination address, then both ports. */
function sourceIn(bytes: Buffer, ip: 4 | 6 | null): Source | null {
  if (ip === null) return null
  const size = ip === 4 ? 4 : 16
  const address = bytes.subarray(FIXED_BYTES, FIXED_BYTES + size)
  const port = bytes.readUInt16BE(FIXED_BYTES + 2 * size)
  return { ip: ip === 4 ? address.join('.') : ipv6(address), port }
}

function ipv6(bytes: Buffer): string {
  const groups = (bytes.toString('hex').match(/.{4}/g) ?? []).join(':')
  return new SocketAddress({ address: groups, family: 'ipv6' }).address
}
