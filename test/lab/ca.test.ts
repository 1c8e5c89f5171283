import { stat, readFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { ensureCertificates } from '../../lab/identity/ca.ts'
import { request } from '../../lab/server/http.ts'

t.test('a client that trusts the authority reaches localhost and 127.0.0.1', async (t) => {
  const made = await ensureCertificates(t.testdir())
  const server = createServer({ key: made.key, cert: made.cert }, (_q, r) => r.end('ok'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  for (const host of ['localhost', '127.0.0.1']) {
    const reply = await request(`https://${host}:${port}/`, { ca: made.ca })
    t.equal(reply.text(), 'ok', host)
  }
  await t.rejects(request(`https://localhost:${port}/`), { code: /SELF_SIGNED|UNABLE_TO/ })
})

t.test('keys are readable by their owner only', async (t) => {
  const directory = t.testdir()
  await ensureCertificates(directory)
  for (const name of ['ca-key.pem', 'server-key.pem']) {
    const { mode } = await stat(`${directory}/${name}`)
    t.equal(mode & 0o777, 0o600, name)
  }
})

t.test('certificates are kept from one start to the next', async (t) => {
  const directory = t.testdir()
  const first = await ensureCertificates(directory)
  const second = await ensureCertificates(directory)
  t.equal(second.ca, first.ca)
  t.equal(second.cert, first.cert)
  t.equal(second.key, await readFile(first.keyFile, 'utf8'))
})

t.test('certificates that end within a week are made anew', async (t) => {
  const directory = t.testdir()
  const first = await ensureCertificates(directory)
  const later = Date.now() + 84 * 86_400_000
  const second = await ensureCertificates(directory, { now: later })
  t.not(second.cert, first.cert)
})

t.test('a name that the certificate does not cover makes a new one', async (t) => {
  const directory = t.testdir()
  const first = await ensureCertificates(directory)
  const second = await ensureCertificates(directory, { names: ['lab'] })
  t.not(second.cert, first.cert)
  const third = await ensureCertificates(directory, { names: ['lab'] })
  t.equal(third.cert, second.cert)
})
