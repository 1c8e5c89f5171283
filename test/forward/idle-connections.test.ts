/** A connection to Azure outlives the pauses between the calls of a quiet workspace. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createUpstream } from '../../src/forward/upstream.ts'

/** Longer than undici keeps a connection by itself. */
const PAUSE_MS = 6_000

/** Connections that two calls needed, with a pause between them. */
async function connectionsOf(t: Test, server: Server): Promise<number> {
  let connections = 0
  server.on('connection', () => {
    connections += 1
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  t.teardown(() => server.close())
  const upstream = createUpstream(60_000)
  t.teardown(() => upstream.close(AbortSignal.abort()))
  const request = { origin, path: '/', method: 'GET' }
  // what the gateway asks by itself and what callers ask have connections of their own
  const ways = [
    async () => (await upstream.dispatcher.request(request)).body.dump(),
    async () => {
      const { promise, resolve, reject } = Promise.withResolvers<unknown>()
      const listener = { answered: () => undefined, arrived: resolve, failed: reject }
      upstream.send({ ...request, headers: [], body: null }, listener)
      await promise
    },
  ]
  for (const pause of [PAUSE_MS, 0]) {
    await Promise.all(ways.map((way) => way()))
    await delay(pause)
  }
  return connections / ways.length
}

t.test('a server that keeps connections', async (t) => {
  // Node's names no time if it has none
  const server = createServer({ keepAliveTimeout: 0 }, (_, response) => response.end('{}'))
  t.equal(await connectionsOf(t, server), 1, 'one connection for both calls')
})

t.test('a server that names how long it keeps them', async (t) => {
  const server = createServer({ keepAliveTimeout: 3_000 }, (_, response) => response.end('{}'))
  t.equal(await connectionsOf(t, server), 2, 'the connection is not used when that is over')
})
