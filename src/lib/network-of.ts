/**
 * What counts as one address, where callers are limited or counted by where they come from.
 * @module
 */
import { isIPv6 } from 'node:net'

/** An IPv4 address as a socket that listens on IPv6 has it. */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i
const DOTTED = /\d+\.\d+\.\d+\.\d+$/
const GROUPS = 8
/** One host can have all addresses of 64 bits (RFC 4291 section 2.5.4). */
const NETWORK_GROUPS = 4

/** `192.0.2.7` of either form of an IPv4 address, `2001:db8:0:1::/64`, or what is no address as it is. */
export function networkOf(address: string): string {
  const mapped = MAPPED.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!isIPv6(address)) return address
  const [head = '', tail = ''] = address.replace(/%.*$/, '').replace(DOTTED, '0:0').split('::')
  const before = groupsOf(head)
  const behind = groupsOf(tail)
  const zeros = Array<string>(GROUPS - before.length - behind.length).fill('0')
  const network = [...before, ...zeros, ...behind]
    .slice(0, NETWORK_GROUPS)
    .map((group) => parseInt(group, 16).toString(16))
  return `${network.join(':')}::/64`
}

const groupsOf = (text: string): string[] => (text === '' ? [] : text.split(':'))
