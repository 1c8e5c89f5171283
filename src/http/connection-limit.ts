/**
 * How many connections there may be, in all and from one address: those beyond are closed before a byte is read.
 * @module
 */
import type { Server, Socket } from 'node:net'
import { isIPv6 } from 'node:net'
import type { Exchange } from '../exchange.ts'
import { counter, gauge, single, type Metric } from '../lib/metric.ts'

export interface ConnectionLimits {
  readonly connections: number
  readonly connectionsPerAddress: number
}

type Limit = keyof ConnectionLimits

/**
 * Limits the connections of a server; call it before the server listens.
 * @param refused told of each that was closed, and because of which limit
 * @returns what counts them
 */
export function limitConnections(
  server: Server,
  { connections, connectionsPerAddress }: ConnectionLimits,
  refused: (source: Exchange['source'], limit: Limit) => void,
): () => readonly Metric[] {
  const open = new Map<string, number>()
  const counts: Record<Limit, number> = { connections: 0, connectionsPerAddress: 0 }
  let all = 0

  function refuse(limit: Limit, ip = '', port = 0): void {
    counts[limit] += 1
    refused({ ip, port }, limit)
  }

  server.maxConnections = connections
  server.on('drop', (peer) => {
    refuse('connections', peer?.remoteAddress, peer?.remotePort)
  })
  server.prependListener('connection', (socket: Socket) => {
    const { remoteAddress = '', remotePort } = socket
    const from = networkOf(remoteAddress)
    const there = open.get(from) ?? 0
    if (there >= connectionsPerAddress) {
      socket.destroy()
      refuse('connectionsPerAddress', remoteAddress, remotePort)
      return
    }
    open.set(from, there + 1)
    all += 1
    socket.once('close', () => {
      all -= 1
      const left = (open.get(from) ?? 1) - 1
      if (left === 0) open.delete(from)
      else open.set(from, left)
    })
  })

  return () => [
    gauge('connections', single(all)),
    counter(
      'connections_refused_total',
      Object.entries(counts).map(([limit, value]) => ({ labels: { limit }, value })),
    ),
  ]
}

/**
 * What counts as one address: of IPv6 the network of 64 bits that one host can have all of (RFC 4291 section 2.5.4), and
 * an IPv4 address in either of its forms.
 */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.replace(/%.*$/, '').toLowerCase().split('::')
  const groups = head === '' ? [] : head.split(':')
  const behind = tail === undefined || tail === '' ? 0 : tail.split(':').length
  const zeros = tail === undefined ? 0 : 8 - groups.length - behind
  const whole = [...groups, ...Array.from({ length: zeros }, () => '0'), ...(tail ?? '').split(':')]
  return `${whole.slice(0, 4).join(':')}::/64`
}
