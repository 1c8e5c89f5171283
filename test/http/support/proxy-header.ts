/**
 * Headers of the PROXY protocol, version 2, as a proxy or somebody else writes them.
 * @module
 */
const SIGNATURE = '0d0a0d0a000d0a515549540a'

/** @param rest addresses, ports and TLVs */
export function proxyHeader(command: number, family: number, rest: readonly number[]): Buffer {
  const head = Buffer.from([command, family, rest.length >> 8, rest.length & 0xff])
  return Buffer.concat([Buffer.from(SIGNATURE, 'hex'), head, Buffer.from(rest)])
}

/** Of a TCP connection over IPv4. */
export function proxyHeaderOf(ip: string, port = 4660): Buffer {
  const address = ip.split('.').map(Number)
  return proxyHeader(0x21, 0x11, [...address, 198, 51, 100, 1, port >> 8, port & 0xff, 1, 0xbb])
}
