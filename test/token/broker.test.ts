import t from 'tap'
import { inspect } from 'node:util'
import { createBroker } from '../../src/token/broker.ts'
import { Refusal } from '../../src/errors.ts'
import { ARM, CLIENT_ID, OBJECT_ID, identityEndpoint } from './identity-endpoint.ts'
import type { Broker, BrokerOptions } from '../../src/token/broker.ts'
import type { IdentityConfig } from '../../src/config/schema/schema.ts'
import type { Permit } from '../../src/policy/decide.ts'
import type { Test } from 'tap'
import { until } from '../support/eventually.ts'

const endpoint = await identityEndpoint(t)
const MINUTE = 60_000

interface Fixture {
  broker: Broker
  logged: unknown[]
  clock: { now: number }
}

/** A broker of its own and an endpoint that works, with a clock that stands until it is moved. */
async function fixture(st: Test, options: Partial<BrokerOptions> = {}): Promise<Fixture> {
  await endpoint.down()
  await endpoint.up()
  const clock = { now: Date.now() }
  const logged: unknown[] = []
  const log = {
    warn: (...line: unknown[]) => logged.push(line),
    error: (...line: unknown[]) => logged.push(line),
  }
  endpoint.mode = 'ok'
  endpoint.lifetimeSeconds = 3600
  endpoint.now = () => clock.now
  endpoint.requests.length = 0
  endpoint.tokens.length = 0
  const broker = createBroker({
    identities: { writer: { kind: 'managed-identity', clientId: CLIENT_ID, objectId: OBJECT_ID } },
    now: () => clock.now,
    random: () => 0,
    timeoutMs: 500,
    log,
    ...options,
  })
  st.teardown(() => broker.close())
  return { broker, logged, clock }
}

function permit(identity: string): Permit {
  return { effects: { identity } } as unknown as Permit
}

async function refused(promise: unknown): Promise<Refusal> {
  const error: unknown = await Promise.resolve(promise).then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof Refusal) return error
  throw new Error('was not refused', { cause: error })
}

void t.test('a permit becomes a grant with the identity’s token for the resource', async (st) => {
  const { broker } = await fixture(st)
  const grant = await broker.grant(permit('writer'), ARM)
  st.equal(grant.authorization(), `Bearer ${endpoint.tokens[0]}`)
  st.same(grant.identity, { name: 'writer', clientId: CLIENT_ID, objectId: OBJECT_ID })
  const [request] = endpoint.requests
  st.equal(request?.method, 'GET')
  st.same(Object.fromEntries(request?.url.searchParams ?? []), {
    'api-version': '2019-08-01',
    resource: 'https://management.azure.com',
    client_id: CLIENT_ID,
  })
})

void t.test('row 54: 1,000 cold callers at once cause one call', async (st) => {
  const { broker } = await fixture(st)
  const grants = await Promise.all(
    Array.from({ length: 1000 }, async () => broker.grant(permit('writer'), ARM)),
  )
  st.equal(endpoint.requests.length, 1)
  st.equal(new Set(grants.map((grant) => grant.authorization())).size, 1)
})

void t.test('identities and scopes have tokens of their own', async (st) => {
  const { broker } = await fixture(st, {
    identities: new Map<string, IdentityConfig>([
      ['writer', { kind: 'managed-identity', clientId: CLIENT_ID }],
      ['system', { kind: 'managed-identity' }],
    ]),
  })
  const a = await broker.token('writer', ARM)
  const b = await broker.token('writer', 'https://ml.azure.com/.default')
  const c = await broker.token('system', ARM)
  st.equal(new Set([a.token, b.token, c.token]).size, 3)
  st.equal(endpoint.requests.length, 3)
  st.equal(endpoint.requests[2]?.url.searchParams.get('client_id'), null)
})

void t.test(
  'row 51: with the endpoint down a valid token is served to its last minute',
  async (st) => {
    const { broker, clock } = await fixture(st)
    const { token, expiresAt } = await broker.token('writer', ARM)
    await endpoint.down()
    for (const elapsed of [1, 20, 31, 45, 58]) {
      clock.now = expiresAt - 60 * MINUTE + elapsed * MINUTE
      st.equal((await broker.token('writer', ARM)).token, token, `after ${elapsed} minutes`)
    }
    clock.now = expiresAt - 30_000
    st.equal((await refused(broker.token('writer', ARM))).code, 'identity_unavailable')
  },
)

void t.test(
  'row 52: without a token the answer is 503 in time and one attempt a back-off',
  async (st) => {
    const { broker, clock } = await fixture(st)
    await endpoint.down()
    const first = await refused(broker.grant(permit('writer'), ARM))
    st.equal(first.status, 503)
    st.equal(first.code, 'identity_unavailable')
    st.equal(first.detail.retryAfter, 1)
    await endpoint.up()
    endpoint.mode = { status: 500 }
    const delays: number[] = []
    for (let attempt = 1; attempt <= 7; attempt += 1) {
      clock.now += ((await refused(broker.token('writer', ARM))).detail.retryAfter ?? 0) * 1000
      const before = endpoint.requests.length
      const refusals = await Promise.all(
        Array.from({ length: 50 }, () => refused(broker.token('writer', ARM))),
      )
      await refused(broker.token('writer', ARM))
      st.equal(endpoint.requests.length, before + 1, 'one attempt for 51 callers')
      delays.push(refusals[0]?.detail.retryAfter ?? 0)
    }
    st.same(delays, [2, 4, 8, 16, 30, 30, 30])
  },
)

void t.test('a hanging endpoint is given up in time, before and inside the answer', async (st) => {
  for (const mode of ['hang', 'hang-in-body'] as const) {
    const { broker } = await fixture(st, { timeoutMs: 100 })
    endpoint.mode = mode
    const startedAt = performance.now()
    const refusal = await refused(broker.token('writer', ARM))
    st.equal(refusal.code, 'identity_unavailable')
    st.equal(refusal.detail.inner, 'no answer within 100 ms')
    st.ok(performance.now() - startedAt < 3000)
  }
})

void t.test(
  'a reset, garbage, a redirect and an empty answer are each one attempt and a 503',
  async (st) => {
    const location = `http://127.0.0.1:${endpoint.requests[0]?.url.port ?? 1}/elsewhere`
    for (const mode of [
      'reset' as const,
      { body: '<html>' },
      { status: 302, headers: { location }, body: '' },
      { body: '{}' },
      { status: 404, body: '{}' },
      { status: 429, body: '{}' },
      { status: 410, body: '{}' },
    ]) {
      const { broker } = await fixture(st)
      endpoint.mode = mode
      const refusal = await refused(broker.token('writer', ARM))
      st.equal(refusal.code, 'identity_unavailable', inspect(mode))
      st.equal(endpoint.requests.length, 1, inspect(mode))
    }
  },
)

void t.test('the endpoint’s own Retry-After is heeded, up to five minutes', async (st) => {
  for (const [header, seconds] of [
    ['17', 17],
    ['86400', 300],
    ['soon', 1],
  ] as const) {
    const { broker } = await fixture(st)
    endpoint.mode = { status: 429, headers: { 'retry-after': header } }
    st.equal((await refused(broker.token('writer', ARM))).detail.retryAfter, seconds, header)
  }
})

void t.test(
  'row 53: a token of another audience or identity is refused with 502 and an alarm',
  async (st) => {
    const cases: Record<string, unknown>[] = [
      { aud: 'https://graph.microsoft.com' },
      { aud: ['https://management.azure.com', 'https://graph.microsoft.com'] },
      { aud: 'https://management.azure.com.evil.example' },
      { appid: '33333333-3333-4333-8333-333333333333' },
      { appid: undefined },
      { oid: '33333333-3333-4333-8333-333333333333' },
      { exp: 1 },
      { exp: 'tomorrow' },
    ]
    for (const claims of cases) {
      const { broker, logged } = await fixture(st)
      endpoint.mode = { claims }
      const refusal = await refused(broker.grant(permit('writer'), ARM))
      st.equal(refusal.status, 502, inspect(claims))
      st.equal(refusal.code, 'identity_mismatch')
      st.equal((await refused(broker.grant(permit('writer'), ARM))).code, 'identity_mismatch')
      st.equal(endpoint.requests.length, 1, 'and not asked again at once')
      st.equal(logged.length, 1)
      st.equal(
        broker
          .metrics()
          .flatMap(({ values }) => values)
          .find(({ labels }) => labels['result'] === 'mismatch')?.value,
        1,
      )
    }
  },
)

void t.test(
  'the audience may have a trailing slash or not; ids compare without case',
  async (st) => {
    const { broker } = await fixture(st)
    endpoint.mode = {
      claims: { aud: 'https://management.azure.com/', appid: CLIENT_ID.toUpperCase() },
    }
    await broker.token('writer', ARM)
    endpoint.mode = {
      claims: { aud: 'https://monitor.azure.com', appid: undefined, azp: CLIENT_ID },
    }
    await broker.token('writer', 'https://monitor.azure.com//.default')
    st.equal(endpoint.requests.length, 2)
  },
)

void t.test('an opaque token is refused', async (st) => {
  const { broker } = await fixture(st)
  endpoint.mode = { body: JSON.stringify({ access_token: 'opaque', expires_on: '9999999999' }) }
  st.equal((await refused(broker.token('writer', ARM))).code, 'identity_mismatch')
})

void t.test('a token is refreshed behind the callers from half its life', async (st) => {
  const { broker, clock } = await fixture(st)
  const first = await broker.token('writer', ARM)
  clock.now += 29 * MINUTE
  await broker.token('writer', ARM)
  st.equal(endpoint.requests.length, 1)
  clock.now += 2 * MINUTE
  const held = await Promise.all(Array.from({ length: 50 }, () => broker.token('writer', ARM)))
  st.ok(
    held.every(({ token }) => token === first.token),
    'nobody waits',
  )
  await until(() => endpoint.tokens.length === 2)
  await until(() => broker.metrics()[0]?.values[0]?.value === 2)
  st.equal(endpoint.requests.length, 2, 'one refresh however many callers')
  st.equal((await broker.token('writer', ARM)).token, endpoint.tokens[1])
})

void t.test('refreshes of replicas are spread', async (st) => {
  const { broker, clock } = await fixture(st, { random: () => 0.999 })
  await broker.token('writer', ARM)
  clock.now += 35 * MINUTE
  await broker.token('writer', ARM)
  st.equal(endpoint.requests.length, 1)
  clock.now += 2 * MINUTE
  await broker.token('writer', ARM)
  await until(() => endpoint.requests.length === 2)
  st.equal(endpoint.requests.length, 2)
})

void t.test('a flapping endpoint is not noticed while the token is valid', async (st) => {
  const { broker, clock } = await fixture(st)
  const { token } = await broker.token('writer', ARM)
  let served = 0
  const failures = (): number =>
    broker
      .metrics()
      .flatMap(({ values }) => values)
      .find(({ labels }) => labels['result'] === 'unavailable')?.value ?? 0
  for (let minute = 1; minute < 58; minute += 1) {
    endpoint.mode = minute % 2 === 0 ? { status: 500 } : 'reset'
    clock.now += MINUTE
    const before = failures()
    served += (await broker.token('writer', ARM)).token === token ? 1 : 0
    // the attempt has ended, not only begun: the next minute must not find it under way
    if (minute >= 30) await until(() => failures() > before)
  }
  st.equal(served, 57)
  endpoint.mode = 'ok'
  clock.now += MINUTE
  await broker.token('writer', ARM)
  await until(() => endpoint.tokens.length === 2)
  await until(() => broker.metrics()[0]?.values[0]?.value === 2)
  st.not((await broker.token('writer', ARM)).token, token, 'once it works again the token is new')
})

void t.test('row 55: a token that Azure refused is dropped and the endpoint asked', async (st) => {
  const { broker } = await fixture(st)
  const first = await broker.token('writer', ARM)
  broker.invalidate('writer', ARM, first.token)
  const second = await broker.token('writer', ARM)
  st.not(second.token, first.token)
  broker.invalidate('writer', ARM, first.token)
  st.equal((await broker.token('writer', ARM)).token, second.token, 'a late refusal of the old one')
  st.equal(endpoint.requests.length, 2)
})

void t.test(
  'tokens refused again and again do not become an attack on the endpoint',
  async (st) => {
    const { broker, clock } = await fixture(st)
    for (let call = 0; call < 100; call += 1) {
      const { token } = await broker.token('writer', ARM)
      broker.invalidate('writer', ARM, token)
      clock.now += 100
    }
    st.equal(endpoint.requests.length, 2)
  },
)

void t.test('a token appears in no log line, error, metric or inspection', async (st) => {
  const { broker, logged, clock } = await fixture(st)
  const seen: unknown[] = [broker]
  const grant = await broker.grant(permit('writer'), ARM)
  const credential = broker.credential('writer')
  seen.push(grant, credential, broker.metrics(), broker.ready(), Object.entries(broker))
  endpoint.mode = { claims: { aud: 'https://graph.microsoft.com' } }
  broker.invalidate('writer', ARM)
  seen.push(await refused(broker.token('writer', ARM)))
  clock.now += 5 * MINUTE
  endpoint.mode = { body: `x${endpoint.tokens[0]}` }
  seen.push(await refused(broker.token('writer', ARM)))
  clock.now += 5 * MINUTE
  endpoint.mode = { status: 500, body: endpoint.tokens[0] ?? '' }
  seen.push(await refused(broker.token('writer', ARM)), logged)
  const text = seen
    .map((value) => inspect(value, { depth: 20, showHidden: true }) + JSON.stringify(value))
    .join('\n')
  for (const token of endpoint.tokens) {
    for (const part of token.split('.').slice(1)) st.notOk(text.includes(part.slice(0, 12)))
  }
  st.notOk(text.includes('secret-of-the-endpoint'))
  st.equal(logged.length, 3)
})

void t.test(
  'the credential for Azure’s clients shares the cache and never says that it has time left',
  async (st) => {
    const { broker, clock } = await fixture(st)
    const credential = broker.credential('writer')
    const tokens = await Promise.all(Array.from({ length: 20 }, () => credential.getToken([ARM])))
    st.equal(endpoint.requests.length, 1)
    st.ok(tokens.every(({ token }) => token === endpoint.tokens[0]))
    st.equal(tokens[0]?.expiresOnTimestamp, clock.now)
    st.ok(credential.getToken.length > 0, 'azure-core tells credentials by it')
    await st.rejects(credential.getToken([ARM, 'https://monitor.azure.com/.default']), TypeError)
  },
)

void t.test(
  'readiness names who is without a token and fails only if nobody has one',
  async (st) => {
    const { broker, clock } = await fixture(st)
    st.same(broker.ready(), { ok: true, reasons: [] })
    const { expiresAt } = await broker.token('writer', ARM)
    await endpoint.down()
    await refused(broker.token('writer', 'https://ml.azure.com/.default'))
    st.same(broker.ready(), {
      ok: true,
      reasons: ['identity writer has no token for https://ml.azure.com/.default'],
    })
    clock.now = expiresAt
    await refused(broker.token('writer', ARM))
    st.equal(broker.ready().ok, false)
    st.equal(broker.ready().reasons.length, 2)
  },
)

void t.test(
  'an identity that is not configured is a refusal, also under the names of objects',
  async (st) => {
    const { broker } = await fixture(st)
    for (const name of ['nobody', '__proto__', 'constructor', 'toString']) {
      st.equal((await refused(broker.grant(permit(name), ARM))).code, 'identity_unavailable')
    }
  },
)

void t.test('closing ends what is under way and refuses what comes after', async (st) => {
  const { broker } = await fixture(st, { timeoutMs: 60_000 })
  endpoint.mode = 'hang'
  const waiting = refused(broker.token('writer', ARM))
  await until(() => endpoint.requests.length === 1)
  broker.close()
  st.equal((await waiting).code, 'identity_unavailable')
  st.equal((await refused(broker.token('writer', ARM))).code, 'not_ready')
})

void t.test('a clock that was set back keeps nobody waiting', async (st) => {
  const { broker, clock } = await fixture(st)
  endpoint.mode = { status: 500 }
  await refused(broker.token('writer', ARM))
  endpoint.mode = 'ok'
  clock.now -= 60 * MINUTE
  await broker.token('writer', ARM)
  st.equal(endpoint.tokens.length, 1)
})
