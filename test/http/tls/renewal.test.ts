/**
 * Certificates that are renewed while the gateway serves: no request fails, no connection is closed, and files that are
 * not whole or do not belong together change nothing.
 */
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { Agent, createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import t from 'tap'
import { ensureCertificates, type Certificates } from '../../../lab/identity/ca.ts'
import { workspaceId } from '../../../lab/personas.ts'
import { freePort } from '../../../lab/server/free-port.ts'
import { createRenewal } from '../../../src/http/tls/renewal.ts'
import { makeAuthority } from '../../support/client-certificates.ts'
import { eventually } from '../../support/eventually.ts'
import { startGateway, type World } from '../../support/gateway.ts'
import { send } from '../../support/send.ts'

const LIVEZ = '/_harness/livez'
const VERSION = '?api-version=2024-04-01'
let world: World
let metricsPort: number
/** Files as Kubernetes mounts a secret: links to `..data`, a link to the folder of this version. */
let mount: string
let made: Certificates[]
/** What clients trust: the authorities of all of them. */
let ca: string

/** Makes `..data` lead to a folder with these files, in one step. */
async function swap(version: string, { certFile, keyFile }: Partial<Certificates>): Promise<void> {
  const folder = join(mount, `..${version}`)
  await mkdir(folder)
  if (certFile !== undefined) await copyFile(certFile, join(folder, 'tls.crt'))
  if (keyFile !== undefined) await copyFile(keyFile, join(folder, 'tls.key'))
  await symlink(`..${version}`, join(mount, '..next'))
  await rename(join(mount, '..next'), join(mount, '..data'))
}

t.before(async () => {
  metricsPort = await freePort()
  const directory = t.testdir()
  mount = join(directory, 'mount')
  await mkdir(mount)
  made = await Promise.all(
    ['a', 'b', 'c', 'd', 'e'].map((name) => ensureCertificates(join(directory, name))),
  )
  ca = made.map((one) => one.ca).join('\n')
  await swap('v0', of(0))
  for (const name of ['tls.crt', 'tls.key']) await symlink(`..data/${name}`, join(mount, name))
  world = await startGateway({
    gateway: {
      waitUntilReady: false,
      change: (config) => ({
        ...config,
        listen: {
          ...config.listen,
          metrics: { host: '127.0.0.1', port: metricsPort },
          tls: { certFile: join(mount, 'tls.crt'), keyFile: join(mount, 'tls.key') },
        },
      }),
    },
  })
  await eventually('the gateway is ready', () => status().catch(() => null))
})
t.teardown(() => world.close())

function of(index: number): Certificates {
  const one = made[index]
  if (one === undefined) throw new Error('there is no such certificate')
  return one
}

const status = async (): Promise<number> => (await send(world.url, ca, LIVEZ)).status

/** Serial number that a new connection is served. */
async function served(): Promise<string> {
  const port = Number(new URL(world.url).port)
  const socket = connect({ host: 'localhost', port, ca, servername: 'localhost' })
  await once(socket, 'secureConnect')
  const serial = socket.getPeerX509Certificate()?.serialNumber ?? ''
  socket.destroy()
  return serial
}

async function serialOf({ certFile }: Certificates): Promise<string> {
  return new X509Certificate(await readFile(certFile)).serialNumber
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
  const line = text.split('\n').find((one) => one.startsWith(`harness_${name} `))
  return Number(line?.split(' ')[1])
}

const isServed = (index: number): Promise<true> =>
  eventually(`certificate ${index} is served`, async () => {
    return (await served()) === (await serialOf(of(index))) && true
  })
const kept = (): Promise<number> => metric('tls_reloads_total{outcome="kept"}')

t.test('renewed under load: nothing fails, and connections that are open go on', async (t) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const sockets = new Set<unknown>()
  agent.on('free', (socket: TLSSocket) => sockets.add(socket))
  const statuses = new Map<number, number>()
  const over = new AbortController()
  const authorization = `Bearer ${await world.lab.token('scientist')}`
  const made: string[] = []
  const submit = async (own?: Agent): Promise<number> => {
    const name = `renewed-${made.length}`
    made.push(name)
    const answer = await send(world.url, ca, `${workspaceId()}/jobs/${name}${VERSION}`, {
      method: 'PUT',
      headers: { authorization, 'content-type': 'application/json' },
      body: '{"properties":{"jobType":"Command"}}',
      ...(own === undefined ? {} : { agent: own }),
    })
    return answer.status
  }
  /** Calls that reach Azure and change something: on a connection that is kept, or a new one each. */
  const load = async (own?: Agent): Promise<void> => {
    while (!over.signal.aborted) {
      const one = await submit(own).catch(() => 0)
      statuses.set(one, (statuses.get(one) ?? 0) + 1)
    }
  }
  const loads = [load(agent), load(), load()]
  for (const index of [1, 2]) {
    await swap(`v${index}`, of(index))
    await isServed(index)
  }
  over.abort()
  await Promise.all(loads)
  agent.destroy()
  t.same([...statuses.keys()], [201], 'no call failed')
  const arrived = world.lab.requests().filter(({ method }) => method === 'PUT')
  t.equal(arrived.length, made.length, 'and none was made twice')
  t.equal(sockets.size, 1, 'the kept connection was never closed')
  const ends = new X509Certificate(await readFile(of(2).certFile)).validToDate.getTime() / 1000
  t.equal(await metric('tls_certificate_not_after_timestamp_seconds'), ends)
  t.match(world.gateway.logs(), /"serial":"[0-9A-F]+".*the certificate was renewed/)
})

t.test('files that cannot be used change nothing until they can', async (t) => {
  const whole = await readFile(of(3).certFile, 'utf8')
  const folder = join(mount, '..bad')
  await mkdir(folder)
  const put = async (name: string, text: string | null): Promise<void> => {
    if (text === null) await rm(join(folder, name))
    else await writeFile(join(folder, name), text)
  }
  const key = await readFile(of(3).keyFile, 'utf8')
  const chain = `${whole}\n${of(3).ca}`
  const faults: readonly (readonly [string, string | null, string | null, RegExp])[] = [
    ['a certificate that is half there', whole.slice(0, 300), key, /not whole/],
    ['its chain half there', chain.slice(0, -200), key, /not whole/],
    ['a chain that ends in a mark', chain.slice(0, whole.length + 9), key, /not whole/],
    ['a key of another', whole, await readFile(of(4).keyFile, 'utf8'), /is not that of/],
    ['no key', whole, null, /cannot be read \(ENOENT\)/],
    ['an empty file', '', key, /not whole, or is not PEM/],
  ]
  await put('tls.key', key)
  for (const [index, [what, cert, keyText, fault]] of faults.entries()) {
    await put('tls.crt', cert)
    await put('tls.key', keyText)
    if (index === 0) {
      await symlink('..bad', join(mount, '..next'))
      await rename(join(mount, '..next'), join(mount, '..data'))
    }
    const { length } = world.gateway.logs()
    // the first one may be that of a look that began before the files were changed
    for (let look = 0; look < 2; look += 1) {
      const before = await kept()
      process.kill(world.gateway.pid, 'SIGHUP')
      await eventually(what, async () => (await kept()) > before)
    }
    await eventually(what, () => fault.test(world.gateway.logs().slice(length)))
    t.equal(await metric('tls_files_sound'), 0)
    t.equal(await served(), await serialOf(of(2)), `${what}: the last good one is served`)
    t.equal(await status(), 200)
    t.equal((await send(world.url, ca, '/_harness/readyz')).status, 200, 'and it stays ready')
  }
  t.notMatch(world.gateway.logs(), /PRIVATE KEY|BEGIN/)
  await put('tls.crt', chain)
  await put('tls.key', key)
  await isServed(3)
  t.equal(await metric('tls_files_sound'), 1)
})

t.test('a certificate that has ended is not taken for one that holds', async (t) => {
  const directory = t.testdir()
  const old = await ensureCertificates(join(directory, 'old'), { now: 1_600_000_000_000 })
  const good = await ensureCertificates(join(directory, 'good'))
  const files = { certFile: join(directory, 'crt'), keyFile: join(directory, 'key') }
  const put = async ({ cert, key }: Certificates): Promise<void> => {
    await writeFile(files.certFile, cert)
    await writeFile(files.keyFile, key)
  }
  await put(good)
  const faults: unknown[] = []
  const log = { info: () => undefined, error: (fields: unknown) => faults.push(fields) }
  const renewal = await createRenewal({ files, now: Date.now })
  const server = createServer(renewal.first?.context ?? {})
  renewal.start(server, log)
  t.teardown(() => renewal.close())
  await put(old)
  await renewal.reload()
  t.same(faults, [{ fault: 'the certificate has ended' }])
})

t.test('a session of a client whose authority is trusted no longer is not taken up', async (t) => {
  const directory = t.testdir()
  const { certFile, keyFile, ca: own } = await ensureCertificates(join(directory, 'server'))
  const [before, after] = [await makeAuthority('before'), await makeAuthority('after')]
  const caFile = join(directory, 'clients.pem')
  await writeFile(caFile, before.ca)
  const files = { certFile, keyFile, clientCertificates: { caFile } }
  const renewal = await createRenewal({ files, now: Date.now })
  const server = createServer({
    ...renewal.first?.context,
    requestCert: true,
    rejectUnauthorized: false,
  })
  const log = { info: () => undefined, error: () => undefined }
  renewal.start(server, log)
  t.teardown(() => {
    renewal.close()
    server.close()
    server.closeAllConnections()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { cert, key } = await before.issue('somebody')

  /** Connects as that client; `session` is one to take up. */
  async function shake(session?: Buffer): Promise<{ own: TLSSocket; peer: TLSSocket }> {
    const there = once(server, 'secureConnection') as Promise<[TLSSocket]>
    const socket = connect({
      port,
      host: '127.0.0.1',
      ca: own,
      cert,
      key,
      servername: 'localhost',
      ...(session === undefined ? {} : { session }),
    })
    t.teardown(() => socket.destroy())
    const [peer] = await there
    return { own: socket, peer }
  }
  const first = await shake()
  const [session] = (await once(first.own.resume(), 'session')) as [Buffer]
  const second = await shake(session)
  t.same([second.peer.authorized, second.peer.isSessionReused()], [true, true], 'nothing changed')
  await writeFile(caFile, after.ca)
  await renewal.reload()
  const third = await shake(session)
  t.same([third.peer.authorized, third.peer.isSessionReused()], [false, false])
})
