/** What each TLS connection has of its own, and which protocols it may speak. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Server } from 'node:https'
import { connect, type TLSSocket } from 'node:tls'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { ensureCertificates } from '../../../lab/identity/ca.ts'
import type { Config } from '../../../src/config/schema/schema.ts'
import { serverFactory } from '../../../src/http/server.ts'
import { readCertificate } from '../../../src/http/tls/certificate.ts'
import { eventually } from '../../support/eventually.ts'

/** Longer than the test: nobody sends a request. */
const HOUR_MS = 3_600_000
const LIMITS = { headersTimeoutMs: HOUR_MS, requestTimeoutMs: HOUR_MS, idleTimeoutMs: HOUR_MS }
const CONNECTIONS = 100
/** Bytes of Buffer's pool that all small buffers are cut from, in turns. */
const POOLED = 20_000

let server: Server

t.before(async () => {
  const { certFile, keyFile } = await ensureCertificates(t.testdir())
  const tls = { certFile, keyFile }
  const config = { limits: LIMITS, listen: { tls } } as unknown as Config
  const handler = (): void => undefined
  server = serverFactory(config, await readCertificate(tls))(handler, {}) as Server
  await once(server.listen(0, '127.0.0.1'), 'listening')
})
t.teardown(() => server.close())

function open(protocols?: string[]): TLSSocket {
  const { port } = server.address() as AddressInfo
  return connect({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ...(protocols === undefined ? {} : { ALPNProtocols: protocols }),
  })
}

t.test('HTTP/1.1 is spoken, with or without a word on it, and nothing else', async (t) => {
  for (const [offered, spoken] of [
    [undefined, false],
    [['http/1.1'], 'http/1.1'],
    [['h2', 'http/1.1'], 'http/1.1'],
  ] as const) {
    const socket = open(offered === undefined ? undefined : [...offered])
    await once(socket, 'secureConnect')
    t.equal(socket.alpnProtocol, spoken, String(offered))
    socket.destroy()
  }
  const refused = open(['h2'])
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException]
  t.equal(error.code, 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
})

t.test('an open connection holds no block of the pool of buffers', async (t) => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  const held = (): number => {
    gc()
    return process.memoryUsage().arrayBuffers
  }
  const sockets: TLSSocket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  const before = held()
  for (let n = 0; n < CONNECTIONS; n++) {
    const socket = open()
    sockets.push(socket)
    await once(socket, 'secureConnect')
    // as other work does between two connections
    for (let bytes = 0; bytes < Buffer.poolSize; bytes += POOLED) Buffer.allocUnsafe(POOLED)
  }
  // what is collected is given back a moment later
  await eventually(
    'a connection holds less than a tenth of a block',
    () => {
      const each = (held() - before) / CONNECTIONS
      return each < Buffer.poolSize / 10
    },
    10_000,
  )
})
