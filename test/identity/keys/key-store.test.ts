import t from 'tap'
import { Refusal } from '../../../src/errors.ts'
import { ATTEMPT_GAP_MS, FRESH_MS, MAX_STALE_MS } from '../../../src/identity/keys/key-refresh.ts'
import { createKeyStore } from '../../../src/identity/keys/key-store.ts'
import { makeKey, sendJson, startIssuer } from '../support/issuer.ts'
import { codeOf, makeClock } from '../support/world.ts'

const key = await makeKey('one')

async function setUp(test: typeof t) {
  const issuer = await startIssuer()
  test.teardown(() => issuer.close())
  issuer.keys = [key.jwk]
  const clock = makeClock()
  const store = createKeyStore({
    name: 'test',
    issuer: `${issuer.origin}/as`,
    jwksUri: null,
    algorithms: ['RS256'],
    now: clock,
    timeoutMs: 1_000,
    log: () => undefined,
    onWithdrawn: () => undefined,
  })
  const fetches = () => issuer.calls.get('jwks') ?? 0
  return { issuer, clock, store, fetches }
}

void t.test(
  'keys are refreshed at half of their age, with jitter, and not before',
  async (test) => {
    const { clock, store, fetches } = await setUp(test as typeof t)
    await store.maintain()
    test.equal(fetches(), 1)
    clock.ms += FRESH_MS / 2 - 1
    await store.maintain()
    test.equal(fetches(), 1)
    clock.ms += FRESH_MS / 8 + 1
    await store.maintain()
    test.equal(fetches(), 2)
    test.equal(store.state().ageSeconds, 0)
  },
)

void t.test('the last good keys hold for a day of outage and not for longer', async (test) => {
  const { issuer, clock, store } = await setUp(test as typeof t)
  await store.maintain()
  issuer.faults.set('jwks', (_, response) => sendJson(response, { keys: [] }))
  clock.ms += MAX_STALE_MS - 1
  await store.maintain()
  test.equal(await codeOf(store.find('RS256', 'one')), 'accepted')
  test.ok(store.state().usable)
  clock.ms += 1
  test.equal(await codeOf(store.find('RS256', 'one')), 'idp_unavailable')
  test.notOk(store.state().usable)
  issuer.faults.clear()
  clock.ms += 60_000
  test.equal(await codeOf(store.find('RS256', 'one')), 'accepted', 'and it recovers by itself')
})

void t.test('an hour of outage costs at most one attempt in 30 seconds', async (test) => {
  const { issuer, clock, store, fetches } = await setUp(test as typeof t)
  await store.maintain()
  issuer.faults.set('jwks', (_, response) => sendJson(response, {}, 500))
  const before = fetches()
  for (let second = 0; second < 3_600; second += 5) {
    clock.ms += 5_000
    await store.maintain()
    await codeOf(store.find('RS256', `unknown-${second}`))
  }
  const attempts = fetches() - before
  test.ok(attempts > 50, `it keeps trying (${attempts})`)
  test.ok(attempts <= 3_600_000 / ATTEMPT_GAP_MS + 1, `and not too often (${attempts})`)
})

void t.test('an issuer that flaps while it is asked never costs a known key', async (test) => {
  const { issuer, clock, store } = await setUp(test as typeof t)
  await store.maintain()
  let count = 0
  issuer.faults.set('jwks', (request, response) => {
    count += 1
    if (count % 3 === 0) request.socket.destroy()
    else if (count % 3 === 1) sendJson(response, { keys: [{ kty: 'oct', k: 'AA' }] })
    else sendJson(response, { keys: [key.jwk] })
  })
  for (let i = 0; i < 60; i += 1) {
    clock.ms += 61_000
    const [known] = await Promise.all([codeOf(store.find('RS256', 'one')), store.maintain()])
    if (known !== 'accepted') test.fail(`step ${i}: ${known}`)
  }
  test.ok(count > 10, 'it did flap')
})

void t.test(
  'a failing issuer without keys is tried again after 1, 2, 4 and at most 30 seconds',
  async (test) => {
    const { issuer, clock, store } = await setUp(test as typeof t)
    issuer.faults.set('discovery', (_, response) => sendJson(response, {}, 503))
    const start = clock.ms
    const attempts: number[] = []
    for (let last = 0; clock.ms - start < 180_000; clock.ms += 250) {
      await store.maintain()
      const now = issuer.calls.get('discovery') ?? 0
      if (now > last) attempts.push(clock.ms - start)
      last = now
    }
    const gaps = attempts.slice(1).map((at, index) => at - (attempts[index] ?? 0))
    for (const [index, gap] of gaps.entries()) {
      const least = Math.min(1_000 * 2 ** index, 30_000)
      test.ok(gap >= least && gap <= least * 1.25 + 250, `gap ${index} of ${gap} ms`)
    }
    test.ok(gaps.length >= 7)
  },
)

void t.test(
  'a discovery document that turns foreign is an error at the start and no change later',
  async (test) => {
    const { issuer, clock, store } = await setUp(test as typeof t)
    issuer.issuers.set('/as', 'https://evil.test')
    await test.rejects(store.start(), { message: /names another issuer/ })
    issuer.issuers.clear()
    clock.ms += 2_000
    await store.maintain()
    issuer.issuers.set('/as', 'https://evil.test')
    clock.ms += 3_600_000
    await store.maintain()
    test.equal(await codeOf(store.find('RS256', 'one')), 'accepted')
  },
)

void t.test('a refusal for want of keys says when to come back', async (test) => {
  const { issuer, store } = await setUp(test as typeof t)
  issuer.faults.set('discovery', (_, response) => void response.end('<html>'))
  const error: unknown = await store.find('RS256', 'one').catch((reason: unknown) => reason)
  if (!(error instanceof Refusal)) throw new Error('a refusal')
  test.equal(error.status, 503)
  test.ok((error.detail.retryAfter ?? 0) >= 1 && (error.detail.retryAfter ?? 0) <= 30)
})

void t.test('a clock that is set back two days does not stop the refreshes', async (test) => {
  const { clock, store, fetches } = await setUp(test as typeof t)
  await store.maintain()
  clock.ms -= 2 * 86_400_000
  await store.maintain()
  test.equal(fetches(), 2)
  await store.maintain()
  test.equal(fetches(), 2, 'and one is enough')
})
