/**
 * The ports that the gateway listens on: free, and this user's to have.
 * @module
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Config } from '../../config/schema/schema.ts'
import { codeOf } from '../../lib/error-code.ts'
import { findingsOf, type Finding } from '../finding.ts'

const { failed } = findingsOf('ports')

/** Listens on each for a moment; nothing is accepted. */
export async function checkPorts({ listen }: Config): Promise<Finding[]> {
  const { metrics } = listen
  const found = [await checkPort('listen', listen.host, listen.port)]
  if (metrics !== undefined)
    found.push(await checkPort('listen.metrics', metrics.host, metrics.port))
  return found.filter((one) => one !== null)
}

async function checkPort(where: string, host: string, port: number): Promise<Finding | null> {
  const server = createServer((socket) => socket.destroy())
  try {
    server.listen({ host, port, exclusive: true })
    await once(server, 'listening')
    return null
  } catch (error) {
    return faultOf(codeOf(error, 'failed'), where, host, port)
  } finally {
    if (server.listening) await new Promise((closed) => server.close(closed))
  }
}

function faultOf(code: string, where: string, host: string, port: number): Finding {
  switch (code) {
    case 'EADDRINUSE':
      return failed(
        `${where}.port`,
        `port ${port} of "${host}" is in use by another process`,
        'end that process (a gateway that runs already?), or choose another port',
      )
    case 'EACCES':
      return failed(
        `${where}.port`,
        `port ${port} is not this user's to listen on`,
        'choose a port above 1023',
      )
    default:
      return failed(
        `${where}.host`,
        `"${host}" is no address of this machine (${code})`,
        'write 0.0.0.0 for all of its addresses',
      )
  }
}
