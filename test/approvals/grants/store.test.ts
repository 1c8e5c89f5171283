/** Grants in a ledger on a disk: what counts, and what is seen to be forged, altered or in another's place. */
import { generateKeyPairSync } from 'node:crypto'
import { readFile, rm, writeFile, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import { nameOfGrant, type GrantDocument } from '../../../src/approvals/grants/documents.ts'
import { createGrantStore } from '../../../src/approvals/grants/store.ts'
import { createDirectoryLedger } from '../../../src/approvals/ledger/directory.ts'
import { LedgerFault } from '../../../src/approvals/ledger/ledger.ts'
import { createSignatures } from '../../../src/approvals/signatures.ts'
import { extension, ID, request, verdict } from './documents.ts'

const signatures = async () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  return createSignatures([privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()])
}
const ALL: readonly GrantDocument[] = [request(), extension(1), verdict()]

t.test('what was written is read again, by whoever has the keys', async (t) => {
  const folder = t.testdir()
  const keys = await signatures()
  const ledger = createDirectoryLedger(folder)
  const forged: string[] = []
  const store = createGrantStore(ledger, keys, (name) => forged.push(name))
  t.same([...(await store.readAll())], [])
  for (const document of ALL) t.equal(await store.write(document), true)
  t.equal(await store.write(request({ seconds: 1 })), false, 'there is one of that name')
  const whole = { request: request(), extensions: [extension(1)], verdicts: [verdict()] }
  t.same([...(await store.readAll())], [[ID, whole]])
  const other = createGrantStore(ledger, await signatures(), (name) => forged.push(name))
  t.same([...(await other.readAll())], [], 'other keys')
  t.same(forged.sort(), ALL.map(nameOfGrant).sort())
})

t.test('a document that was altered, or put in the place of another, does not count', async (t) => {
  const keys = await signatures()
  const damages: readonly [string, (path: string, folder: string) => Promise<void>][] = [
    [
      'altered',
      async (path) => {
        const text = await readFile(path, 'utf8')
        await writeFile(path, text.replace('"payload":"e', '"payload":"f'))
      },
    ],
    ['empty', async (path) => writeFile(path, '')],
    [
      "in another grant's place",
      async (path, folder) => {
        const text = await readFile(path, 'utf8')
        await rm(path)
        const elsewhere = path.replace(ID, 'ponmlkjihgfedcba-1')
        await mkdir(dirname(elsewhere), { recursive: true })
        await writeFile(elsewhere, text)
        t.ok(elsewhere.startsWith(folder))
      },
    ],
  ]
  for (const [what, damage] of damages) {
    for (const document of ALL) {
      const folder = join(t.testdir(), 'ledger')
      const ledger = createDirectoryLedger(folder)
      const writer = createGrantStore(ledger, keys, () => undefined)
      for (const one of ALL) await writer.write(one)
      await damage(join(folder, nameOfGrant(document)), folder)
      const forged: string[] = []
      const store = createGrantStore(ledger, keys, (name) => forged.push(name))
      const grant = (await store.readAll()).get(ID)
      t.equal(forged.length, 1, `${document.kind} ${what}`)
      await store.readAll()
      t.equal(forged.length, 1, 'it is told once')
      const left = grant === undefined ? 0 : 1 + grant.extensions.length + grant.verdicts.length
      t.equal(left, document.kind === 'grant-request' ? 0 : 2, `${document.kind} ${what}`)
    }
  }
})

t.test('what cannot be read is a fault, and no list of fewer grants', async (t) => {
  const ledger = createDirectoryLedger(t.testdir())
  const keys = await signatures()
  let down = false
  const store = createGrantStore(
    {
      ...ledger,
      async read(name) {
        if (down) throw new LedgerFault('it is down')
        return ledger.read(name)
      },
    },
    keys,
    () => undefined,
  )
  await store.write(request())
  down = true
  await t.rejects(store.readAll(), LedgerFault)
  down = false
  t.equal((await store.readAll()).size, 1)
})
