/** Two replicas on one container of Microsoft's storage emulator: one review, one use of it, one held call. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import { spawnGateway, type Gateway } from '../../lab/gateway/gateway.ts'
import { STORAGE_ACCOUNT } from '../../lab/azure/azurite.ts'
import type { Lab } from '../../lab/lab.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies, type OwnPolicies } from '../support/policies.ts'
import { send, type Answer } from '../support/send.ts'
import { BINDINGS, OWNERS, RELEASE, reviewIn, V, W } from './support.ts'

const HELD = RELEASE.replace('valid=1h', 'valid=1h hold=10m')
  .replace('onlineEndpoints/write",', 'schedules/write",')
  .replace('release-needs', 'held-needs')
const KEY = 'a key that both replicas have, 32 bytes'
const keyed = { env: { OPERATION_KEY: KEY } }

let folder: string
let policies: OwnPolicies
let world: World
let replica: Gateway
t.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'azureml-harness-replicas-'))
  const keyFile = join(folder, 'key.pem')
  const { privateKey } = generateKeyPairSync('ed25519')
  await writeFile(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  policies = await ownPolicies(
    {
      'release.cedar': RELEASE,
      'held.cedar': HELD,
      'owners.yaml': OWNERS,
    },
    BINDINGS,
  )
  const changeOf =
    ({ storage }: Lab) =>
    (config: ConfigFile): ConfigFile =>
      policies.change({
        ...config,
        operationKey: { fromEnv: 'OPERATION_KEY' },
        approvals: {
          keys: [{ fromFile: keyFile }],
          ledger: {
            container: `${storage?.azurite.url}/${STORAGE_ACCOUNT}/reviews`,
            identity: 'audit-writer',
          },
        },
      })
  world = await startGateway({
    lab: { storage: true },
    gateway: (lab) => ({ ...keyed, change: changeOf(lab) }),
  })
  await world.lab.storage?.azurite.createContainer('reviews')
  const change = changeOf(world.lab)
  replica = await spawnGateway(world.lab, {
    ...keyed,
    configFile: join(world.lab.directory, 'replica.yaml'),
    spool: join(world.lab.directory, 'spool-replica'),
    change: (config) => {
      const { hosts = [], publicUrl, ...listen } = config.listen
      const host = new URL(publicUrl).host
      return change({
        ...config,
        listen: { ...listen, publicUrl: world.url, hosts: [...hosts, host] },
      })
    },
  })
})
t.teardown(async () => {
  await replica?.stop()
  await world.close()
  await policies.remove()
  await rm(folder, { recursive: true, force: true })
})
t.setTimeout(240_000)

const at = async (
  url: string,
  persona: string,
  method: string,
  path: string,
  body?: object,
): Promise<Answer> =>
  send(url, world.lab.certificates.ca, path, {
    method,
    headers: {
      authorization: `Bearer ${await world.lab.token(persona)}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
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
