/** Two replicas on one container of Microsoft's storage emulator: one review, one use of it, one held call. */
import t from 'tap'
import type { Gateway } from '../../lab/gateway/gateway.ts'
import { eventually } from '../support/eventually.ts'
import type { World } from '../support/gateway.ts'
import { startReplicas, type Replicas } from './replicas-support.ts'
import { BINDINGS, OWNERS, RELEASE, reviewIn, V, W } from './support.ts'

const HELD = RELEASE.replace('valid=1h', 'valid=1h hold=10m')
  .replace('onlineEndpoints/write",', 'schedules/write",')
  .replace('release-needs', 'held-needs')
const KEY = 'a key that both replicas have, 32 bytes'

let replicas: Replicas
let world: World
let replica: Gateway
t.before(async () => {
  replicas = await startReplicas({
    container: 'reviews',
    files: { 'release.cedar': RELEASE, 'held.cedar': HELD, 'owners.yaml': OWNERS },
    bindings: BINDINGS,
    env: { OPERATION_KEY: KEY },
    change: (config) => ({ ...config, operationKey: { fromEnv: 'OPERATION_KEY' } }),
  })
  ;({ world, replica } = replicas)
})
t.teardown(() => replicas.close())
t.setTimeout(240_000)

const at: Replicas['at'] = async (...call) => replicas.at(...call)
const approve = async (url: string, id: string): Promise<void> => {
  const path = `/_harness/api/reviews/${id}`
  const { shownDigest } = (await at(url, 'reviewer', 'GET', path)).json() as { shownDigest: string }
  const answer = await at(url, 'reviewer', 'POST', `${path}/verdicts`, {
    verdict: 'approve',
    shownDigest,
  })
  if (answer.status !== 200) throw new Error(answer.text)
}
const changes = () => world.lab.requests().filter(({ method }) => method !== 'GET')
const endpoint = { location: 'eastus', properties: { authMode: 'AADToken' } }

t.test('asked for at one, approved at the other, used by one of many at once', async (t) => {
  await world.clear()
  const path = `${W}/onlineEndpoints/shared${V}`
  const { id } = reviewIn(await at(world.url, 'scientist', 'PUT', path, endpoint))
  t.equal(reviewIn(await at(replica.url, 'scientist', 'PUT', path, endpoint)).id, id)
  await approve(replica.url, id)
  const all = await Promise.all(
    Array.from({ length: 8 }, async (_, index) =>
      at(index % 2 === 0 ? world.url : replica.url, 'scientist', 'PUT', path, endpoint),
    ),
  )
  const statuses = all.map(({ status }) => status)
  t.equal(statuses.filter((status) => status < 300).length, 1, statuses.join(' '))
  t.equal(changes().length, 1, 'Azure saw one')
  t.ok(
    all.every(({ status }) => status < 300 || status === 403 || status === 409),
    'the others are told why',
  )
})

t.test('held at one, made by a poll at the other', async (t) => {
  await world.clear()
  const path = `${W}/schedules/nightly${V}`
  const body = {
    properties: {
      trigger: { triggerType: 'Cron', expression: '0 0 * * *' },
      action: {
        actionType: 'CreateJob',
        jobDefinition: {
          jobType: 'Command',
          command: 'python train.py',
          environmentId: 'azureml:sklearn:1',
          computeId: 'azureml:cpu-cluster',
        },
      },
    },
  }
  const held = await at(world.url, 'scientist', 'PUT', path, body)
  t.equal(held.status, 201, held.text)
  const operation = String(held.headers['azure-asyncoperation'])
  const poll = operation.slice(world.url.length)
  const id = /reviews\/([^/]+)\//.exec(operation)?.[1] ?? ''
  t.match((await at(replica.url, 'scientist', 'GET', poll)).json(), { status: 'InProgress' })
  await approve(world.url, id)
  await eventually('it is made and ends', async () => {
    const answer = await at(replica.url, 'scientist', 'GET', poll)
    return (answer.json() as { status: string }).status === 'Succeeded'
  })
  t.equal(changes().length, 1)
  t.match((await at(world.url, 'scientist', 'GET', poll)).json(), { status: 'Succeeded' })
})

t.test('without its storage, calls that need a review are refused, and no others', async (t) => {
  await world.lab.storage?.azurite.close()
  const path = `${W}/onlineEndpoints/later${V}`
  t.match((await at(world.url, 'scientist', 'PUT', path, endpoint)).json(), {
    error: { code: 'approvals_unavailable' },
  })
  t.equal((await at(world.url, 'scientist', 'GET', `${W}/jobs${V}`)).status, 200)
})
