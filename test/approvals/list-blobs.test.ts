/** Lists of reviews in a container of Microsoft's storage emulator: what they ask of a large one, counted. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { SignJWT } from 'jose'
import t from 'tap'
import { startAzurite, STORAGE_ACCOUNT } from '../../lab/azure/azurite.ts'
import { ensureCertificates } from '../../lab/identity/ca.ts'
import { NAMES } from '../../src/approvals/documents.ts'
import { createBlobLedger } from '../../src/approvals/ledger/blob.ts'
import { createStore, inBatches } from '../../src/approvals/store.ts'
import { idOf, requestOf } from './documents.ts'
import { counting, DAY, NOW, optionsOf, pageAt, pages, signatures } from './listing.ts'

const MANY = 5_000
const OPEN = 20
/** A request and three lists of names. */
const A_REVIEW = 4

t.setTimeout(240_000)
t.test(`of ${MANY} reviews, those that are listed are read`, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'azureml-harness-blobs-'))
  const certificates = await ensureCertificates(folder)
  setDefaultCACertificates([...getCACertificates('default'), certificates.ca])
  const azurite = await startAzurite(folder, certificates)
  t.teardown(async () => {
    await azurite.close()
    await rm(folder, { recursive: true, force: true })
  })
  await azurite.createContainer('reviews')
  const token = await new SignJWT({ aud: 'https://storage.azure.com', oid: 'ledger' })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('https://sts.windows.net/11111111-1111-4111-8111-111111111111/')
    .setIssuedAt()
    .setNotBefore('-1m')
    .setExpirationTime('1h')
    .sign(new Uint8Array(32))
  const plain = createBlobLedger({
    container: `${azurite.url}/${STORAGE_ACCOUNT}/reviews`,
    credential: { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_000_000 }) },
    timeoutMs: 60_000,
  })
  // of most there are only the names: whoever read one of them would be seen to
  const month = '2026-11'
  const numbers = Array.from({ length: MANY }, (_, number) => number)
  await inBatches(numbers, 64, async (number) => {
    const iat = NOW - DAY - number * 60
    await plain.create(NAMES.asked(month, iat, idOf(number)), '')
  })
  const store = createStore(plain, signatures, () => undefined)
  for (let number = 0; number < OPEN; number++)
    await store.write(requestOf({ id: idOf(MANY + number), iat: NOW - number }))

  const { ledger, take } = counting(plain)
  const options = optionsOf(ledger)
  const { ids } = await pages(options, 'state=open')
  t.equal(ids.length, OPEN)
  const open = take()
  t.ok(open <= 1 + OPEN * A_REVIEW, `${open} questions`)
  const page = await pageAt(options, 'state=all&limit=10')
  t.equal(page.value.length, 10)
  const latest = take()
  t.ok(latest <= 2 + 2 * OPEN * A_REVIEW, `${latest} questions`)
  await options.store.list(idOf(MANY).slice(0, -1))
  const ofChange = take()
  t.ok(ofChange <= 1 + A_REVIEW, `${ofChange} questions for those of one change`)
})
