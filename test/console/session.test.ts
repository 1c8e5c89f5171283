/** Sessions: how long they hold, for whom, and with which groups. */
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { createFormTokens, TOKEN_FIELD } from '../../src/console/form.ts'
import { createSeals } from '../../src/console/sealed.ts'
import { createSessions } from '../../src/console/session.ts'
import type { Principal } from '../../src/identity/principal.ts'

const START = Date.UTC(2026, 10, 29, 12)
const seconds = START / 1_000
const principal: Principal = {
  kind: 'user',
  id: 'entra/t/o',
  issuer: 'entra',
  tenant: 't',
  client: 'c',
  groups: ['entra/t/g'],
  roles: [],
  scopes: ['user_impersonation'],
  resourceId: null,
  workspace: null,
  methods: ['pwd', 'mfa'],
  issuedAt: seconds,
  expiresAt: seconds + 7_200,
  authenticatedAt: seconds - 60,
  tokenId: 'u',
  challengeable: false,
}

function make(named: readonly string[] = []) {
  const state = { now: START, version: 'a' }
  const seals = createSeals([randomBytes(32)])
  const sessions = createSessions({
    seals,
    countingGroups: ({ groups }) => groups.filter((one) => named.includes(one)),
    policyVersion: () => state.version,
    now: () => state.now,
  })
  const open = async (set: string) => sessions.open(set.split(';')[0])
  return { state, sessions, open, seals }
}

t.test('it holds the principal as it was verified, for an hour at most', async (t) => {
  const { state, sessions, open } = make()
  const cookie = await sessions.begin(principal)
  t.match(cookie, /^__Host-harness=[^;]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=\d+$/u)
  const opened = await open(cookie)
  t.match(opened, { state: 'signed-in', session: { principal, policies: null } })
  state.now = START + 3_599_000
  t.match(await open(cookie), { state: 'signed-in' })
  state.now = START + 3_600_000
  t.same(await open(cookie), { state: 'over', issuer: 'entra' })
})

t.test('it ends with the token that it was made of', async (t) => {
  const { state, sessions, open } = make()
  const cookie = await sessions.begin({ ...principal, expiresAt: seconds + 60 })
  state.now = START + 60_000
  t.same(await open(cookie), { state: 'over', issuer: 'entra' })
})

t.test('it is for people', async (t) => {
  const { sessions } = make()
  for (const kind of ['service', 'compute'] as const)
    await t.rejects(sessions.begin({ ...principal, kind }), { code: 'insufficient_scope' })
})

t.test('more groups than a cookie holds: those that count, until policies change', async (t) => {
  const groups = Array.from({ length: 200 }, (_, index) => `entra/t/${'g'.repeat(30)}${index}`)
  const { state, sessions, open } = make(groups.slice(0, 3))
  const cookie = await sessions.begin({ ...principal, groups })
  t.ok(cookie.length < 4_096)
  t.match(await open(cookie), {
    state: 'signed-in',
    session: { principal: { groups: groups.slice(0, 3) }, policies: 'a' },
  })
  state.version = 'b'
  t.same(await open(cookie), { state: 'over', issuer: 'entra' })
  await t.rejects(make(groups).sessions.begin({ ...principal, groups }), {
    code: 'insufficient_scope',
    message: 'you have more groups than a browser can keep',
  })
})

t.test('the field of a form is for one person, one path and half a day', async (t) => {
  const { state, seals } = make()
  const tokens = createFormTokens(seals, () => state.now)
  const fields = new Map([[TOKEN_FIELD, tokens.issue('a', '/x')]])
  t.doesNotThrow(() => tokens.check('a', '/x', fields))
  const refusal = { code: 'cross_site_request' }
  t.throws(() => tokens.check('b', '/x', fields), refusal)
  t.throws(() => tokens.check('a', '/y', fields), refusal)
  t.throws(() => tokens.check('a', '/x', new Map()), refusal)
  state.now = START + 12 * 3_600_000
  t.throws(() => tokens.check('a', '/x', fields), refusal)
})
