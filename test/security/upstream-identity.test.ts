/** Whom Azure saw: the record names the object id of the managed identity whose token went out, as Azure's own logs do. */
import t from 'tap'
import { IDENTITIES, workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'

const JOB = `${workspaceId()}/jobs/j?api-version=2024-04-01`

let world: World
t.before(async () => {
  world = await startGateway()
})
t.teardown(() => world.close())

/** `oid` of the token that Azure was shown. */
function oidSeen(correlation: unknown): unknown {
  const arrived = world.lab
    .requests()
    .find(({ headers }) => headers['x-ms-correlation-request-id'] === correlation)
  const payload = String(arrived?.headers['authorization']).split('.')[1] ?? ''
  return (JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { oid: unknown }).oid
}

for (const [persona, method] of [
  ['scientist', 'PUT'],
  ['reader', 'GET'],
] as const) {
  t.test(`the call of ${persona} names the identity that azure saw, to the sink`, async (t) => {
    const answer = await world.send(JOB, {
      method,
      headers: {
        authorization: `Bearer ${await world.lab.token(persona)}`,
        'content-type': 'application/json',
      },
      ...(method === 'PUT' ? { body: '{"properties":{"jobType":"Command"}}' } : {}),
    })
    t.ok(answer.status < 300, answer.text)
    const id = answer.headers['x-harness-decision-id']
    const oid = oidSeen(id)
    const settled = await world.settled(answer)
    const known = IDENTITIES.find(({ name }) => name === settled[0]?.['IdentityName'])
    t.equal(oid, known?.oid, 'the token was that of the identity in the record')
    t.same(
      settled.map((row) => row['UpstreamPrincipalOid']),
      [oid, oid],
      'the intent and the end name it',
    )
    const rows = await world.rows(
      (all) => all.filter((row) => row['CorrelationId'] === id).length === 2,
    )
    t.same(
      rows.filter((row) => row['CorrelationId'] === id).map((row) => row['UpstreamPrincipalOid']),
      [oid, oid],
      'and so do the rows that join the Activity Log',
    )
  })
}
