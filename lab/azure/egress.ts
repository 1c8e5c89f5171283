/**
 * An egress proxy like those of company networks: it lets calls to a few hosts pass and records all of them.
 *
 * Clients use it by `HTTPS_PROXY`. It proves to tests that a client called nothing but the gateway and storage: any
 * other call is refused and recorded.
 * @module
 */
import * as http from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'

export interface Egress {
  /** Origin, for `HTTPS_PROXY`. */
  readonly url: string
  /** `host:port` of every connection asked for, in order. */
  tried(): readonly string[]
  close(): Promise<void>
}

/** @param allowed where connections to a `host:port` really go: a port of this machine */
export async function createEgress(allowed: ReadonlyMap<string, number>): Promise<Egress> {
  const tried: string[] = []
  const sockets = new Set<Socket>()
  const server = http.createServer((request, response) => {
    // a plain http:// request to somewhere
    tried.push(request.url ?? '')
    response.writeHead(403).end()
  })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  })
  server.on('connect', (request, socket, head) => {
    const target = (request.url ?? '').toLowerCase()
    tried.push(target)
    const port = allowed.get(target)
    if (port === undefined) {
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')
      return
    }
    const outside = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      outside.write(head)
      outside.pipe(socket).pipe(outside)
    })
    outside.on('error', () => socket.destroy())
    socket.on('close', () => outside.destroy())
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', () => resolve())
  await promise
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    tried: () => tried,
    close() {
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      for (const socket of sockets) socket.destroy()
      return closed.promise
    },
  }
}
