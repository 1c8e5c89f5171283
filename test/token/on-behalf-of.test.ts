/**
 * On behalf of the caller, through the whole gateway: an application without a secret, federated by a managed identity,
 * exchanges the caller's token at the tenant's token endpoint. It goes there and nowhere else; Azure sees the exchanged
 * one only.
 */
import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Entry } from '../../lab/server/journal.ts'
import type { PartName } from '../../lab/parts.ts'
import {
  IDENTITIES,
  ON_BEHALF_OF_CLIENT,
  PERSONAS,
  RESOURCE_GROUP,
  SUBSCRIPTION,
  TENANT,
  WORKSPACE,
  workspaceId,
} from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'
import type { Answer, Send } from '../support/send.ts'

t.setTimeout(300_000)
const W = workspaceId()
const VERSION = 'api-version=2024-04-01'
const JOBS = `${W}/jobs?${VERSION}`
const CANARY = 'canary0b0ca11er'
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const FEDERATION = 'api://AzureADTokenExchange'
const TIMEOUT_MS = 1_000

/** Everybody may, under their own rights at Azure. */
const POLICY = `
@id("as-themselves")
@reason("in ${WORKSPACE} all act under their own rights at Azure")
@identity("as-caller")
permit (principal, action, resource in Workspace::"${W.toLowerCase()}");
`

const policies = await ownPolicies({
  'as-themselves.cedar': POLICY,
  'bindings.yaml': 'identities: [as-caller, ml-reader, ml-writer]\nbindings: []\n',
})
const world: World = await startGateway({
  gateway: (lab) => ({
    change: (config) => {
      const { regions: _learnt, ...cloud } = config.cloud
      return policies.change({
        ...config,
        cloud,
        limits: { ...config.limits, tokenTimeoutMs: TIMEOUT_MS },
        identities: {
          ...config.identities,
          'as-caller': {
            kind: 'on-behalf-of',
            tenantId: TENANT,
            clientId: ON_BEHALF_OF_CLIENT,
            federatedBy: 'ml-reader',
            authorityHost: lab.urls.tokenService,
          },
        },
      })
    },
  }),
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

const oidOf = (name: string): string => {
  const persona = PERSONAS.get(name)
  return persona?.kind === 'entra-user' ? persona.oid : ''
}
const journal = (part: PartName): readonly Entry[] =>
  world.lab.parts.get(part)?.journal.entries() ?? []
const exchanges = (): URLSearchParams[] =>
  journal('token-service')
    .filter(({ url }) => url.includes('/oauth2/v2.0/token'))
    .map(({ body }) => new URLSearchParams(body ?? ''))
/** Tokens of the same persona are all different. */
const tokenOf = (name: string, claims: object = {}): Promise<string> =>
  world.lab.token(name, { claims: { canary: CANARY, ...claims } })
const call = (token: string, path = JOBS, init: Send = {}): Promise<Answer> =>
  world.send(path, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } })
/** What must not be found elsewhere of a token: its claims, and its signature. */
const partsOf = (token: string): string[] => token.split('.').slice(1)
const upstreamOid = (): unknown => world.lab.requests().at(-1)?.claims?.['oid']

/** Another application of this person: nobody else's, and nothing kept is in the way. */
type Fault = Parameters<World['fault']>[1]

async function throughout<T>(fault: Fault, run: () => Promise<T>): Promise<T> {
  await world.fault('tokenService', { times: 0, match: { path: '/oauth2/v2.0/token' }, ...fault })
  return run().finally(() => world.lab.parts.get('token-service')?.faults.clear())
}

const whileFailing = async (fault: Fault, token: string): Promise<Answer> =>
  throughout(fault, () => call(token))

async function refusedOnce(test: typeof t, answer: Answer, before: number): Promise<void> {
  test.equal(world.lab.requests().length, before, 'nothing is forwarded')
  const rows = await world.settled(answer)
  test.match(rows, [{ RecordKind: 'refused', RefusalCode: answer.code, Status: answer.status }])
  test.equal(rows.length, 1, 'one record')
}

void t.test(
  'the caller’s token is exchanged, and azure sees the exchanged one only',
  async (test) => {
    const token = await tokenOf('scientist')
    const answer = await call(token)
    test.equal(answer.status, 200, answer.text)
    const [form, ...others] = exchanges()
    test.same(others, [], 'one exchange')
    test.match(Object.fromEntries(form ?? []), {
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      requested_token_use: 'on_behalf_of',
      client_id: ON_BEHALF_OF_CLIENT,
      client_assertion_type: ASSERTION,
      assertion: token,
    })
    test.notOk(form?.has('client_secret'), 'there is no secret')
    const asked = journal('identity').map(({ url }) => new URL(url, 'http://x').searchParams)
    const federation = asked.filter((one) => one.get('resource') === FEDERATION)
    const reader = IDENTITIES.find(({ name }) => name === 'ml-reader')
    test.same(
      federation.map((one) => one.get('client_id')),
      [reader?.clientId],
      'the application is federated by the managed identity',
    )
    const seen = world.lab.requests().at(-1)
    test.match(seen?.claims, {
      appid: ON_BEHALF_OF_CLIENT,
      oid: oidOf('scientist'),
      aud: 'https://management.azure.com',
      idtyp: 'user',
    })
    const completed = (await world.settled(answer)).at(-1)
    test.match(completed, {
      RecordKind: 'completed',
      PrincipalId: `entra/${TENANT}/${oidOf('scientist')}`,
      IdentityName: 'as-caller',
      UpstreamPrincipalClientId: ON_BEHALF_OF_CLIENT,
      UpstreamPrincipalOid: oidOf('scientist'),
    })
  },
)

void t.test('each caller has a token of their own, exchanged once', async (test) => {
  const before = exchanges().length
  const people = await Promise.all(['scientist', 'reviewer'].map((name) => tokenOf(name)))
  const answers = await Promise.all(
    people.flatMap((token) => Array.from({ length: 20 }, () => call(token))),
  )
  test.same([...new Set(answers.map(({ status }) => status))], [200])
  test.equal(exchanges().length - before, people.length)
  for (const [i, name] of ['scientist', 'reviewer'].entries()) {
    await call(people[i] ?? '')
    test.equal(upstreamOid(), oidOf(name))
  }
})

void t.test('a change goes out under the caller’s own rights, too', async (test) => {
  const token = await tokenOf('reviewer')
  const answer = await call(token, `${W}/jobs/theirs?${VERSION}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: '{"properties":{"jobType":"Command"}}',
  })
  test.equal(answer.status, 201, answer.text)
  test.equal(upstreamOid(), oidOf('reviewer'))
})

void t.test('the host of an endpoint is asked for under the caller’s own rights', async (test) => {
  const token = await tokenOf('scientist')
  await call(token, `${W}/onlineEndpoints/e?${VERSION}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: '{"properties":{"authMode":"AADToken"}}',
  })
  await world.clear()
  const path = `/_score/${SUBSCRIPTION}/${RESOURCE_GROUP}/${WORKSPACE}/e/score`
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }
  const answer = await call(token, path, init)
  test.equal(answer.status, 200, answer.text)
  const parts = world.lab.requests().map(({ part, claims }) => [part, claims?.['oid']])
  const oid = oidOf('scientist')
  test.same(parts, [
    ['arm', oid],
    ['scoring', oid],
  ])
})

void t.test('azure refuses the exchanged token: it is exchanged again, once', async (test) => {
  const token = await tokenOf('scientist')
  await call(token)
  const before = exchanges().length
  await world.fault('upstream', { status: 401, body: {} })
  test.equal((await call(token)).status, 200)
  test.equal(exchanges().length - before, 1)
})

for (const [name, persona, claims] of [
  ['a service', 'service', {}],
  ['a managed identity of compute', 'cluster', {}],
  ['a person of another identity provider', 'reader', {}],
] as const) {
  void t.test(
    `${name} has nothing that could be exchanged: refused, and nobody is asked`,
    async (test) => {
      const token = await tokenOf(persona, claims)
      const [asked, before] = [journal('token-service').length, world.lab.requests().length]
      const answer = await call(token)
      test.match(
        { status: answer.status, code: answer.code },
        { status: 403, code: 'policy_refused' },
      )
      test.match(answer.text, 'as-caller', 'it says which identity cannot act for them')
      test.equal(journal('token-service').length, asked, 'the token is not sent anywhere')
      await refusedOnce(test as typeof t, answer, before)
    },
  )
}

void t.test(
  'a token that entra will not exchange is the caller’s matter and nobody else’s',
  async (test) => {
    const [refused, other] = await Promise.all([tokenOf('scientist'), tokenOf('reviewer')])
    const before = world.lab.requests().length
    const body = { error: 'invalid_grant', error_description: `AADSTS50013 ${CANARY}` }
    const asked = exchanges().length
    await refusedOnce(test as typeof t, await whileFailing({ status: 400, body }, refused), before)
    const again = await call(refused)
    test.match({ status: again.status, code: again.code }, { status: 401, code: 'invalid_token' })
    test.match(again.headers['www-authenticate'], /^Bearer .*error="invalid_token"/)
    test.equal(exchanges().length - asked, 1, 'the same token is not sent again at once')
    test.equal((await call(other)).status, 200)
  },
)

const WANTED = '{"access_token":{"capolids":{"essential":true,"values":["c1"]}}}'
for (const [name, claims, status, code] of [
  ['a client that can take a challenge gets it', { xms_cc: ['CP1'] }, 401, 'insufficient_claims'],
  ['a client that cannot is told so plainly', {}, 403, 'insufficient_scope'],
] as const) {
  void t.test(`entra asks the person for more: ${name}`, async (test) => {
    const before = world.lab.requests().length
    const body = { error: 'interaction_required', claims: WANTED, error_description: CANARY }
    const answer = await whileFailing({ status: 400, body }, await tokenOf('scientist', claims))
    test.match({ status: answer.status, code: answer.code }, { status, code }, answer.text)
    const [, given = ''] = /claims="([^"]*)"/.exec(answer.headers['www-authenticate'] ?? '') ?? []
    test.equal(Buffer.from(given, 'base64').toString(), status === 401 ? WANTED : '')
    await refusedOnce(test as typeof t, answer, before)
  })
}

void t.test(
  'another person’s token, if the endpoint should give one, is not used',
  async (test) => {
    const before = world.lab.requests().length
    const { lab } = world
    const other = {
      name: 'x',
      clientId: ON_BEHALF_OF_CLIENT,
      oid: randomUUID(),
      may: 'write' as const,
    }
    const token = await lab.identities.mint(other, 'https://management.azure.com', {
      claims: { idtyp: 'user' },
    })
    const body = { token_type: 'Bearer', expires_in: 3600, access_token: token }
    const answer = await whileFailing({ status: 200, body }, await tokenOf('scientist'))
    test.match(
      { status: answer.status, code: answer.code },
      { status: 502, code: 'identity_mismatch' },
    )
    await refusedOnce(test as typeof t, answer, before)
    await recovered(test as typeof t)
  },
)

/** After a failure the endpoint is left alone for some seconds, whoever comes. */
async function recovered(test: typeof t): Promise<void> {
  const token = await tokenOf('scientist')
  let answer = await call(token)
  for (let tries = 0; tries < 400 && answer.status >= 500; tries += 1) {
    await new Promise((done) => setTimeout(done, 100))
    answer = await call(token)
  }
  test.equal(answer.status, 200, `it recovers by itself ${answer.text}`)
}

for (const [name, fault] of [
  ['down', { reset: true }],
  ['hanging', { hang: true }],
  ['failing', { status: 500, body: { error: CANARY } }],
  ['throttling', { status: 429, headers: { 'retry-after': '3' }, body: {} }],
] as const) {
  void t.test(
    `the token endpoint is ${name}: 503 for who needs it, others are served`,
    async (test) => {
      const known = await tokenOf('reviewer')
      test.equal((await call(known)).status, 200)
      const before = world.lab.requests().length
      const asked = exchanges().length
      const mine = await tokenOf('scientist')
      const since = performance.now()
      const [answer, others] = await throughout(fault, async () => [
        await call(mine),
        await Promise.all(Array.from({ length: 20 }, async () => call(await tokenOf('scientist')))),
      ])
      // it is asked again after 1 s, then 2, 4 and so on, or when it says
      const most = 1 + Math.floor(Math.log2(1 + (performance.now() - since) / 1000))
      const times = exchanges().length - asked
      test.match(
        { status: answer.status, code: answer.code },
        { status: 503, code: 'identity_unavailable' },
        answer.text,
      )
      const seconds = Number(answer.headers['retry-after'])
      test.ok(seconds >= 1 && seconds <= 30, `Retry-After ${seconds}`)
      await refusedOnce(test as typeof t, answer, before)
      test.equal(others.filter(({ status }) => status === 503).length, 20, 'and it is left alone')
      test.ok(times >= 1 && times <= most, `asked ${times} times, at most ${most}`)
      test.equal((await call(known)).status, 200, 'who has a token needs nobody')
      await recovered(test as typeof t)
    },
  )
}

void t.test('the caller’s token went to the token endpoint and nowhere else', async (test) => {
  const sent = exchanges().map((form) => form.get('assertion') ?? '')
  test.ok(sent.length > 10)
  const elsewhere = JSON.stringify([
    ...world.lab.requests(),
    ...journal('identity'),
    ...journal('graph'),
    ...journal('entra').filter(({ url }) => !url.includes('/token')),
    ...(await world.allRecords()),
    ...world.lab.ingestion.rows(),
    world.gateway.logs(),
  ])
  test.notMatch(elsewhere, CANARY)
  for (const token of sent) {
    test.notOk(
      partsOf(token).some((part) => elsewhere.includes(part)),
      'not even a part of it',
    )
  }
})
