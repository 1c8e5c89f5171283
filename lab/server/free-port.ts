/**
 * Ports for servers that start later, or again.
 *
 * A port that the system gave out may be given to somebody else as soon as it is free: to another server that asked
 * for any, or to a connection as its local port. These are chosen below the range that the system gives out.
 * @module
 */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Linux gives out 32768 to 60999, other systems 49152 to 65535 (RFC 6335 section 6). */
const FIRST = 16_384
const LAST = 32_767

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST + 1)
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => {
      resolve(false)
    })
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true)
      })
    })
  })
}
