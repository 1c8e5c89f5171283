/**
 * The gateway behind a real HAProxy: records have the client's address, and nobody else's word changes that.
 *
 * Clients are other addresses of this machine's loopback: HAProxy is 127.0.0.2, and the only one that is believed.
 */
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { Agent as PlainAgent, request as plainRequest } from 'node:http'
import { Agent, request } from 'node:https'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { spawnGateway, type Gateway } from '../../../lab/gateway/gateway.ts'
import { workspaceId } from '../../../lab/personas.ts'
import { freePort } from '../../../lab/server/free-port.ts'
import { startLab, type Lab } from '../../../lab/lab.ts'
import type { Config } from '../../../src/config/schema/schema.ts'
import { eventually } from '../../support/eventually.ts'
import { readSpool, type Row } from '../../support/gateway.ts'
import { noHaproxy, startHaproxy } from '../support/haproxy.ts'
import { proxyHeader, proxyHeaderOf } from '../support/proxy-header.ts'

const PROXY = '127.0.0.2'
const CLIENT = '127.0.0.5'
const FORGED = '203.0.113.66'
const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`
const skip = noHaproxy()

let lab: Lab
let token: string
type Name = 'tls' | 'plain' | 'forwarded'
const gateways = new Map<Name, Gateway>()

async function start(name: Name): Promise<void> {
  const by = name === 'forwarded' ? 'x-forwarded-for' : 'proxy-protocol'
  const gateway = await spawnGateway(lab, {
    configFile: join(lab.directory, `${name}.yaml`),
    spool: join(lab.directory, `spool-${name}`),
    waitUntilReady: false,
    change: (config) => {
      const { tls, ...listen } = config.listen
      const plain = { dangerouslyPlainHttpBehindATlsTerminatingProxy: true }
      const face: Config['listen'] = {
        ...listen,
        ...(name === 'plain' || tls === undefined ? plain : { tls }),
        trustedProxies: { addresses: [PROXY], by },
      }
      const unidentified = { burst: 1_000_000 }
      const limits = { ...config.limits, headersTimeoutMs: 3_000, connectionsPerAddress: 12 }
      return { ...config, listen: face, audit: { ...config.audit, unidentified }, limits }
    },
  })
  gateways.set(name, gateway)
  await eventually(`the gateway ${name} answers`, async () => {
    const answer = await get(name, { path: '/_harness/readyz' }).catch(() => null)
    return answer?.status === 200
  })
}

t.before(async () => {
  lab = await startLab({ directory: t.testdir(), port: 0 })
  token = await lab.token('scientist')
  await Promise.all((['tls', 'plain', 'forwarded'] as const).map(start))
})
t.teardown(async () => {
  await Promise.all([...gateways.values()].map((one) => one.stop()))
  await lab.close()
})

function gateway(name: Name): Gateway {
  const one = gateways.get(name)
  if (one === undefined) throw new Error(`${name} was not started`)
  return one
}

interface Get {
  /** HAProxy's; the gateway's own if absent. */
  readonly port?: number
  readonly from?: string
  readonly path?: string
  readonly headers?: Record<string, string | string[]>
  readonly agent?: Agent
  /** On the way to a plain port. */
  readonly plain?: boolean
}
interface Got {
  readonly status: number
  readonly id: string
}

/** A call as that gateway's clients make it. */
function get(name: Name, options: Get = {}): Promise<Got> {
  const { port } = gateway(name)
  const plain = options.plain ?? (name === 'plain' && options.port === undefined)
  const ask = {
    host: '127.0.0.1',
    port: options.port ?? port,
    localAddress: options.from ?? CLIENT,
    path: options.path ?? JOBS,
    headers: { host: `localhost:${port}`, authorization: `Bearer ${token}`, ...options.headers },
    ...(options.agent === undefined ? {} : { agent: options.agent }),
  }
  return new Promise((resolve, reject) => {
    const sent = plain
      ? plainRequest({ ...ask, agent: new PlainAgent() })
      : request({ ...ask, ca: lab.certificates.ca, servername: 'localhost' })
    sent.once('error', reject)
    sent.once('response', (answer) => {
      answer.resume()
      const id = String(answer.headers['x-harness-decision-id'])
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, id }))
    })
    sent.end()
  })
}

const rows = (name: Name): Promise<Row[]> => readSpool(join(lab.directory, `spool-${name}`))
/** Addresses in the records of an exchange, once it has its last one. */
function sources(name: Name, { id }: Got): Promise<unknown[]> {
  return eventually('the last record', async () => {
    const all = (await rows(name)).filter((row) => row['ExchangeId'] === id)
    const whole = all.some((row) => row['RecordKind'] !== 'authorized')
    return whole && [...new Set(all.map((row) => row['SourceIp']))]
  })
}
const refusedFrom = async (name: Name, ip: string): Promise<number> =>
  (await rows(name)).filter((row) => row['SourceIp'] === ip && row['RecordKind'] === 'received')
    .length

/** A connection of `from` on which these bytes are written. */
async function write(name: Name, from: string, ...parts: readonly Buffer[]): Promise<Socket> {
  const { port } = gateway(name)
  const socket = connect({ host: '127.0.0.1', port, localAddress: from, noDelay: true })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  for (const part of parts)
    await new Promise<void>((done) => socket.write(part, () => setImmediate(done)))
  return socket
}

/** All that comes back until the other side closes. */
async function answerOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  if (!socket.closed) await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1')
}
const head = (name: Name, path = '/_harness/whoami'): Buffer =>
  Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: localhost:${gateway(name).port}\r\nConnection: close\r\n\r\n`,
  )
const decisionIn = (answer: string): Got => ({
  status: Number(answer.split(' ')[1]),
  id: /x-harness-decision-id: (\S+)/i.exec(answer)?.[1] ?? '',
})

async function haproxy(t: Test): Promise<Record<'pass' | 'terminate' | 'forward', number>> {
  const { certFile, keyFile } = lab.certificates
  const pem = join(lab.directory, 'haproxy.pem')
  await writeFile(pem, `${await readFile(certFile, 'utf8')}\n${await readFile(keyFile, 'utf8')}`)
  const ports = { pass: await freePort(), terminate: await freePort(), forward: await freePort() }
  const file = join(lab.directory, 'haproxy.cfg')
  const to = (name: Name, how: string): string =>
    `server one 127.0.0.1:${gateway(name).port} source ${PROXY} ${how}`
  await writeFile(
    file,
    `global
  nbthread 1
defaults
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen pass
  mode tcp
  bind 127.0.0.1:${ports.pass}
  ${to('tls', 'send-proxy-v2')}
listen terminate
  mode http
  bind 127.0.0.1:${ports.terminate} ssl crt ${pem}
  ${to('plain', 'send-proxy-v2-ssl')}
listen forward
  mode http
  option forwardfor
  bind 127.0.0.1:${ports.forward} ssl crt ${pem}
  ${to('forwarded', 'ssl verify none')}
`,
  )
  startHaproxy(t, file)
  for (const [name, port] of [
    ['tls', ports.pass],
    ['plain', ports.terminate],
    ['forwarded', ports.forward],
  ] as const)
    await eventually(`HAProxy before ${name}`, async () => {
      const answer = await get(name, { port, path: '/_harness/livez' }).catch(() => null)
      return answer?.status === 200
    })
  return ports
}

t.test('records have the address of the client', { skip }, async (t) => {
  const ports = await haproxy(t)
  const ways = [
    ['tls', ports.pass, 'TLS passed through, PROXY protocol'],
    ['plain', ports.terminate, 'TLS ended by HAProxy, PROXY protocol'],
    ['forwarded', ports.forward, 'X-Forwarded-For'],
  ] as const
  for (const [name, port, what] of ways) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, localAddress: CLIENT })
    for (const call of [1, 2]) {
      const got = await get(name, { port, agent })
      t.equal(got.status, 200, `${what}, call ${call}`)
      t.same(await sources(name, got), [CLIENT], `${what}, call ${call}`)
    }
    agent.destroy()
    const forged = { 'x-forwarded-for': FORGED, forwarded: `for=${FORGED}`, 'x-real-ip': FORGED }
    const refused = await get(name, { port, headers: { ...forged, authorization: '' } })
    t.equal(refused.status, 401)
    t.same(await sources(name, refused), [CLIENT], `${what}, a refusal, with forged headers`)
  }
  const arrived = [...lab.parts.values()]
    .flatMap((part) => part.journal.entries())
    .filter(({ url }) => url.startsWith(workspaceId()))
    .map(({ headers }) => Object.keys(headers))
  t.ok(arrived.length > 0)
  t.same(
    arrived.flat().filter((header) => /forward|real-ip|client-ip|^via$/i.test(header)),
    [],
    'Azure is told of no hop',
  )
})

t.test('from an address that is not listed, a header changes nothing', async (t) => {
  const direct = await get('forwarded', { headers: { 'x-forwarded-for': FORGED } })
  t.equal(direct.status, 200)
  t.same(await sources('forwarded', direct), [CLIENT])
  const header = proxyHeaderOf(FORGED)
  const plain = await answerOf(await write('plain', CLIENT, Buffer.concat([header, head('plain')])))
  t.equal(decisionIn(plain).status, 400)
  t.match(await answerOf(await write('tls', CLIENT, header)), /^(?!HTTP\/1.1 2)/)
  for (const name of ['plain', 'tls'] as const)
    await eventually('the record', async () => (await refusedFrom(name, CLIENT)) > 0)
  for (const name of ['plain', 'tls', 'forwarded'] as const)
    t.equal(await refusedFrom(name, FORGED), 0)
  t.equal((await get('plain')).status, 200, 'without one it is served as itself')
})

t.test('a listed address has to begin with the header', async (t) => {
  const bad = [
    ['no header', head('plain')],
    ['version 1', Buffer.from(`PROXY TCP4 ${FORGED} 127.0.0.1 1 2\r\n`)],
    ['no family of streams', proxyHeader(0x21, 0x12, Array<number>(12).fill(1))],
    ['an end to come', proxyHeaderOf(FORGED).subarray(0, 20)],
  ] as const
  for (const name of ['plain', 'tls'] as const) {
    for (const [what, bytes] of bad) {
      const before = await refusedFrom(name, PROXY)
      t.equal(await answerOf(await write(name, PROXY, bytes)), '', `${name}, ${what}`)
      await eventually('its record', async () => (await refusedFrom(name, PROXY)) === before + 1)
    }
    t.equal(await refusedFrom(name, FORGED), 0)
  }
  const before = await refusedFrom('plain', PROXY)
  for (const command of [proxyHeader(0x20, 0, []), Buffer.alloc(0)]) {
    const probe = await write('plain', PROXY, command)
    probe.destroy()
  }
  const own = await answerOf(await write('plain', PROXY, proxyHeader(0x20, 0, []), head('plain')))
  t.same(await sources('plain', decisionIn(own)), [PROXY], 'LOCAL is the proxy itself')
  t.equal(await refusedFrom('plain', PROXY), before, 'a probe that says nothing is no refusal')
})

t.test('wherever the header is cut, its client is known', async (t) => {
  const whole = Buffer.concat([proxyHeaderOf('198.51.100.9'), head('plain')])
  const cuts = Array.from({ length: 48 }, (_, at) => at + 1)
  const ids: Got[] = []
  for (const cut of cuts) {
    const parts = [whole.subarray(0, cut), whole.subarray(cut)]
    ids.push(decisionIn(await answerOf(await write('plain', PROXY, ...parts))))
  }
  for (const got of ids) t.equal(got.status, 401)
  for (const got of ids) t.same(await sources('plain', got), ['198.51.100.9'])
  // and over TLS, with a byte of the handshake in the packet of the header
  for (const cut of [1, 16, 27, 28]) {
    const header = proxyHeaderOf('198.51.100.10')
    const raw = await write('tls', PROXY, header.subarray(0, cut), header.subarray(cut))
    const tls = connectTls({ socket: raw, ca: lab.certificates.ca, servername: 'localhost' })
    tls.write(head('tls'))
    const got = decisionIn(await answerOf(tls))
    t.same(await sources('tls', got), ['198.51.100.10'])
  }
})

t.test('limits of an address are those of the client', async (t) => {
  const open: Socket[] = []
  t.teardown(() => open.forEach((socket) => socket.destroy()))
  const from = async (ip: string): Promise<Socket> => {
    const socket = await write('plain', PROXY, proxyHeaderOf(ip))
    open.push(socket)
    return socket
  }
  for (let count = 0; count < 12; count += 1) await from('192.0.2.50')
  const one = await from('192.0.2.50')
  t.equal(await answerOf(one), '', 'one too many')
  await eventually('its record', async () => (await refusedFrom('plain', '192.0.2.50')) >= 1)
  const other = await write('plain', PROXY, proxyHeaderOf('192.0.2.51'), head('plain'))
  t.equal(decisionIn(await answerOf(other)).status, 401, 'another client is served')
})

t.test('X-Forwarded-For of a trusted proxy', async (t) => {
  const cases = [
    ['192.0.2.1', '192.0.2.1'],
    [`${FORGED}, 192.0.2.1`, '192.0.2.1'],
    [`nonsense, 192.0.2.1, ${PROXY}`, '192.0.2.1'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['[2001:db8::7]:4711', '2001:db8::7'],
    ['2001:db8::7', '2001:db8::7'],
    [PROXY, PROXY],
    [['192.0.2.1', '192.0.2.2'], '192.0.2.2'],
  ] as const
  for (const [value, expected] of cases) {
    const headers = { 'x-forwarded-for': typeof value === 'string' ? value : [...value] }
    const got = await get('forwarded', { from: PROXY, headers })
    t.equal(got.status, 200)
    t.same(await sources('forwarded', got), [expected], String(value))
  }
  t.same(await sources('forwarded', await get('forwarded', { from: PROXY })), [PROXY])
  for (const value of [
    '',
    'unknown',
    '192.0.2.1,',
    '192.0.2.1:99999',
    '192.0.2.256',
    '[192.0.2.1]',
  ])
    t.match(
      await get('forwarded', { from: PROXY, headers: { 'x-forwarded-for': value } }),
      { status: 400 },
      JSON.stringify(value),
    )
})

t.test('a stop does not wait for a header', async (t) => {
  const waiting = await write('tls', PROXY, proxyHeaderOf(FORGED).subarray(0, 20))
  const one = gateway('tls')
  t.equal((await one.stop()).code, 0)
  t.ok(waiting.destroyed || (await answerOf(waiting)) === '')
})
