/** Ledgers, on a real disk and on Microsoft's storage emulator: created once, whoever tries at the same moment. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { startAzurite, STORAGE_ACCOUNT } from '../../lab/azure/azurite.ts'
import { ensureCertificates } from '../../lab/identity/ca.ts'
import { createBlobLedger } from '../../src/approvals/ledger/blob.ts'
import { createDirectoryLedger } from '../../src/approvals/ledger/directory.ts'
import { LedgerFault, type Ledger } from '../../src/approvals/ledger/ledger.ts'

const folder = await mkdtemp(join(tmpdir(), 'azureml-harness-ledger-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))

async function behaves(t: Test, ledger: Ledger, another: Ledger): Promise<void> {
  const name = 'u/abcdefghijklmnop-1/1.jws'
  t.equal(await ledger.read(name), null)
  t.same(await ledger.list('u/'), [])
  const tries = await Promise.all(
    Array.from({ length: 16 }, async (_, index) =>
      (index % 2 === 0 ? ledger : another).create(name, `document ${index}`),
    ),
  )
  t.equal(tries.filter(Boolean).length, 1, 'one of all who try at once')
  const winner = tries.indexOf(true)
  t.equal(await another.read(name), `document ${winner}`, 'and its document stays')
  t.equal(await ledger.create(name, 'later'), false)
  await ledger.create('u/abcdefghijklmnop-1/10.jws', 'ten')
  await ledger.create('u/bbcdefghijklmnop-1/1.jws', 'other')
  await ledger.create('r/abcdefghijklmnop-1/request.jws', 'request')
  t.same(await another.list('u/abcdefghijklmnop-'), [name, 'u/abcdefghijklmnop-1/10.jws'])
  t.equal((await another.list('u/')).length, 3)
  t.same(await another.list('u/abcdefghijklmnop-1/'), [name, 'u/abcdefghijklmnop-1/10.jws'])
  t.same(await another.list('u/abcdefghijklmnop-1/10'), ['u/abcdefghijklmnop-1/10.jws'])
  t.same(await another.folders('u'), ['abcdefghijklmnop-1', 'bbcdefghijklmnop-1'])
  t.same(await another.folders('o'), [])
  for (const bad of ['u/../x/1.jws', 'u/A/1.jws', '/etc/passwd', 'u/a', 'u/a/../../1.jws'])
    await t.rejects(ledger.create(bad, ''), LedgerFault, bad)
}

t.test('a directory', async (t) => {
  const directory = join(folder, 'reviews')
  await behaves(t, createDirectoryLedger(directory), createDirectoryLedger(directory))
  const left = (await readdir(directory, { recursive: true })).filter((one) => one.includes('tmp'))
  t.same(left, [], 'nothing unfinished is left')
})

t.test('a directory that refuses is a fault, not an empty ledger', async (t) => {
  const directory = join(folder, 'refuses')
  const ledger = createDirectoryLedger(directory)
  await ledger.create('u/abcdefghijklmnop-1/1.jws', 'x')
  const notADirectory = createDirectoryLedger(join(directory, 'u', 'abcdefghijklmnop-1', '1.jws'))
  await t.rejects(notADirectory.list('u/'), LedgerFault)
  await t.rejects(notADirectory.create('u/abcdefghijklmnop-1/2.jws', 'x'), LedgerFault)
})

t.test('a container of blobs', async (t) => {
  const certificates = await ensureCertificates(folder)
  setDefaultCACertificates([...getCACertificates('default'), certificates.ca])
  const azurite = await startAzurite(folder, certificates)
  t.teardown(() => azurite.close())
  await azurite.createContainer('reviews')
  const token = await new SignJWT({ aud: 'https://storage.azure.com', oid: 'ledger' })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('https://sts.windows.net/11111111-1111-4111-8111-111111111111/')
    .setIssuedAt()
    .setNotBefore('-1m')
    .setExpirationTime('1h')
    .sign(new Uint8Array(32))
  const credential = {
    getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_000_000 }),
  }
  const container = `${azurite.url}/${STORAGE_ACCOUNT}/reviews`
  const options = { container, credential, timeoutMs: 10_000 }
  await behaves(t, createBlobLedger(options), createBlobLedger(options))
  const gone = createBlobLedger({ ...options, container: `${container}-gone` })
  await t.rejects(gone.create('u/abcdefghijklmnop-1/1.jws', 'x'), LedgerFault)
  await t.rejects(gone.list('u/'), LedgerFault, 'a list that fails is not an empty one')
})
