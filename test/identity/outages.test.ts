import { createServer } from 'node:http'
import { once } from 'node:events'
import t from 'tap'
import { Refusal } from '../../src/errors.ts'
import { sendJson, sign, type Route, type TestIssuer } from './support/issuer.ts'
import { GRAPH_TENANT, makeBadWorld } from './support/bad-world.ts'
import { bearer, codeOf, GROUP, makeWorld, type World } from './support/world.ts'
import { ISSUER_DEFAULTS } from '../support/issuer-defaults.ts'

// too long for test/quick.ts
t.setTimeout(300_000)

const calls = (issuer: TestIssuer, route: Route) => issuer.calls.get(route) ?? 0
const entraToken = async (world: World, changes = {}) =>
  bearer(await sign(world.entraKey, world.entraUser(changes)))

/** Many tokens of one key, all different. */
function tokens(world: World, count: number, changes = {}, header = {}) {
  return Promise.all(
    Array.from({ length: count }, (_, index) =>
      sign(world.entraKey, world.entraUser({ uti: `uti-${index}`, ...changes }), header).then(
        (token) => bearer(token),
      ),
    ),
  )
}

/** How often each code came. */
async function tally(promises: readonly Promise<unknown>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const code of await Promise.all(promises.map(codeOf))) counts[code] = (counts[code] ?? 0) + 1
  return counts
}

void t.test('1,000 cold callers at once cost one discovery and one key set', async (test) => {
  const world = await makeWorld()
  test.teardown(() => world.close())
  const requests = await tokens(world, 1_000)
  const identify = await world.makeIdentify({}, { start: false })
  test.same(await tally(requests.map((one) => identify.identify(one))), { accepted: 1_000 })
  test.equal(calls(world.entra, 'discovery'), 1)
  test.equal(calls(world.entra, 'jwks'), 1)
  test.equal(calls(world.okta, 'jwks'), 0, 'and the other issuer none')
})

void t.test('unknown keys cost one key set in 30 seconds, however many come', async (test) => {
  const world = await makeWorld()
  test.teardown(() => world.close())
  const identify = await world.makeIdentify()
  const before = calls(world.entra, 'jwks')
  for (let window = 1; window <= 3; window += 1) {
    for (let batch = 0; batch < 4; batch += 1) {
      const flood = await Promise.all(
        Array.from({ length: 100 }, async (_, index) =>
          bearer(
            await sign(world.entraKey, world.entraUser(), { kid: `${window}-${batch}-${index}` }),
          ),
        ),
      )
      test.same(await tally(flood.map((one) => identify.identify(one))), { invalid_token: 100 })
    }
    test.equal(calls(world.entra, 'jwks') - before, window)
    world.clock.ms += 30_000
  }
  const [repeated] = await tokens(world, 1, {}, { kid: '3-0-0' })
  if (repeated === undefined) throw new Error('a request')
  test.equal(await codeOf(identify.identify(repeated)), 'invalid_token')
  test.equal(
    calls(world.entra, 'jwks') - before,
    3,
    'one that was asked for is not asked for again',
  )
})

void t.test(
  'a rotated key works at once, and tokens of a withdrawn one do not, cached or not',
  async (test) => {
    const world = await makeBadWorld()
    test.teardown(() => world.close())
    const identify = await world.makeIdentify()
    const old = await entraToken(world)
    await identify.identify(old)
    const next = { ...world.attackerKey, kid: 'next' }
    world.entra.keys = [{ ...next.jwk, kid: 'next' }]
    test.equal(
      await codeOf(identify.identify(bearer(await sign(next, world.entraUser())))),
      'accepted',
    )
    test.equal(await codeOf(identify.identify(old)), 'invalid_token')
  },
)

void t.test(
  'a key that keeps its id and changes its material counts as withdrawn',
  async (test) => {
    const world = await makeBadWorld()
    test.teardown(() => world.close())
    const identify = await world.makeIdentify()
    const old = await entraToken(world)
    await identify.identify(old)
    world.entra.keys = [world.attackerKey.jwk]
    const unknown = bearer(await sign(world.entraKey, world.entraUser(), { kid: 'unheard-of' }))
    test.equal(await codeOf(identify.identify(unknown)), 'invalid_token')
    test.equal(await codeOf(identify.identify(old)), 'invalid_token')
  },
)

void t.test(
  'an issuer that is down at the start gets 503 with Retry-After, and works when it is back',
  async (test) => {
    const world = await makeWorld()
    test.teardown(() => world.close())
    world.entra.faults.set('discovery', (request) => request.socket.destroy())
    const identify = await world.makeIdentify()
    const entra = await entraToken(world)
    const okta = bearer(await sign(world.oktaKey, world.oktaUser()))
    test.equal(await codeOf(identify.identify(okta)), 'accepted', 'the other issuer is not touched')
    test.ok(identify.ready().ok)
    test.match(identify.ready().reasons, [/^issuer "entra": keys none/])
    const attempts = calls(world.entra, 'discovery')
    for (let i = 0; i < 50; i += 1) {
      const refusal = await identify.identify(entra).then(
        () => null,
        (error: unknown) => error,
      )
      if (!(refusal instanceof Refusal)) throw new Error('a refusal')
      test.equal(refusal.code, 'idp_unavailable')
      test.ok((refusal.detail.retryAfter ?? 0) >= 1)
    }
    test.equal(calls(world.entra, 'discovery'), attempts, 'nobody asked again before it was time')
    world.entra.faults.clear()
    world.clock.ms += 40_000
    test.equal(await codeOf(identify.identify(entra)), 'accepted')
    test.same(identify.ready(), { ok: true, reasons: [] })
  },
)

void t.test('an issuer that nobody listens for is an outage too', async (test) => {
  const world = await makeWorld()
  test.teardown(() => world.close())
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a port')
  server.close()
  await once(server, 'close')
  const issuer = `http://127.0.0.1:${address.port}/oauth2/gone`
  world.configs.push({
    name: 'gone',
    profile: 'okta',
    ...ISSUER_DEFAULTS,
    issuer,
    audiences: ['x'],
  })
  const identify = await world.makeIdentify()
  const token = await sign(world.oktaKey, world.oktaUser({ iss: issuer, aud: 'x' }))
  test.equal(await codeOf(identify.identify(bearer(token))), 'idp_unavailable')
})

void t.test('an issuer that hangs holds up nobody else', async (test) => {
  const world = await makeWorld()
  test.teardown(() => world.close())
  const identify = await world.makeIdentify({ timeoutMs: 2_000 })
  const known = await entraToken(world)
  world.entra.faults.set('jwks', () => undefined)
  const waiting = identify.identify(
    bearer(await sign(world.entraKey, world.entraUser(), { kid: 'new' })),
  )
  let answered = false
  const outcome = codeOf(waiting).finally(() => {
    answered = true
  })
  const okta = bearer(await sign(world.oktaKey, world.oktaUser()))
  test.equal(await codeOf(identify.identify(known)), 'accepted')
  test.equal(await codeOf(identify.identify(okta)), 'accepted')
  test.notOk(answered, 'while the one that needs the issuer still waits')
  test.equal(await outcome, 'idp_unavailable')
})

void t.test(
  'Graph is asked with the gateway’s own token, and its answer is the issuer’s groups',
  async (test) => {
    const world = await makeBadWorld()
    test.teardown(() => world.close())
    let body = ''
    world.entra.handlers.set('graph', (request, response, text) => {
      body = `${request.headers.authorization} ${text}`
      sendJson(response, { value: [GROUP.toUpperCase()] })
    })
    const scopes: string[] = []
    const identify = await world.makeIdentify({
      graphToken: (name, scope) => {
        scopes.push(`${name} ${scope}`)
        return Promise.resolve('graph-token')
      },
    })
    const overage = { iss: world.graphIssuer, tid: GRAPH_TENANT, hasgroups: true }
    const { groups } = await identify.identify(await entraToken(world, overage))
    test.same(scopes, [`reader ${world.entra.origin}/.default`])
    test.equal(body, 'Bearer graph-token {"securityEnabledOnly":true}')
    test.same(groups, [`graph/${GRAPH_TENANT}/${GROUP}`])
  },
)

void t.test(
  'while Graph fails it is asked once in each back-off, and others keep working',
  async (test) => {
    const world = await makeBadWorld()
    test.teardown(() => world.close())
    world.entra.handlers.set(
      'graph',
      (_, response) => void response.writeHead(429, { 'retry-after': '20' }).end(),
    )
    const identify = await world.makeIdentify()
    const overage = { iss: world.graphIssuer, tid: GRAPH_TENANT, hasgroups: true }
    const requests = await tokens(world, 100, overage)
    for (const request of requests) {
      test.equal(await codeOf(identify.identify(request)), 'graph_unavailable')
    }
    test.equal(calls(world.entra, 'graph'), 1)
    test.equal(await codeOf(identify.identify(await entraToken(world))), 'accepted')
    world.clock.ms += 20_000
    const people = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        entraToken(world, {
          ...overage,
          oid: `aaaaaaaa-bbbb-4ccc-8ddd-${String(index).padStart(12, '0')}`,
        }),
      ),
    )
    test.same(await tally(people.map((one) => identify.identify(one))), { graph_unavailable: 50 })
    test.equal(
      calls(world.entra, 'graph'),
      2,
      'one tries whether it is back, the others wait for that',
    )
    world.entra.handlers.set('graph', (_, response) => sendJson(response, { value: [] }))
    world.clock.ms += 30_000
    const [one] = people
    if (one === undefined) throw new Error('a request')
    test.equal(await codeOf(identify.identify(one)), 'accepted')
  },
)

void t.test(
  'no token for Graph is an outage of Graph, not a principal without groups',
  async (test) => {
    const world = await makeBadWorld()
    test.teardown(() => world.close())
    const identify = await world.makeIdentify({
      graphToken: () => Promise.reject(new Refusal('identity_unavailable', 'x')),
    })
    const request = await entraToken(world, {
      iss: world.graphIssuer,
      tid: GRAPH_TENANT,
      hasgroups: true,
    })
    test.equal(await codeOf(identify.identify(request)), 'graph_unavailable')
    test.equal(calls(world.entra, 'graph'), 0)
  },
)

void t.test(
  '1,000 callers with one opaque token cost one introspection in 30 seconds',
  async (test) => {
    const world = await makeBadWorld()
    test.teardown(() => world.close())
    const identify = await world.makeIdentify()
    const request = bearer('opaque-token')
    const all = () => tally(Array.from({ length: 1_000 }, () => identify.identify(request)))
    test.same(await all(), { invalid_token: 1_000 }, 'not active')
    test.same(await all(), { invalid_token: 1_000 })
    test.equal(calls(world.okta, 'introspection'), 1)
    world.clock.ms += 30_001
    test.same(await all(), { invalid_token: 1_000 })
    test.equal(calls(world.okta, 'introspection'), 2)
  },
)

void t.test('while introspection fails it is asked once in each back-off', async (test) => {
  const world = await makeBadWorld()
  test.teardown(() => world.close())
  world.okta.faults.set('introspection', (_, response) => sendJson(response, {}, 500))
  const identify = await world.makeIdentify()
  for (let i = 0; i < 100; i += 1) {
    test.equal(await codeOf(identify.identify(bearer(`opaque-${i}`))), 'idp_unavailable')
  }
  test.equal(calls(world.okta, 'introspection'), 1)
})

void t.test(
  'a new key that comes while the budget is spent works half a minute later',
  async (test) => {
    const world = await makeBadWorld()
    test.teardown(() => world.close())
    const identify = await world.makeIdentify()
    const junk = bearer(await sign(world.entraKey, world.entraUser(), { kid: 'junk' }))
    test.equal(await codeOf(identify.identify(junk)), 'invalid_token')
    const next = { ...world.attackerKey, kid: 'next' }
    world.entra.keys = [{ ...next.jwk, kid: 'next' }]
    const rotated = bearer(await sign(next, world.entraUser()))
    test.equal(await codeOf(identify.identify(rotated)), 'invalid_token')
    world.clock.ms += 30_000
    test.equal(await codeOf(identify.identify(rotated)), 'accepted')
  },
)
