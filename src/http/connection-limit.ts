/**
 * How many connections there may be, in all and from one address: those beyond are closed before a byte is read.
 * @module
 */
import type { Server, Socket } from 'node:net'
import type { Exchange } from '../exchange.ts'
import { networkOf } from '../lib/network-of.ts'
import { sourceOf } from './source.ts'
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
    const { ip, port } = sourceOf(socket)
    const from = networkOf(ip)
    const there = open.get(from) ?? 0
    if (there >= connectionsPerAddress) {
      socket.destroy()
      refuse('connectionsPerAddress', ip, port)
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
