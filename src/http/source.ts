/**
 * Where a connection or a request comes from: the hop before the gateway, or what a trusted proxy has said of its client.
 * @module
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/** `port` is 0 where nobody said it. */
export interface Source {
  readonly ip: string
  readonly port: number
}

/** Where what was stated of a connection or a request hangs: a WeakMap would be asked twice for each call. */
const STATED = Symbol('stated')

interface Stated {
  [STATED]?: Source
}

/** From now on this connection or request comes from there. */
export function stateSource(of: (Socket | IncomingMessage) & Stated, source: Source): void {
  of[STATED] = source
}

/** The other end of a connection, whatever it has said. */
export function hopOf({ remoteAddress, remotePort }: Socket): Source {
  return { ip: remoteAddress ?? '', port: remotePort ?? 0 }
}

/** The client: who is recorded, limited and counted. */
export function sourceOf(of: (Socket | IncomingMessage) & Stated): Source {
  const known = of[STATED]
  if (known !== undefined) return known
  return 'socket' in of ? sourceOf(of.socket) : hopOf(of)
}
