/** `approvals verify` of a ledger with grants: it holds, or what is wrong is named. */
import { generateKeyPairSync } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { nameOfGrant, type GrantDocument } from '../../../src/approvals/grants/documents.ts'
import { createGrantStore } from '../../../src/approvals/grants/store.ts'
import { createDirectoryLedger } from '../../../src/approvals/ledger/directory.ts'
import { createSignatures } from '../../../src/approvals/signatures.ts'
import { run } from '../../cli/support/run.ts'
import { ASKER, extension, ID, request, verdict } from './documents.ts'

interface Copy {
  readonly folder: string
  readonly verify: () => Promise<{ readonly status: number; readonly out: string }>
}

async function copyOf(t: Test, documents: readonly GrantDocument[]): Promise<Copy> {
  const directory = t.testdir()
  const folder = join(directory, 'ledger')
  const { privateKey } = generateKeyPairSync('ed25519')
  const keys = await createSignatures([
    privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  ])
  const file = join(directory, 'keys.json')
  await writeFile(file, JSON.stringify(keys.jwks))
  const store = createGrantStore(createDirectoryLedger(folder), keys, () => undefined)
  for (const document of documents) await store.write(document)
  return {
    folder,
    verify: async () => run(['approvals', 'verify', folder, '--keys', file, '-o', 'json'], {}),
  }
}
const more = extension(1)
const SOUND = [
  request(),
  verdict(),
  more,
  verdict({ iat: more.iat + 1 }, request(), more),
  verdict({ verdict: 'end', by: ASKER, groups: [], iat: more.iat + 2 }),
]

t.test('a sound ledger holds', async (t) => {
  const { verify, folder } = await copyOf(t, SOUND)
  const { status, out } = await verify()
  t.equal(status, 0, out)
  t.match(JSON.parse(out), { reviews: 0, grants: 1, documents: 5, faults: [] })
  const name = nameOfGrant(verdict())
  await writeFile(join(folder, name), (await readFile(join(folder, name), 'utf8')).slice(1))
  t.match(await verify(), { status: 1, out: name })
  await rm(join(folder, nameOfGrant(request())))
  t.match(await verify(), { status: 1, out: 'has no request' })
})

t.test('what no gateway would have signed is named', async (t) => {
  const cases: readonly [RegExp, readonly GrantDocument[]][] = [
    [/an extension of it is missing/, [request(), extension(2)]],
    [/approve of okta\/asker is about what is their own/, [request(), verdict({ by: ASKER })]],
    [/okta\/ann is none of its approvers/, [request(), verdict({ groups: [] })]],
    [/approve of okta\/ann is about something else/, [request(), verdict({ n: 1 })]],
    [/longer than its rule gives/, [request({ seconds: 10_000_000 })]],
    [/extension 1 is of something else/, [request(), extension(1, { shown: 'b'.repeat(64) })]],
  ]
  for (const [what, documents] of cases) {
    const { status, out } = await (await copyOf(t, documents)).verify()
    t.equal(status, 1, String(what))
    t.match(out, what)
    t.match(out, ID)
  }
})
