/** What the gateway depends on is down: each has its own status and code, nothing is forwarded, each is recorded. */
import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { workspaceId } from '../../lab/personas.ts'

const JOB = `${workspaceId()}/jobs/j?api-version=2024-04-01`
/** A port of this machine that nothing listens on: the discard service's, which no system here runs. */
const NOWHERE = 'https://localhost:9'

t.test('azure cannot be reached: 502, and the record says that nothing happened', async (t) => {
  const world = await startGateway({
    gateway: {
      change: (config) => ({ ...config, cloud: { ...config.cloud, resourceManager: NOWHERE } }),
    },
  })
  t.teardown(() => world.close())
  const token = await world.lab.token('scientist')
  const answer = await world.send(JOB, { headers: { authorization: `Bearer ${token}` } })
  t.equal(answer.status, 502)
  t.equal(answer.code, 'upstream_unreachable')
  const records = await world.settled(answer)
  t.same(
    records.map((record) => record['RecordKind']),
    ['authorized', 'completed'],
  )
  t.equal(records[1]?.['Outcome'], 'failed')
  t.equal(records[1]?.['RefusalCode'], 'upstream_unreachable')
})

t.test(
  'an issuer cannot be reached from the start: its tokens get 503, those of the other issuer work',
  async (t) => {
    const world = await startGateway({
      gateway: {
        change: (config) => ({
          ...config,
          issuers: config.issuers.map((issuer) =>
            issuer.name === 'entra' ? { ...issuer, jwksUri: `${NOWHERE}/keys` } : issuer,
          ),
        }),
      },
    })
    t.teardown(() => world.close())
    const entra = await world.send(JOB, {
      headers: { authorization: `Bearer ${await world.lab.token('scientist')}` },
    })
    t.equal(entra.status, 503)
    t.equal(entra.code, 'idp_unavailable')
    t.match(entra.headers['retry-after'], /^\d+$/)
    t.same(world.lab.requests(), [], 'nothing is forwarded')
    const records = await world.settled(entra)
    t.same(
      records.map((record) => record['RecordKind']),
      ['refused'],
    )
    const okta = await world.send(`${workspaceId()}/jobs?api-version=2024-04-01`, {
      headers: { authorization: `Bearer ${await world.lab.token('reader')}` },
    })
    t.equal(okta.status, 200, okta.text)
  },
)

t.test(
  'the managed-identity endpoint cannot be reached: 503, and nothing is forwarded',
  async (t) => {
    const world = await startGateway()
    t.teardown(() => world.close())
    await world.fault('identity', { times: 0, reset: true })
    const answer = await world.send(JOB, {
      headers: { authorization: `Bearer ${await world.lab.token('scientist')}` },
    })
    t.equal(answer.status, 503)
    t.equal(answer.code, 'identity_unavailable')
    t.match(answer.headers['retry-after'], /^\d+$/)
    t.same(world.lab.requests(), [], 'nothing is forwarded')
    const records = await world.settled(answer)
    t.same(
      records.map((record) => record['RecordKind']),
      ['refused'],
    )
    t.equal(records[0]?.['Decision'], 'permit', 'policy said yes; what failed came after')
  },
)

t.test(
  'azure dies after it has taken a change: 502, and the outcome is unknown, not failed',
  async (t) => {
    const world = await startGateway()
    t.teardown(() => world.close())
    const token = await world.lab.token('scientist')
    const put = {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{"properties":{"jobType":"Command"}}',
    }
    await world.fault('upstream', { match: { method: 'PUT' }, reset: true })
    const answer = await world.send(JOB, put)
    t.equal(answer.status, 502)
    t.equal(answer.code, 'upstream_reset')
    t.equal(world.lab.requests().length, 1, 'it is not sent twice')
    t.equal((await world.settled(answer))[1]?.['Outcome'], 'unknown')
  },
)

t.test(
  "azure rejects the gateway's token: it is asked for anew once, then 502; what azure said is not passed on",
  async (t) => {
    const world = await startGateway()
    t.teardown(() => world.close())
    const headers = { authorization: `Bearer ${await world.lab.token('scientist')}` }
    const refusal = {
      status: 401,
      headers: { 'www-authenticate': 'Bearer authorization_uri="https://canary"' },
      body: { error: { code: 'Canary' } },
    }
    await world.fault('upstream', { times: 1, ...refusal })
    t.equal(
      (await world.send(`${workspaceId()}/jobs?api-version=2024-04-01`, { headers })).status,
      200,
    )
    t.equal(world.lab.requests().length, 2)
    await world.fault('upstream', { times: 2, ...refusal })
    const answer = await world.send(JOB, { headers })
    t.equal(answer.status, 502)
    t.equal(answer.code, 'upstream_rejected_identity')
    t.notMatch(answer.text + JSON.stringify(answer.headers), /canary/i)
  },
)

t.test('azure refuses the managed identity: 403 of our own, without its object id', async (t) => {
  const world = await startGateway()
  t.teardown(() => world.close())
  const headers = { authorization: `Bearer ${await world.lab.token('scientist')}` }
  await world.fault('upstream', {
    status: 403,
    body: {
      error: {
        code: 'AuthorizationFailed',
        message: "The client 'canary' with object id 'canary' does not have authorization",
      },
    },
  })
  const answer = await world.send(JOB, { headers })
  t.equal(answer.status, 403)
  t.equal(answer.code, 'upstream_forbidden')
  t.notMatch(answer.text, /canary/)
  const [, completed] = await world.settled(answer)
  t.equal(completed?.['UpstreamStatus'], 403)
  t.ok(
    completed?.['PrincipalId'] !== undefined && completed['IdentityName'] !== undefined,
    'both principals are recorded',
  )
})
