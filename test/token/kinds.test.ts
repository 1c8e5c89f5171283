import t from 'tap'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { inspect } from 'node:util'
import { createBroker } from '../../src/token/broker.ts'
import { Refusal } from '../../src/errors.ts'
import { ARM, CLIENT_ID, identityEndpoint, unsignedToken } from './identity-endpoint.ts'
import { TENANT, tokenEndpoint } from './token-endpoint.ts'
import type { Broker, BrokerOptions } from '../../src/token/broker.ts'
import type { IdentityConfig } from '../../src/config/schema/schema.ts'
import type { Principal } from '../../src/identity/principal.ts'
import type { Permit } from '../../src/policy/decide.ts'
import type { Test } from 'tap'

const APP = '55555555-5555-4555-8555-555555555555'
const managed = await identityEndpoint(t)
const entra = await tokenEndpoint(t)
const tokenFile = path.join(t.testdir(), 'token')

const authorityHost = entra.url
const IDENTITIES: Record<string, IdentityConfig> = {
  federation: { kind: 'managed-identity', clientId: CLIENT_ID },
  workload: {
    kind: 'workload-identity',
    tenantId: TENANT,
    clientId: APP,
    tokenFile,
    authorityHost,
  },
  caller: {
    kind: 'on-behalf-of',
    tenantId: TENANT,
    clientId: APP,
    federatedBy: 'federation',
    authorityHost,
  },
}

async function fixture(
  st: Test,
  options: Partial<BrokerOptions> = {},
): Promise<{ broker: Broker; clock: { now: number }; logged: unknown[] }> {
  const clock = { now: Date.now() }
  const logged: unknown[] = []
  const write = (...line: unknown[]): void => {
    logged.push(line)
  }
  managed.mode = 'ok'
  managed.now = () => clock.now
  managed.requests.length = 0
  managed.tokens.length = 0
  entra.fault = null
  entra.claims = {}
  entra.now = () => clock.now
  entra.requests.length = 0
  entra.tokens.length = 0
  await writeFile(tokenFile, 'assertion-of-the-cluster\n')
  const broker = createBroker({
    identities: IDENTITIES,
    now: () => clock.now,
    random: () => 0,
    timeoutMs: 2000,
    log: { warn: write, error: write },
    ...options,
  })
  st.teardown(() => broker.close())
  return { broker, clock, logged }
}

function permit(identity: string, changes: Partial<Principal> = {}): Permit {
  const principal = { kind: 'user', tenant: TENANT, id: `entra/${TENANT}/o`, challengeable: true }
  return { effects: { identity }, principal: { ...principal, ...changes } } as unknown as Permit
}

function callerToken(name: string): string {
  return unsignedToken({ aud: 'api://harness', oid: name })
}

async function refused(promise: unknown): Promise<Refusal> {
  const error: unknown = await Promise.resolve(promise).then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof Refusal) return error
  throw new Error('was not refused', { cause: error })
}

void t.test('a workload identity’s file is exchanged for a token', async (st) => {
  const { broker } = await fixture(st)
  const grants = await Promise.all(
    Array.from({ length: 100 }, async () => broker.grant(permit('workload'), ARM)),
  )
  st.equal(grants[0]?.authorization(), `Bearer ${entra.tokens[0]}`)
  st.same(grants[0]?.identity, { name: 'workload', clientId: APP, objectId: null })
  st.equal(entra.requests.length, 1)
  const [request] = entra.requests
  st.equal(request?.path.split('?')[0], `/${TENANT}/oauth2/v2.0/token`)
  st.match(request?.form, {
    grant_type: 'client_credentials',
    client_id: APP,
    client_assertion: 'assertion-of-the-cluster',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    scope: ARM,
  })
})

void t.test(
  'the workload’s file is read anew for each token: the cluster rotates it',
  async (st) => {
    const { broker } = await fixture(st)
    const { token } = await broker.token('workload', ARM)
    await writeFile(tokenFile, 'rotated-assertion')
    broker.invalidate('workload', ARM, token)
    st.not((await broker.token('workload', ARM)).token, token)
    st.equal(entra.requests[1]?.form['client_assertion'], 'rotated-assertion')
  },
)

void t.test(
  'a workload identity without its file, or refused by Entra, is unavailable',
  async (st) => {
    const { broker } = await fixture(st, {
      identities: {
        ...IDENTITIES,
        lost: {
          kind: 'workload-identity',
          tenantId: TENANT,
          clientId: APP,
          tokenFile: '/nowhere',
          authorityHost,
        },
      },
    })
    st.equal((await refused(broker.token('lost', ARM))).code, 'identity_unavailable')
    st.equal(entra.requests.length, 0)
    entra.fault = {
      status: 401,
      body: { error: 'invalid_client', error_description: 'AADSTS700016' },
    }
    const refusal = await refused(broker.token('workload', ARM))
    st.equal(refusal.code, 'identity_unavailable')
    st.equal(refusal.detail.inner, 'status 401')
    st.equal(entra.requests.length, 1)
  },
)

void t.test('Entra’s 5xx and hanging are one attempt each, in time', async (st) => {
  for (const fault of [
    'hang',
    { status: 503, body: { error: 'temporarily_unavailable' } },
  ] as const) {
    const { broker, clock } = await fixture(st, { timeoutMs: 300 })
    entra.fault = fault
    st.equal((await refused(broker.token('workload', ARM))).code, 'identity_unavailable')
    await refused(broker.token('workload', ARM))
    st.equal(entra.requests.length, 1, inspect(fault))
    entra.fault = null
    clock.now += 1000
    st.equal((await broker.token('workload', ARM)).token, entra.tokens[0], 'no negative cache')
  }
})

void t.test('a token of another tenant, application or audience is refused', async (st) => {
  for (const claims of [
    { tid: CLIENT_ID },
    { tid: undefined },
    { appid: CLIENT_ID },
    { aud: 'x' },
  ]) {
    const { broker } = await fixture(st)
    entra.claims = claims
    st.equal(
      (await refused(broker.token('workload', ARM))).code,
      'identity_mismatch',
      inspect(claims),
    )
  }
})

void t.test(
  'on behalf of: the caller’s token is exchanged, the client federated by a managed identity',
  async (st) => {
    const { broker } = await fixture(st)
    const assertion = callerToken('ada')
    const grant = await broker.grant(permit('caller'), ARM, assertion)
    st.equal(grant.authorization(), `Bearer ${entra.tokens[0]}`)
    st.equal(managed.requests[0]?.url.searchParams.get('resource'), 'api://AzureADTokenExchange')
    st.match(entra.requests[0]?.form, {
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      requested_token_use: 'on_behalf_of',
      client_id: APP,
      assertion,
      client_assertion: managed.tokens[0] ?? '',
    })
    st.notOk('client_secret' in (entra.requests[0]?.form ?? {}))
  },
)

void t.test('on behalf of: each cloud has a token exchange of its own', async (st) => {
  for (const [cloud, resource] of [
    ['AzureUSGovernment', 'api://AzureADTokenExchangeUSGov'],
    ['AzureChinaCloud', 'api://AzureADTokenExchangeChina'],
  ] as const) {
    const { broker } = await fixture(st, { cloud })
    await broker.grant(permit('caller'), ARM, callerToken('ada'))
    st.equal(managed.requests[0]?.url.searchParams.get('resource'), resource)
  }
})

void t.test('on behalf of: each caller has a token of their own, fetched once', async (st) => {
  const { broker } = await fixture(st)
  const people = ['ada', 'bob', 'cy']
  const grants = await Promise.all(
    people.flatMap((name) =>
      Array.from({ length: 50 }, async () =>
        broker.grant(permit('caller'), ARM, callerToken(name)),
      ),
    ),
  )
  st.equal(entra.requests.length, 3)
  st.equal(managed.requests.length, 1)
  st.equal(new Set(grants.map((grant) => grant.authorization())).size, 3)
  const again = await broker.grant(permit('caller'), ARM, callerToken('bob'))
  st.equal(again.authorization(), grants[50]?.authorization())
})

void t.test(
  'on behalf of: a caller whom Entra refuses is told so and troubles nobody else',
  async (st) => {
    const { broker, clock } = await fixture(st)
    entra.fault = {
      status: 400,
      body: { error: 'invalid_grant', error_description: 'AADSTS50013' },
    }
    for (let call = 0; call < 20; call += 1) {
      const refusal = await refused(broker.grant(permit('caller'), ARM, callerToken('ada')))
      st.equal(refusal.code, 'invalid_token')
    }
    st.equal(entra.requests.length, 1, 'the same token is not sent again at once')
    entra.fault = null
    await broker.grant(permit('caller'), ARM, callerToken('bob'))
    clock.now += 31_000
    await broker.grant(permit('caller'), ARM, callerToken('ada'))
    st.same(broker.ready(), { ok: true, reasons: [] })
  },
)

void t.test(
  'on behalf of: what Entra asks the caller for becomes a claims challenge',
  async (st) => {
    const { broker } = await fixture(st)
    const claims = '{"access_token":{"capolids":{"essential":true,"values":["c1"]}}}'
    entra.fault = { status: 400, body: { error: 'interaction_required', claims } }
    const refusal = await refused(broker.grant(permit('caller'), ARM, callerToken('ada')))
    st.equal(refusal.code, 'insufficient_claims')
    st.equal(Buffer.from(refusal.detail.claims ?? '', 'base64').toString(), claims)
  },
)

void t.test(
  'on behalf of: an outage of Entra is one attempt a back-off for all callers together',
  async (st) => {
    const { broker } = await fixture(st)
    entra.fault = { status: 503, body: {} }
    await refused(broker.grant(permit('caller'), ARM, callerToken('first')))
    for (let caller = 0; caller < 50; caller += 1) {
      const refusal = await refused(broker.grant(permit('caller'), ARM, callerToken(`${caller}`)))
      st.equal(refusal.code, 'identity_unavailable')
    }
    st.equal(entra.requests.length, 1)
  },
)

void t.test(
  'on behalf of: without the federating identity nothing is sent to Entra',
  async (st) => {
    const { broker } = await fixture(st)
    managed.mode = { status: 500 }
    const refusal = await refused(broker.grant(permit('caller'), ARM, callerToken('ada')))
    st.equal(refusal.code, 'identity_unavailable')
    st.equal(entra.requests.length, 0)
  },
)

void t.test(
  'on behalf of: the token of anybody but a person of the tenant is shown to nobody',
  async (st) => {
    const { broker } = await fixture(st)
    for (const changes of [
      { kind: 'service' },
      { kind: 'compute' },
      { tenant: null },
      { tenant: '99999999-9999-4999-8999-999999999999' },
    ] as const) {
      const refusal = await refused(
        broker.grant(permit('caller', changes), ARM, callerToken('ada')),
      )
      st.equal(refusal.code, 'policy_refused', inspect(changes))
    }
    st.equal(entra.requests.length + managed.requests.length, 0)
  },
)

void t.test('on behalf of: there is no token without a caller', async (st) => {
  const { broker } = await fixture(st)
  st.equal((await refused(broker.grant(permit('caller'), ARM))).code, 'policy_refused')
  st.equal((await refused(broker.token('caller', ARM))).code, 'identity_unavailable')
  await st.rejects(broker.credential('caller').getToken(ARM), { code: 'identity_unavailable' })
  st.equal(entra.requests.length + managed.requests.length, 0)
})

void t.test('the caller’s token and the assertions are nowhere to be seen', async (st) => {
  const { broker, logged, clock } = await fixture(st)
  const seen: unknown[] = [broker, logged]
  const assertion = callerToken('canary-of-the-caller')
  seen.push(await broker.grant(permit('caller'), ARM, assertion))
  clock.now += 3_600_000
  entra.fault = { status: 400, body: { error: 'invalid_grant', error_description: assertion } }
  seen.push(await refused(broker.grant(permit('caller'), ARM, assertion)))
  clock.now += 60_000
  entra.fault = { status: 500, body: { error: assertion } }
  seen.push(await refused(broker.grant(permit('caller'), ARM, assertion)))
  seen.push(await refused(broker.token('workload', ARM)), broker.metrics(), broker.ready())
  const text = seen
    .map((value) => inspect(value, { depth: 20, showHidden: true }) + JSON.stringify(value))
    .join('\n')
  const secrets = [assertion, ...entra.tokens, ...managed.tokens]
  for (const secret of secrets) st.notOk(text.includes(secret.split('.')[1] ?? secret))
  st.notOk(text.includes('assertion-of-the-cluster'))
  st.equal(logged.length, 2)
})
