/**
 * Whether a sink's host can be reached, for sinks whose protocols have no request that is harmless: nothing is sent.
 * @module
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Examination } from './sink.ts'

const TIMEOUT_MS = 10_000

/** Opens a connection and closes it. */
export async function examineHost(host: string, port: number): Promise<Examination> {
  const socket = connect({ host, port })
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('time-out')))
  try {
    await once(socket, 'connect')
    const next = 'start the gateway and look at the sink for its record of the start'
    return { status: 'unverified', what: 'can be reached; more would need a record', next }
  } catch {
    const next = 'check its name and egress rules'
    return { status: 'failed', what: `${host}:${port} cannot be reached`, next }
  } finally {
    socket.destroy()
  }
}

/** The same for the host of a URL. */
export function examineUrl(url: string): Promise<Examination> {
  const { hostname, port, protocol } = new URL(url)
  return examineHost(hostname, port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port))
}
