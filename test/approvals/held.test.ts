/** Calls that wait for their review as operations that run, with the published JavaScript SDK and its own poller. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning'
import t from 'tap'
import { RESOURCE_GROUP as RG, SUBSCRIPTION, WORKSPACE as WS } from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'
import { RELEASE, reviewIn, startReviewing, V, W, type Reviewing } from './support.ts'

const HELD = RELEASE.replace('valid=1h', 'valid=1h hold=10m')
const SECRET = 'Zm9yLWF6dXJlLW9ubHk'

let reviewing: Reviewing
t.before(async () => {
  reviewing = await startReviewing({ files: { 'release.cedar': HELD } })
})
t.teardown(() => reviewing.close())
t.setTimeout(300_000)

function clientOf(persona: string): AzureMachineLearningWorkspaces {
  const credential = {
    getToken: async () => ({
      token: await reviewing.world.lab.token(persona),
      expiresOnTimestamp: Date.now() + 3_000_000,
    }),
  }
  return new AzureMachineLearningWorkspaces(credential, SUBSCRIPTION, {
    endpoint: reviewing.world.url,
  })
}

const endpoint = { location: 'eastus', properties: { authMode: 'AADToken' as const } }
const create = async (name: string) =>
  clientOf('scientist').onlineEndpoints.beginCreateOrUpdateAndWait(RG, WS, name, {
    ...endpoint,
    properties: { ...endpoint.properties, properties: { key: SECRET } },
  })
const changes = () => reviewing.world.lab.requests().filter(({ method }) => method !== 'GET')
const listed = async (name: string, state = 'open') => {
  const answer = await reviewing.call('reviewer', 'GET', `/_harness/api/reviews?state=${state}`)
  const { value } = answer.json() as { value: { id: string; resource: string }[] }
  return value.find(({ resource }) => resource.endsWith(`/${name}`))?.id
}
const waiting = async (name: string) =>
  eventually('it waits for its review', async () => (await listed(name)) ?? false)
const heldFiles = async () =>
  (await readdir(join(reviewing.ledger, 'h'), { recursive: true }).catch(() => [])).filter((file) =>
    file.endsWith('.jwe'),
  )

t.test('approved while the client polls: it goes on as if nothing had been', async (t) => {
  const made = create('held-yes')
  const id = await waiting('held-yes')
  t.same(changes(), [], 'nothing has reached Azure')
  const file = await eventually('it is held', async () => (await heldFiles())[0] ?? false)
  const kept = await readFile(join(reviewing.ledger, 'h', file), 'utf8')
  t.notMatch(Buffer.from(kept, 'base64').toString('latin1'), SECRET, 'what is kept is encrypted')
  t.equal((await reviewing.approve('reviewer', id)).status, 200)
  t.match(await made, { name: 'held-yes', properties: { provisioningState: 'Succeeded' } })
  t.equal(changes().length, 1, 'made once')
  t.same(await heldFiles(), [], 'and not kept any longer')

  const rows = (await reviewing.world.allRecords()).filter((row) => row['ReviewId'] === id)
  const writes = rows.filter((row) => String(row['Action']).endsWith('/onlineEndpoints/write'))
  t.match(
    writes.map((row) => [row['RecordKind'], row['Status'], row['Method']]),
    [
      ['refused', 201, 'PUT'],
      ['authorized', undefined, 'PUT'],
      ['completed', 201, 'PUT'],
    ],
    'held, and later made, each on record',
  )
})

t.test("rejected while the client polls: the reviewer's words are in its exception", async (t) => {
  await reviewing.world.clear()
  const made = create('held-no').catch((error: unknown) => error)
  const id = await waiting('held-no')
  const path = `/_harness/api/reviews/${id}`
  const { shownDigest } = (await reviewing.call('reviewer', 'GET', path)).json() as {
    shownDigest: string
  }
  const comment = 'no fairness report'
  const body = { verdict: 'reject', shownDigest, comment }
  t.equal((await reviewing.call('reviewer', 'POST', `${path}/verdicts`, body)).status, 200)
  t.match(String(await made), comment)
  t.same(changes(), [])
  t.same(await heldFiles(), [])
})

t.test('only its author polls it, and two polls at once make one call', async (t) => {
  await reviewing.world.clear()
  const path = `${W}/onlineEndpoints/held-once${V}`
  const held = await reviewing.call('scientist', 'PUT', path, endpoint)
  t.equal(held.status, 201, held.text)
  t.match(held.json(), { name: 'held-once', properties: { provisioningState: 'Creating' } })
  const operation = String(held.headers['azure-asyncoperation'])
  t.ok(operation.startsWith(`${reviewing.world.url}/_harness/api/reviews/`))
  const poll = operation.slice(reviewing.world.url.length)
  const again = await reviewing.call('scientist', 'PUT', path, endpoint)
  t.equal(
    String(again.headers['azure-asyncoperation']),
    operation,
    'the same call, the same review',
  )
  t.equal((await reviewing.call('reviewer', 'GET', poll)).status, 404, "not its author's")
  t.match((await reviewing.call('scientist', 'GET', poll)).json(), { status: 'InProgress' })
  t.same(changes(), [], 'polling makes nothing')

  await reviewing.approve('reviewer', await waiting('held-once'))
  await Promise.all([1, 2, 3].map(async () => reviewing.call('scientist', 'GET', poll)))
  await eventually('it has ended', async () => {
    const status = (await reviewing.call('scientist', 'GET', poll)).json() as { status: string }
    return status.status === 'Succeeded'
  })
  t.equal(changes().length, 1)
})

t.test('what policy refuses by now is not made, whatever was approved', async (t) => {
  await reviewing.world.clear()
  const path = `${W}/onlineEndpoints/held-late${V}`
  const held = await reviewing.call('scientist', 'PUT', path, endpoint)
  const poll = String(held.headers['azure-asyncoperation']).slice(reviewing.world.url.length)
  await reviewing.approve('reviewer', await waiting('held-late'))
  await reviewing.change({
    'never.cedar': `@id("never") @reason("not any more")
      forbid (principal, action == Action::"Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write", resource);`,
  })
  t.match((await reviewing.call('scientist', 'GET', poll)).json(), {
    status: 'Failed',
    error: { code: 'policy_refused', message: /not any more/ },
  })
  t.same(changes(), [])
  await reviewing.change({ 'never.cedar': null })
})

t.test('what Azure refuses fails, and is said in its words', async (t) => {
  await reviewing.world.clear()
  const path = `${W}/onlineEndpoints/held-azure/deployments/blue${V}`
  const body = { location: 'eastus', properties: { endpointComputeType: 'Managed' } }
  const held = await reviewing.call('scientist', 'PUT', path, body)
  t.equal(held.status, 201, held.text)
  const poll = String(held.headers['azure-asyncoperation']).slice(reviewing.world.url.length)
  await reviewing.approve('reviewer', await waiting('blue'))
  const ended = (await reviewing.call('scientist', 'GET', poll)).json()
  t.match(ended, { status: 'Failed', error: { code: String, message: String } })
  t.match((await reviewing.call('scientist', 'GET', poll)).json(), { status: 'Failed' })
  t.equal(changes().length, 1, 'and is not tried again by a poll')
})

t.test('a request for a review, a short call and a withdrawn one are not held', async (t) => {
  await reviewing.world.clear()
  const path = `${W}/onlineEndpoints/held-not${V}`
  const asked = await reviewing.call('scientist', 'PUT', path, endpoint, {
    'x-harness-review': 'request',
  })
  t.equal(asked.status, 403, 'a request')
  const short = await reviewing.call('scientist', 'DELETE', `${W}/models/m/versions/1${V}`)
  t.match([short.status, reviewIn(short).id], [403, String], 'a call that Azure answers at once')
  const held = await reviewing.call('scientist', 'PUT', path, endpoint)
  t.equal(held.status, 201)
  const poll = String(held.headers['azure-asyncoperation']).slice(reviewing.world.url.length)
  const id = await waiting('held-not')
  await reviewing.call('scientist', 'POST', `/_harness/api/reviews/${id}/verdicts`, {
    verdict: 'withdraw',
  })
  t.match((await reviewing.call('scientist', 'GET', poll)).json(), {
    status: 'Failed',
    error: { message: /withdrawn/ },
  })
  t.same(changes(), [])
})
