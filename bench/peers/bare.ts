/**
 * The bare proxy that everything is compared with: @fastify/http-proxy, with the gateway's flags of Node and of
 * the C library.
 */
import { join } from 'node:path'
import { MALLOC_ENV, NODE_FLAGS } from '../../lab/gateway/gateway.ts'
import { freePort } from '../../lab/server/free-port.ts'
import { run, type Peer } from './peer.ts'

export const BARE: Peer = {
  name: 'bare @fastify/http-proxy',
  does: 'nothing',
  async start(world) {
    const port = await freePort()
    const { certFile, keyFile } = world.lab.certificates
    const program = join(import.meta.dirname, 'bare-proxy.ts')
    // the same memory for both: how often it is collected is a large part of what a call costs
    const args = [...NODE_FLAGS, program, world.upstream.url, certFile, keyFile, String(port)]
    return run(world, process.execPath, args, port, MALLOC_ENV)
  },
}
