/**
 * The lab's storage account: SAS that azurite really checks, behind a proxy that lets nothing else pass.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { once } from 'node:events'
import t from 'tap'
import { startLab, type Lab } from '../../lab/lab.ts'
import { STORAGE_HOST, type Storage } from '../../lab/azure/storage.ts'

t.setTimeout(120_000)
let lab: Lab
let storage: Storage
t.before(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'azureml-harness-storage-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  lab = await startLab({ directory, port: 0, storage: true })
  t.teardown(() => lab.close())
  if (lab.storage === null) throw new Error('the lab was asked for storage')
  storage = lab.storage
})

/** Asks the proxy for a tunnel; the answer's status line. */
async function tunnel(
  target: string,
): Promise<{ status: string; socket: ReturnType<typeof connect> }> {
  const { hostname, port } = new URL(storage.egress.url)
  const socket = connect(Number(port), hostname)
  socket.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n\r\n`)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  return { status: answer.toString('latin1').split('\r\n', 1)[0] ?? '', socket }
}

/** One request to the account through the proxy, as an SDK makes it. */
async function ask(
  method: string,
  url: string,
  body = '',
): Promise<{ status: number; text: string }> {
  const { socket } = await tunnel(`${STORAGE_HOST}:443`)
  const tls: TLSSocket = connectTls({
    socket,
    servername: STORAGE_HOST,
    ca: lab.certificates.ca,
  })
  const { pathname, search } = new URL(url)
  tls.write(
    `${method} ${pathname}${search} HTTP/1.1\r\nhost: ${STORAGE_HOST}\r\nconnection: close\r\n` +
      `x-ms-blob-type: BlockBlob\r\nx-ms-version: 2023-11-03\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  let text = ''
  for await (const chunk of tls) text += (chunk as Buffer).toString('latin1')
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1])
  return { status, text: text.slice(text.indexOf('\r\n\r\n') + 4) }
}

t.test('a SAS for a container writes there, and one for a blob reads it', async (t) => {
  const container = await storage.newContainer()
  const put = storage.signed('racwl', container).replace('?', '/a.txt?')
  t.equal((await ask('PUT', put, 'hello')).status, 201)
  t.same(await ask('GET', storage.signed('r', container, 'a.txt')), { status: 200, text: 'hello' })
})

t.test('without a SAS, with a forged one and beyond its permissions azurite refuses', async (t) => {
  const container = await storage.newContainer()
  const url = storage.url(container, 'a.txt')
  t.not((await ask('PUT', url, 'x')).status, 201)
  const signed = storage.signed('rw', container, 'a.txt')
  const forged = signed.replace(/sig=[^&]{4}/, 'sig=AAAA')
  t.equal((await ask('PUT', forged, 'x')).status, 403)
  t.equal((await ask('PUT', storage.signed('r', container, 'a.txt'), 'x')).status, 403)
  const other = await storage.newContainer()
  t.equal((await ask('PUT', signed.replace(container, other), 'x')).status, 403)
  t.equal((await ask('GET', storage.signed('r', container, 'a.txt'))).status, 404, 'nothing came')
})

t.test('the proxy lets storage pass and notes what else was tried', async (t) => {
  const { status, socket } = await tunnel('management.azure.com:443')
  socket.destroy()
  t.equal(status, 'HTTP/1.1 403 Forbidden')
  t.ok(storage.egress.tried().includes('management.azure.com:443'))
  t.ok(storage.egress.tried().includes(`${STORAGE_HOST}:443`))
})

t.test('what reached the account is in its journal', async (t) => {
  const seen = storage.requests().map(({ method }) => method)
  t.ok(seen.includes('PUT'))
  t.ok(seen.includes('GET'))
})

t.test('a name of any characters is signed as it is and escaped in its URL', async (t) => {
  for (const name of ['a b/c#d.txt', 'half 50%/e+f?.txt', 'ä/ø.txt', "it's (1).txt", '%41.txt']) {
    const put = await ask('PUT', storage.signed('cw', 'azureml', name), 'bytes')
    t.equal(put.status, 201, put.text)
    t.same(await ask('GET', storage.signed('r', 'azureml', name)), { status: 200, text: 'bytes' })
  }
})
