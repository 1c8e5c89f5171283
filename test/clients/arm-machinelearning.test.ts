/**
 * The published JavaScript client, pointed at the gateway by `endpoint` and unchanged otherwise.
 */
import t from 'tap'
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning'
import { createShown } from './support/shown.ts'
import { startGateway, type World } from '../support/gateway.ts'
import {
  IDENTITIES,
  RESOURCE_GROUP as RG,
  SUBSCRIPTION,
  WORKSPACE as WS,
} from '../../lab/personas.ts'

/** Client ids of the managed identities that policy may choose from. */
const CHOSEN = IDENTITIES.filter(({ name }) => name.startsWith('ml-')).map(
  ({ clientId }) => clientId,
)
const CANARY = 'canary-7f3a9c51'

let world: World
t.before(async () => {
  world = await startGateway()
})
t.teardown(() => world.close())

/** A client as its users make it: a credential that returns the persona's token. */
function clientOf(persona: string): AzureMachineLearningWorkspaces {
  const credential = {
    getToken: async () => ({
      token: await world.lab.token(persona, { claims: { name: CANARY, custom: CANARY } }),
      expiresOnTimestamp: Date.now() + 3_000_000,
    }),
  }
  return new AzureMachineLearningWorkspaces(credential, SUBSCRIPTION, {
    endpoint: world.url,
    userAgentOptions: { userAgentPrefix: CANARY },
  })
}

const commandJob = {
  properties: {
    jobType: 'Command' as const,
    command: 'python train.py',
    environmentId: 'azureml:sklearn:1',
    computeId: 'azureml:cpu-cluster',
  },
}

t.test('a scientist creates a job and polls it to its end', async (t) => {
  const client = clientOf('scientist')
  const created = await client.jobs.createOrUpdate(RG, WS, 'job-one', commandJob)
  t.equal(created.name, 'job-one')
  let status: string | undefined
  for (let polls = 0; polls < 20 && status !== 'Completed'; polls += 1) {
    status = (await client.jobs.get(RG, WS, 'job-one')).properties.status
  }
  t.equal(status, 'Completed')
})

t.test(
  'a scientist creates an online endpoint and waits for its long-running operation',
  async (t) => {
    const client = clientOf('scientist')
    const endpoint = await client.onlineEndpoints.beginCreateOrUpdateAndWait(
      RG,
      WS,
      'endpoint-one',
      { location: 'eastus', properties: { authMode: 'AADToken' } },
      { updateIntervalInMs: 5 },
    )
    t.equal(endpoint.properties.provisioningState, 'Succeeded')
  },
)

t.test('a scientist lists jobs over three pages', async (t) => {
  const client = clientOf('scientist')
  for (const name of ['page-a', 'page-b', 'page-c', 'page-d'])
    await client.jobs.createOrUpdate(RG, WS, name, commandJob)
  let pages = 0
  const names: string[] = []
  for await (const page of client.jobs.list(RG, WS).byPage()) {
    pages += 1
    names.push(...page.map((job) => job.name ?? ''))
  }
  t.equal(pages, 3)
  t.same(names.sort(), ['job-one', 'page-a', 'page-b', 'page-c', 'page-d'])
})

t.test('a scientist gets and deletes', async (t) => {
  const client = clientOf('scientist')
  await client.jobs.beginDeleteAndWait(RG, WS, 'page-d', { updateIntervalInMs: 5 })
  await t.rejects(client.jobs.get(RG, WS, 'page-d'), { statusCode: 404, code: 'ResourceNotFound' })
})

t.test('a reader reads, and writing is 403 with a code', async (t) => {
  const client = clientOf('reader')
  t.equal((await client.jobs.get(RG, WS, 'job-one')).name, 'job-one')
  await world.clear()
  await t.rejects(client.jobs.createOrUpdate(RG, WS, 'job-two', commandJob), {
    statusCode: 403,
    code: 'policy_refused',
  })
  t.same(world.lab.requests(), [], 'nothing reached Azure')
})

t.test('an outsider gets nothing', async (t) => {
  const client = clientOf('outsider')
  await world.clear()
  await t.rejects(client.jobs.get(RG, WS, 'job-one'), { statusCode: 403, code: 'policy_refused' })
  await t.rejects(client.jobs.list(RG, WS).next(), { statusCode: 403, code: 'policy_refused' })
  t.same(world.lab.requests(), [], 'nothing reached Azure')
})

t.test('keys are refused even to a scientist, unless a policy names them', async (t) => {
  const client = clientOf('scientist')
  await world.clear()
  await t.rejects(client.datastores.listSecrets(RG, WS, 'workspaceblobstore'), {
    statusCode: 403,
    code: 'secrets_refused',
  })
  t.same(world.lab.requests(), [], 'nothing reached Azure')
})

t.test(
  'everything went through the gateway, under its identities, and nothing of the caller beyond it',
  async (t) => {
    const client = clientOf('scientist')
    await world.clear()
    await client.jobs.createOrUpdate(RG, WS, 'job-three', commandJob)
    await client.onlineEndpoints.beginCreateOrUpdateAndWait(
      RG,
      WS,
      'endpoint-three',
      { location: 'eastus', properties: { authMode: 'AADToken' } },
      { updateIntervalInMs: 5 },
    )
    const requests = world.lab.requests()
    t.ok(requests.length >= 4, 'create, create, polls and the final get')
    for (const request of requests) {
      t.match(
        request.headers['user-agent'],
        /^azureml-harness\//,
        'no request of the client went to Azure directly',
      )
      t.ok(
        CHOSEN.includes(String(request.claims?.['appid'])),
        'a managed identity, and nobody else',
      )
    }
    t.notMatch(JSON.stringify(requests), CANARY)
  },
)

t.test(
  'for each call one decision and one outcome are at the sink, with all that an auditor asks for',
  async (t) => {
    const client = clientOf('scientist')
    await world.clear()
    await client.jobs.createOrUpdate(RG, WS, 'job-audited', commandJob)
    await client.jobs.get(RG, WS, 'job-audited')
    const ids = world.lab
      .requests()
      .map((request) => request.headers['x-ms-correlation-request-id'])
    t.equal(ids.length, 2)
    const rows = await world.rows((all) =>
      ids.every((id) =>
        all.some((row) => row['ExchangeId'] === id && row['RecordKind'] === 'completed'),
      ),
    )
    for (const id of ids) {
      const own = rows.filter((row) => row['ExchangeId'] === id)
      t.same(
        own.map((row) => row['RecordKind']),
        ['authorized', 'completed'],
      )
      t.match(own[1], {
        PrincipalId: /^entra\/.+\/44444444-4444-4444-8444-444444444401$/,
        PrincipalKind: 'user',
        Action: /^Microsoft\.MachineLearningServices\/workspaces\/jobs\/(read|write)$/,
        TargetResourceId: /\/workspaces\/ws-lab\/jobs\/job-audited$/,
        Decision: 'permit',
        PolicyIds: [/^data-scientist@/],
        PolicyVersion: /^[0-9a-f]{64}$/,
        IdentityName: 'ml-writer',
        CorrelationId: id,
        UpstreamRequestIds: { 'x-ms-request-id': String },
        Status: /^20[01]$/,
        BytesOut: Number,
        Outcome: 'success',
      })
    }
  },
)

t.test('the table of clients says so', async (t) => {
  const shown = createShown(world, import.meta.url)
  await shown.add('@azure/arm-machinelearning', /azsdk-js-arm-machinelearning\/(\S+)/)
  shown.compare(t)
})
