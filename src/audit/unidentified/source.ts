/**
 * Whom refusals before identification are counted under: an IPv4 address, or an IPv6 network.
 * @module
 */
import { isIPv6 } from 'node:net'

/** An IPv4 address as a socket that listens on IPv6 has it. */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i
const DOTTED = /\d+\.\d+\.\d+\.\d+$/
const GROUPS = 8
/** One subscriber has at least a /64: its addresses cost nothing. */
const NETWORK_GROUPS = 4

/** `192.0.2.7`, `2001:db8:0:1::/64`, or what is no address as it is. */
export function sourceGroup(ip: string): string {
  const mapped = MAPPED.exec(ip)?.[1]
  if (mapped !== undefined) return mapped
  if (!isIPv6(ip)) return ip
  const [head = '', tail = ''] = ip.replace(/%.*$/, '').replace(DOTTED, '0:0').split('::')
  const [first, last] = [head, tail].map((text) => (text === '' ? [] : text.split(':')))
  const known = [...(first ?? []), ...(last ?? [])].length
  const groups = [...(first ?? []), ...Array<string>(GROUPS - known).fill('0'), ...(last ?? [])]
  const network = groups.slice(0, NETWORK_GROUPS).map((group) => parseInt(group, 16).toString(16))
  return `${network.join(':')}::/64`
}
