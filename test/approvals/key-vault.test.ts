/** Reviews signed with a key that never leaves its vault: @azure/keyvault-keys against the lab's vault. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import { spawnGateway } from '../../lab/gateway/gateway.ts'
import type { KeyVault } from '../../lab/azure/key-vault.ts'
import { IDENTITIES } from '../../lab/personas.ts'
import { openVaultKey, type VaultKeyOptions } from '../../src/approvals/key-vault.ts'
import { eventually } from '../support/eventually.ts'
import { reviewIn, startReviewing, V, W, type Reviewing } from './support.ts'
import { run } from '../cli/support/run.ts'

const identity = 'ml-writer'
type Keys = NonNullable<ConfigFile['approvals']>['keys']

let reviewing: Reviewing
let vault: KeyVault
let first: string
/** What the gateway is configured with when it starts next. */
let keys: Keys = []
let keyFile = ''
t.before(async () => {
  // from here on, the vault's name leads to this machine for this process, too
  await import(new URL('../../lab/server/localhost-names.mjs', import.meta.url).href)
  reviewing = await startReviewing({
    lab: { vault: true },
    change: (config, lab) => {
      const { approvals } = config
      if (lab.vault === null || approvals === undefined) throw new Error('there is no vault')
      if (keys.length === 0) {
        vault = lab.vault
        first = vault.create('aml-review')
        keys = [{ keyVault: first, identity }, ...approvals.keys]
      }
      return {
        ...config,
        limits: { ...config.limits, upstreamTimeoutMs: 3_000 },
        approvals: { ...approvals, keys },
      }
    },
  })
  keyFile = reviewing.keyFile
})
t.teardown(() => reviewing.close())
t.setTimeout(240_000)

const endpoint = { location: 'eastus', properties: { authMode: 'AADToken' } }
const put = async (name: string) =>
  reviewing.call('scientist', 'PUT', `${W}/onlineEndpoints/${name}${V}`, endpoint)
const documents = async (): Promise<readonly string[]> =>
  (await readdir(reviewing.ledger, { recursive: true })).filter((name) => name.endsWith('.jws'))
const algorithms = async (): Promise<ReadonlySet<unknown>> => {
  const all = new Set<unknown>()
  for (const name of await documents()) {
    const jws = JSON.parse(await readFile(join(reviewing.ledger, name), 'utf8')) as {
      protected: string
    }
    const header = JSON.parse(Buffer.from(jws.protected, 'base64url').toString()) as { alg: string }
    all.add(header.alg)
  }
  return all
}

t.test('asked for, approved and made: each document is signed in the vault', async (t) => {
  const asked = await put('in-vault')
  t.equal(asked.code, 'approval_required', asked.text)
  t.equal((await reviewing.approve('reviewer', reviewIn(asked).id)).status, 200)
  const made = await put('in-vault')
  t.equal(made.status, 201, made.text)
  await reviewing.world.settled(made)
  t.same([...(await algorithms())], ['ES256'])
  const signed = vault.requests().filter(({ url }) => url.includes('/sign?'))
  t.ok(signed.length >= (await documents()).length)
  t.equal(
    signed.at(-1)?.claims?.['appid'],
    IDENTITIES.find(({ name }) => name === identity)?.clientId,
  )
})

t.test('the public set has both kinds, and proves a copy of the ledger', async (t) => {
  const answer = await reviewing.world.send('/_harness/keys')
  t.match(answer.json(), { keys: [{ alg: 'ES256', crv: 'P-256' }, { alg: 'EdDSA' }] })
  t.notMatch(answer.text, /"d":/)
  const file = join(reviewing.ledger, '..', 'keys.json')
  await writeFile(file, answer.text)
  const verified = await run(['approvals', 'verify', reviewing.ledger, '--keys', file])
  t.equal(verified.status, 0, verified.out + verified.err)
  const { keys: set } = answer.json() as { keys: object[] }
  await writeFile(file, JSON.stringify({ keys: set.slice(1) }))
  const without = await run(['approvals', 'verify', reviewing.ledger, '--keys', file])
  t.equal(without.status, 1, 'not without the key of the vault')
})

const faults: Readonly<Record<string, [object, string | RegExp]>> = {
  'it throttles': [{ status: 429, headers: { 'retry-after': '7' } }, '7'],
  'it fails': [{ status: 500 }, /^\d+$/],
  'it forbids': [{ status: 403, body: { error: { code: 'Forbidden' } } }, /^\d+$/],
  'it cuts the connection': [{ reset: true }, /^\d+$/],
  'it does not answer': [{ hang: true }, /^\d+$/],
}
for (const [name, [fault, wait]] of Object.entries(faults)) {
  t.test(`a verdict while the vault is not to be had is not given: ${name}`, async (t) => {
    const { id } = reviewIn(await put('is-down'))
    const before = await documents()
    vault.part.faults.add({ match: { path: '/sign' }, times: 0, ...fault })
    const refused = await reviewing.approve('reviewer', id)
    t.equal(refused.status, 503, refused.text)
    t.equal(refused.code, 'approvals_unavailable')
    t.match(refused.headers['retry-after'], wait)
    t.notMatch(refused.text, /keys\/aml-review|ml-writer/)
    // what is asked for anew is not, either
    t.equal((await put('is-down-too')).code, 'approvals_unavailable')
    t.same(await documents(), before, 'nothing is written')
    vault.part.faults.clear()
    const rows = await reviewing.world.settled(refused)
    t.match(rows.at(-1), { RefusalCode: 'approvals_unavailable' })
    t.equal((await put('is-down')).code, 'approval_required', 'not approved')
  })
}

t.test('an approved call while the vault is not to be had is not made', async (t) => {
  const { id } = reviewIn(await put('is-late'))
  t.equal((await reviewing.approve('reviewer', id)).status, 200)
  await reviewing.world.clear()
  vault.part.faults.add({ match: { path: '/sign' }, status: 503 })
  const refused = await put('is-late')
  t.equal(refused.code, 'approvals_unavailable', refused.text)
  t.same(
    reviewing.world.lab.requests().filter(({ method }) => method !== 'GET'),
    [],
  )
  t.equal((await put('is-late')).status, 201, 'and later it is')
})

t.test('how a use ended is written once the vault is to be had again', async (t) => {
  const { id } = reviewIn(await put('is-retried'))
  t.equal((await reviewing.approve('reviewer', id)).status, 200)
  // the use is signed, and then how it ended
  vault.part.faults.add({ match: { path: '/sign' }, skip: 1, status: 429 })
  t.equal((await put('is-retried')).status, 201)
  await eventually('the outcome is written', async () =>
    (await documents()).some((name) => name.startsWith(`o/${id}/`)),
  )
  vault.part.faults.clear()
})

t.test(
  'a key that is disabled or has expired signs nothing, and signs again when it is valid',
  async (t) => {
    const { id } = reviewIn(await put('is-off'))
    for (const settings of [{ enabled: false }, { exp: 1_000 }, { nbf: 4_000_000_000 }]) {
      const before = await documents()
      vault.change(first, settings)
      t.equal((await reviewing.approve('reviewer', id)).status, 503)
      t.same(await documents(), before)
      const shown = await reviewing.call('reviewer', 'GET', `/_harness/api/reviews/${id}`)
      t.match(shown.json(), { state: 'open' }, 'what is signed already can be read')
      vault.change(first, { enabled: true, exp: 4_000_000_000, nbf: 1_000 })
    }
    t.equal((await reviewing.approve('reviewer', id)).status, 200)
  },
)

t.test('the next version signs, and what the last one signed still counts', async (t) => {
  const { id } = reviewIn(await put('is-rotated'))
  t.equal((await reviewing.approve('reviewer', id)).status, 200)
  const second = vault.create('aml-review')
  keys = [{ keyVault: second, identity }, ...keys]
  // a key that only verifies may have ended
  vault.change(first, { exp: 1_000 })
  await reviewing.world.gateway.stop()
  await reviewing.world.restart()
  const { keys: set } = (await reviewing.world.send('/_harness/keys')).json() as { keys: object[] }
  t.equal(set.length, 3)
  const made = await put('is-rotated')
  t.equal(made.status, 201, made.text)
  vault.lie()
  t.equal((await put('is-lied-about')).code, 'approvals_unavailable', 'what it signs is verified')
})

const credential = {
  async getToken(scopes: string | string[]) {
    const [ours] = IDENTITIES
    const resource = String(scopes).replace('/.default', '')
    if (ours === undefined) throw new Error('there is no identity')
    const token = await reviewing.world.lab.identities.mint(ours, resource)
    return { token, expiresOnTimestamp: Date.now() + 3_000_000 }
  },
}
const open = async (id: string, more: Partial<VaultKeyOptions> = {}) =>
  openVaultKey({ id, credential, signs: true, timeoutMs: 1_500, now: Date.now, ...more })

t.test('a key that cannot be used, in words', async (t) => {
  const later = 4_000_000_000
  const unusable: Readonly<Record<string, [string, RegExp]>> = {
    'another curve': [
      vault.create('large', { curve: 'P-384' }),
      /its curve is P-384, and not P-256/,
    ],
    'no signing': [vault.create('reads', { operations: ['verify'] }), /none of its operations/],
    disabled: [vault.create('off', { enabled: false }), /answered 403 Forbidden KeyDisabled/],
    expired: [vault.create('old', { exp: 1_000 }), /it has expired/],
    'not yet': [vault.create('new', { nbf: later }), /it is not valid yet/],
    'no such version': [first.replace(/.{32}$/, '0'.repeat(32)), /answered 404 KeyNotFound/],
    'no such vault': [first.replace(/:\d+/, ':1'), /cannot be reached \(ECONNREFUSED\)/],
  }
  for (const [name, [id, words]] of Object.entries(unusable))
    await t.rejects(open(id), { message: words }, name)
  for (const name of ['reads', 'old', 'new'] as const) {
    const id = vault.create(name, { operations: ['verify'], exp: 1_000 })
    t.equal((await open(id, { signs: false })).algorithm, 'ES256', 'others verify')
  }
  const fine = vault.create('fine')
  const failing: readonly [object, RegExp][] = [
    [{ hang: true }, /did not answer in time/],
    [
      { status: 403, body: { error: { code: 'Forbidden' } } },
      /needs the role Key Vault Crypto User/,
    ],
    [{ status: 500 }, /answered 500/],
  ]
  for (const [fault, words] of failing) {
    vault.part.faults.add({ match: { path: '/keys/fine' }, times: 0, ...fault })
    await t.rejects(open(fine), { message: words })
    vault.part.faults.clear()
  }
})

t.test('the gateway does not start with such a key, and says why', async (t) => {
  const id = vault.create('unfit', { curve: 'P-384' })
  const start = spawnGateway(reviewing.world.lab, {
    spool: t.testdir(),
    change: (config) => ({
      ...config,
      approvals: {
        keys: [{ keyVault: id, identity }, { fromFile: keyFile }],
        ledger: { directory: reviewing.ledger },
      },
    }),
  })
  await t.rejects(start, {
    message: /the key https:.*\/keys\/unfit\/.* cannot be used: its curve is P-384/,
  })
})
