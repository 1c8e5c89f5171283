/**
 * The addresses whose word on where a call comes from is believed.
 * @module
 */
import { BlockList, isIP } from 'node:net'

const BITS = { 4: 32, 6: 128 } as const

/** What is wrong with an entry of the list; null if nothing is. */
export function trustedFault(entry: string): string | null {
  const network = networkIn(entry)
  if (network === null) return 'must be an address, or a network such as 10.0.0.0/8'
  return network.bits === 0 ? 'is every address: anybody could say where a call comes from' : null
}

/** @param entries addresses and networks of which `trustedFault` says nothing */
export function createTrusted(entries: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const entry of entries) {
    const network = networkIn(entry)
    if (network === null) throw new TypeError(`"${entry}" is no network`)
    list.addSubnet(network.address, network.bits, network.family)
  }
  return (address) => {
    const family = familyOf(address)
    return family !== null && list.check(address, family)
  }
}

function networkIn(entry: string) {
  const [, address = '', length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? []
  const family = familyOf(address)
  if (family === null || address.includes('%')) return null
  const most = family === 'ipv4' ? BITS[4] : BITS[6]
  const bits = length === undefined ? most : Number(length)
  return bits > most ? null : { address, bits, family }
}

function familyOf(address: string): 'ipv4' | 'ipv6' | null {
  const version = isIP(address)
  if (version === 0) return null
  return version === 4 ? 'ipv4' : 'ipv6'
}
