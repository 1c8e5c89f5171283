/**
 * Syslog over TLS: against a receiver of our own that breaks, and against a real rsyslog where one is installed.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import t from 'tap'
import {
  batchOf,
  openFor,
  optionsOf,
  rowsOf,
  shipped,
  spoolDirectory,
  type Test,
} from '../../fixtures.ts'
import { ensureCertificates } from '../../../../lab/identity/ca.ts'
import { freePort } from '../../../../lab/server/free-port.ts'
import { createSyslogSink, frameOf, syslog } from '../../../../src/audit/ship/sinks/syslog.ts'
import type { ShippedRow } from '../../../../src/audit/ship/batch.ts'
import { until } from '../../../support/eventually.ts'
import { exchangeOf } from '../../../support/exchange.ts'

const row = (seq: number): ShippedRow =>
  shipped(
    seq,
    `{"RecordKind":"refused","ExchangeId":"e","EventUid":"c:${seq}","EventTime":"2026-11-21T23:00:00.123Z","Reason":"wörk"}`,
  )
const signal = () => AbortSignal.timeout(2_000)

/** Certificates for localhost of a development authority: files of the server's key, its chain, and the authority. */
async function certificate(t: Test): Promise<{ key: string; cert: string; ca: string }> {
  const { keyFile, certFile, caFile } = await ensureCertificates(`${spoolDirectory(t)}/ca`)
  return { key: keyFile, cert: certFile, ca: caFile }
}

/** Frames by octet counting; what is left over is returned too. */
function framesOf(data: Buffer): string[] {
  const frames: string[] = []
  let rest = data
  for (;;) {
    const space = rest.indexOf(' ')
    if (space < 0) return frames
    const length = Number(rest.toString('latin1', 0, space))
    if (rest.length < space + 1 + length) return frames
    frames.push(rest.toString('utf8', space + 1, space + 1 + length))
    rest = rest.subarray(space + 1 + length)
  }
}

async function receiver(t: Test) {
  const { key, cert, ca } = await certificate(t)
  const sockets: TLSSocket[] = []
  const received: Buffer[][] = []
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (socket) => {
    const chunks: Buffer[] = []
    sockets.push(socket)
    received.push(chunks)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const sink = createSyslogSink({
    name: 'y',
    required: true,
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    ca: () => readFileSync(ca, 'utf8'),
    settleMs: 30,
  })
  t.teardown(() => sink.close())
  return { sink, sockets, frames: (n: number) => framesOf(Buffer.concat(received[n] ?? [])) }
}

t.test('a frame counts octets and holds an RFC 5424 message', async (t) => {
  const frame = frameOf(row(5), 'host name')
  const [head = '', ...rest] = frame.toString('utf8').split(' ')
  t.equal(Number(head), frame.length - head.length - 1)
  t.match(
    rest.join(' '),
    /^<108>1 2026-11-21T23:00:00\.123Z host_name azureml-harness - refused \[meta sequenceId="5"\] \ufeff\{"RecordKind"/,
  )
})

t.test('messages arrive over TLS', async (t) => {
  const { sink, frames } = await receiver(t)
  t.same(await sink.send(batchOf([row(1), row(2)]), signal()), { kind: 'accepted' })
  t.equal(frames(0).length, 2)
})

t.test('a connection that dies with a batch in it is not counted, and is replayed', async (t) => {
  const { sink, sockets, frames } = await receiver(t)
  t.same(await sink.send(batchOf([row(1)]), signal()), { kind: 'accepted' })
  setTimeout(() => sockets[0]?.destroy(), 5)
  t.match(await sink.send(batchOf([row(2)]), signal()), { kind: 'retry' })
  t.same(await sink.send(batchOf([row(2)]), signal()), { kind: 'accepted' })
  const texts = frames(1)
  t.equal(texts.length, 2, 'the record before the break came again')
  t.match(texts[0], /"EventUid":"c:1"/)
  t.match(texts[1], /"EventUid":"c:2"/)
})

t.test('a receiver that never completes TLS is given up', async (t) => {
  const server = createTcpServer(() => {})
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const sink = createSyslogSink({ name: 'y', required: true, host: '127.0.0.1', port, ca: null })
  await t.rejects(sink.send(batchOf([row(1)]), AbortSignal.timeout(100)), { message: 'TIMEOUT' })
  server.close()
})

t.test('a receiver with an unknown certificate gets nothing', async (t) => {
  const { key, cert } = await certificate(t)
  let connections = 0
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, () => {
    connections += 1
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const sink = createSyslogSink({
    name: 'y',
    required: true,
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    ca: null,
  })
  await t.rejects(sink.send(batchOf([row(1)]), signal()), {
    message: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  })
  t.equal(connections, 0)
  server.close()
})

t.test('the authority of its file is read again for each connection', async (t) => {
  const { key, cert, ca } = await certificate(t)
  const { ca: other } = await certificate(t)
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (socket) => {
    socket.on('error', () => {}).resume()
    t.teardown(() => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const caFile = `${spoolDirectory(t)}/ca.pem`
  writeFileSync(caFile, readFileSync(other))
  const { port } = server.address() as AddressInfo
  const sink = await syslog.make(
    { kind: 'syslog', name: 'y', required: true, host: '127.0.0.1', port, caFile },
    {} as Parameters<typeof syslog.make>[1],
  )
  t.teardown(() => sink.close())
  await t.rejects(sink.send(batchOf([row(1)]), signal()), {
    message: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  })
  writeFileSync(caFile, readFileSync(ca))
  t.same(await sink.send(batchOf([row(1)]), signal()), { kind: 'accepted' })
  rmSync(caFile)
  await sink.close()
  t.same(await sink.send(batchOf([row(2)]), signal()), { kind: 'accepted' }, 'the last one stays')
})

const rsyslogd = ['/usr/sbin/rsyslogd', '/sbin/rsyslogd'].find((path) => existsSync(path))
const driver = [
  '/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so',
  '/usr/lib/aarch64-linux-gnu/rsyslog/lmnsd_gtls.so',
].some((path) => existsSync(path))
const skip =
  rsyslogd === undefined || !driver ? 'rsyslog with rsyslog-gnutls is not installed' : false

t.test('a real rsyslog has every record', { skip }, async (t) => {
  const directory = spoolDirectory(t)
  const { key, cert, ca } = await certificate(t)
  const output = `${directory}/out.log`
  const port = await freePort()
  writeFileSync(
    `${directory}/rsyslog.conf`,
    `global(workDirectory="${directory}" maxMessageSize="64k" defaultNetstreamDriver="gtls"
  defaultNetstreamDriverCAFile="${ca}" defaultNetstreamDriverCertFile="${cert}" defaultNetstreamDriverKeyFile="${key}")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="raw" type="string" string="%msg%\\n")
input(type="imtcp" port="${port}" address="127.0.0.1" ruleset="all")
ruleset(name="all") { action(type="omfile" file="${output}" template="raw") }
`,
  )
  const daemon = spawn(
    rsyslogd ?? '',
    ['-n', '-f', `${directory}/rsyslog.conf`, '-i', `${directory}/pid`],
    { stdio: 'ignore' },
  )
  t.teardown(async () => {
    daemon.kill('SIGKILL')
    await once(daemon, 'exit')
  })
  const spool = spoolDirectory(t)
  const audit = await openFor(
    t,
    optionsOf(spool, [{ name: 'y', kind: 'syslog', host: '127.0.0.1', port, caFile: ca }], {
      spool: { retentionSeconds: 3_600 },
    }),
  )
  for (let n = 0; n < 50; n += 1) await audit.recorder.refused(exchangeOf())
  t.same(await audit.close(10_000), { unshipped: 0 })
  const read = (): string => (existsSync(output) ? readFileSync(output, 'utf8') : '')
  const uids = rowsOf(spool).map(({ EventUid }) => EventUid)
  await until(() => uids.every((uid) => read().includes(`"EventUid":"${uid}"`)))
  const stored = read()
    .split('\n')
    .filter((line) => line.includes('EventUid'))
    .map((line) => JSON.parse(line.slice(line.indexOf('{'))).EventUid)
  t.same(new Set(stored), new Set(uids))
})
