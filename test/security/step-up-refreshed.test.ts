/** A refreshed token is new, and the sign-in behind it is not: `@stepup max-age` asks for `auth_time` and nothing else. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { loadConfig } from '../../src/config/load.ts'
import { checkSignIns } from '../../src/doctor/sign-ins.ts'
import { loadPolicy } from '../../src/policy/load/load.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'

const JOB = `${workspaceId()}/jobs/a?api-version=2024-04-01`
const FRESH = `
@id("fresh")
@reason("jobs are deleted after a fresh sign-in only")
@stepup("max-age=900")
forbid (
  principal,
  action == Action::"Microsoft.MachineLearningServices/workspaces/jobs/delete",
  resource
);
`

const policies = await ownPolicies({ 'fresh.cedar': FRESH })
let world: World
t.before(async () => {
  world = await startGateway({ gateway: { change: policies.change } })
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

const now = (): number => Math.floor(Date.now() / 1000)

// a new sign-in does not help who has no claim that tells of it: that is for who runs the gateway to mend
for (const [name, auth_time, code] of [
  [
    'a refreshed token that does not say when its owner signed in',
    () => null,
    'insufficient_scope',
  ],
  ['a refreshed token of an old sign-in', () => now() - 3_600, 'insufficient_scope'],
  ['a sign-in that is still to come', () => now() + 3_600, 'insufficient_scope'],
  ['a sign-in in milliseconds', () => Date.now() - 3_600_000, 'insufficient_scope'],
  ['a sign-in at the beginning of time', () => 0, 'insufficient_scope'],
  ['a token of a fresh sign-in', now, null],
] as const) {
  t.test(`${name}: ${code ?? 'served'}`, async (t) => {
    await world.clear()
    const claims = { iat: now(), nbf: now(), exp: now() + 3_600, auth_time: auth_time() }
    const token = await world.lab.token('scientist', { claims })
    const headers = { authorization: `Bearer ${token}` }
    const answer = await world.send(JOB, { method: 'DELETE', headers })
    const seen = world.lab.requests().filter(({ method }) => method === 'DELETE')
    const [row] = await world.settled(answer)
    if (code === null) {
      t.ok(answer.status < 300, answer.text)
      t.equal(seen.length, 1)
      t.match(row, { RecordKind: 'authorized' })
      return
    }
    t.match(answer, { status: 403, code }, answer.text)
    t.match(answer.text, /recent sign-in/)
    t.same(seen, [], 'azure is not called')
    t.match(row, {
      RecordKind: 'refused',
      RefusalCode: code,
      PolicyIds: ['fresh'],
    })
    // what a policy that only reads asks stays as it was
    const read = await world.send(JOB, { headers })
    t.not(read.status, 401)
  })
}

t.test('doctor says which claim to switch on, for each issuer', async (t) => {
  const config = await loadConfig(world.gateway.configFile)
  const load = (bindings: string, directory: string) =>
    loadPolicy({
      directory,
      bindings,
      identities: Object.keys(config.identities),
      issuers: config.issuers.map(({ name }) => name),
    })
  const { directory, bindings = '' } = config.policies
  // a shipped policy that asks, too
  await rm(join(directory, 'break-glass.cedar'))
  t.match(checkSignIns(config, await load(bindings, directory)), [
    { check: 'sign-ins', status: 'unverified', where: 'issuers[0] (entra)', what: /policy fresh .*"auth_time"/, next: /optional claim "auth_time".*Token configuration/ },
    { check: 'sign-ins', status: 'unverified', where: 'issuers[1] (okta)', next: /"auth_time".*Authorization Servers/ },
  ]) // prettier-ignore
  await rm(join(directory, 'fresh.cedar'))
  t.same(
    checkSignIns(config, await load(bindings, directory)),
    [],
    'nothing is said if nobody asks',
  )
})
