/**
 * Labels of registries, other workspaces and components, as published clients send them: they arrive as versions, or
 * nothing arrives.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { AzureMachineLearningWorkspaces, type JobBase as Job } from '@azure/arm-machinelearning'
import type { Fault } from '../../lab/server/faults.ts'
import {
  OTHER_WORKSPACE,
  registryId,
  RESOURCE_GROUP as RG,
  SUBSCRIPTION,
  WORKSPACE as WS,
  workspaceId,
} from '../../lab/personas.ts'
import { caller } from '../lab/helper.ts'
import { SHIPPED } from '../policy/support.ts'
import { startGateway, type World } from '../support/gateway.ts'

const LAB_BINDINGS = join(import.meta.dirname, '..', '..', 'lab', 'gateway', 'bindings.yaml')
const SCIENTISTS =
  'Group::"entra/11111111-1111-4111-8111-111111111111/33333333-3333-4333-8333-333333333301"'
const BINDINGS = `
  - id: scientists-read-other
    template: reader
    principal: ${SCIENTISTS}
    resource: Workspace::"${workspaceId(OTHER_WORKSPACE).toLowerCase()}"
`
const UPSTREAM_TIMEOUT_MS = 1_000
const CURATED = 'azureml://registries/azureml/environments/sklearn-1.5/labels/latest'
const DISCOVERY = '/registrymanagement/v1.0/registries/'

let world: World
const directory = await mkdtemp(join(tmpdir(), 'azureml-harness-pins-'))
t.before(async () => {
  const bindings = join(directory, 'bindings.yaml')
  await writeFile(bindings, (await readFile(LAB_BINDINGS, 'utf8')) + BINDINGS)
  world = await startGateway({
    gateway: {
      change: (config) => ({
        ...config,
        policies: { directory: SHIPPED, bindings },
        limits: { ...config.limits, upstreamTimeoutMs: UPSTREAM_TIMEOUT_MS },
      }),
    },
  })
})
t.teardown(async () => {
  await world.close()
  await rm(directory, { recursive: true, force: true })
})

const clientOf = (persona: string): AzureMachineLearningWorkspaces =>
  new AzureMachineLearningWorkspaces(
    {
      getToken: async () => ({
        token: await world.lab.token(persona),
        expiresOnTimestamp: Date.now() + 3_000_000,
      }),
    },
    SUBSCRIPTION,
    { endpoint: world.url, retryOptions: { maxRetries: 0 } },
  )

const jobWith = (properties: object): Job => ({
  properties: {
    jobType: 'Command',
    command: 'python train.py',
    computeId: 'azureml:cpu-cluster',
    environmentId: 'azureml:e:1',
    ...properties,
  },
})

const submit = async (name: string, properties: object): Promise<Job> =>
  clientOf('scientist').jobs.createOrUpdate(RG, WS, name, jobWith(properties))

const reached = (): readonly string[] =>
  world.lab.requests().map(({ method, url }) => `${method} ${url.split('?')[0] ?? ''}`)

/** Puts versions of an asset into the lab, past the gateway. */
async function publish(path: string, versions: readonly string[], body: object): Promise<void> {
  const call = await caller(world.lab)
  for (const version of versions) {
    const id = `${path}/versions/${version}?api-version=2024-04-01`
    const { status } = await call('PUT', id, { properties: body })
    if (status !== 201) throw new Error(`the lab did not take ${path}: ${status}`)
  }
}

t.test("an environment of Microsoft's registry arrives with its version", async (t) => {
  await world.clear()
  const created = await submit('curated', { environmentId: CURATED })
  const version = 'azureml://registries/azureml/environments/sklearn-1.5/versions/31'
  t.match(created.properties, { environmentId: version })
  t.same(reached(), [
    `GET ${DISCOVERY}azureml/discovery`,
    `GET /mferp/managementfrontend${registryId('azureml').toLowerCase()}/environments/sklearn-1.5/versions`,
    `PUT ${workspaceId()}/jobs/curated`,
  ])
  const row = (await world.allRecords()).findLast(
    (one) => one['JobName'] === 'curated' && one['RecordKind'] === 'authorized',
  )
  const arrived = world.lab.requests().at(-1)
  t.match(row?.['Changes'], [
    { effect: 'pin', at: '/properties/environmentId', to: version },
    { effect: 'stamp' },
  ])
  t.equal(row?.['SentSha256'], arrived?.bodySha256)
  t.match(row?.['BodySha256'], /^[0-9a-f]{64}$/)
  t.not(row?.['BodySha256'], row?.['SentSha256'])
})

t.test('every call of a lookup is under the identity of the call', async (t) => {
  await world.clear()
  await submit('identity', {
    environmentId: 'azureml://registries/azureml/environments/sklearn-1.5/labels/latest',
  })
  const tokens = new Set(world.lab.requests().map(({ headers }) => headers['authorization']))
  t.equal(tokens.size, 1)
})

t.test("a component's default version is what stands behind the label", async (t) => {
  const step = {
    type: 'command',
    componentId: 'azureml://registries/azureml/components/train_model/labels/default',
  }
  const created = await submit('defaults', { jobType: 'Pipeline', jobs: { train: step } })
  t.match(created.properties, {
    jobs: {
      train: {
        componentId: 'azureml://registries/azureml/components/train_model/versions/0.0.2',
      },
    },
  })
})

t.test('another workspace is asked where its caller may read', async (t) => {
  await publish(`${workspaceId(OTHER_WORKSPACE)}/environments/theirs`, ['3', '4'], { image: 'a:1' })
  const of = (name: string): string => `${workspaceId(name)}/environments/theirs/labels/latest`
  const created = await submit('theirs', { environmentId: of(OTHER_WORKSPACE) })
  t.match(created.properties, {
    environmentId: `${workspaceId(OTHER_WORKSPACE)}/environments/theirs/versions/4`,
  })
  await world.clear()
  await t.rejects(submit('closed', { environmentId: of('ws-closed') }), {
    statusCode: 403,
    code: 'policy_refused',
    message:
      /"theirs" cannot be pinned: policy does not permit you to read it in workspace "ws-closed"/,
  })
  t.same(reached(), [], 'nothing was asked, nothing was sent')
})

t.test('a registry that the caller may not read is not asked for its assets', async (t) => {
  await publish(`${registryId('shared')}/environments/ours`, ['1'], { image: 'a:1' })
  await world.clear()
  const environmentId = 'azureml://registries/shared/environments/ours/labels/latest'
  await t.rejects(submit('shared', { environmentId }), {
    statusCode: 403,
    code: 'policy_refused',
    message: /not permit you to read it in registry "shared"/,
  })
  t.same(reached(), [`GET ${DISCOVERY}shared/discovery`])
})

t.test('bodies for other hosts than that of Azure Resource Manager are pinned, too', async (t) => {
  await publish(`${workspaceId()}/data/rows`, ['1', '2'], { dataUri: 'azureml://datastores/a/b' })
  const headers = {
    authorization: `Bearer ${await world.lab.token('scientist')}`,
    'content-type': 'application/json',
  }
  const input = { JobInputType: 'UriFolder', Uri: 'azureml:rows@latest' }
  const batch = `${workspaceId()}/batchEndpoints/nightly?api-version=2024-04-01`
  await world.send(batch, { method: 'PUT', headers, body: '{"properties":{}}' })
  const scoring = `/_score/${SUBSCRIPTION}/${RG}/${WS}/nightly/jobs`
  for (const [method, path, body, sent] of [
    [
      'PUT',
      `/mferp/managementfrontend${workspaceId()}/jobs/front?api-version=2024-04-01`,
      jobWith({ environmentId: CURATED }),
      '/environments/sklearn-1.5/versions/31',
    ],
    ['POST', scoring, { properties: { InputData: { rows: input } } }, 'azureml:rows:2'],
  ] as const) {
    await world.clear()
    await world.send(path, { method, headers, body: JSON.stringify(body) })
    const arrived = world.lab.requests().findLast((one) => one.method === method)
    t.ok(arrived?.body?.includes(sent), `${method} ${path}`, { body: arrived?.body })
  }
})

t.test('what Azure does not know is refused by name', async (t) => {
  const at = (registry: string, name: string): string =>
    `azureml://registries/${registry}/environments/${name}/labels/latest`
  for (const [environmentId, message] of [
    [at('nowhere', 'x'), /there is no registry "nowhere"/],
    [at('azureml', 'unheard-of'), /"unheard-of" cannot be pinned: it has no version/],
    [at('azureml', 'sklearn-1.5').replace(/latest$/, 'stable'), /azure has no label "stable"/],
  ] as const) {
    await world.clear()
    await t.rejects(submit('no', { environmentId }), {
      statusCode: 403,
      code: 'policy_refused',
      message,
    })
    t.same(
      reached().filter((one) => one.startsWith('PUT')),
      [],
    )
  }
})

t.test('where Azure fails, so does the call, and nothing of it is sent', async (t) => {
  const foreign = {
    primaryRegionResourceProviderUri: 'https://evil.example/',
    subscriptionId: SUBSCRIPTION,
    resourceGroup: RG,
  }
  const cases: readonly [string, string, Fault, number, string][] = [
    ['discovery fails', DISCOVERY, { status: 500, body: {} }, 500, 'upstream_bad_answer'],
    ['discovery hangs', DISCOVERY, { hang: true }, 504, 'upstream_timeout'],
    ['discovery is no JSON', DISCOVERY, { body: '<html>' }, 502, 'upstream_bad_answer'],
    ['discovery says nothing', DISCOVERY, { body: {} }, 502, 'upstream_bad_answer'],
    ['discovery lies', DISCOVERY, { body: foreign }, 502, 'upstream_foreign_url'],
    ['the registry fails', '/mferp/', { status: 500, body: {} }, 500, 'upstream_bad_answer'],
    ['the registry hangs', '/mferp/', { hang: true }, 504, 'upstream_timeout'],
    ['the registry refuses', '/mferp/', { status: 403, body: {} }, 403, 'upstream_forbidden'],
    ['the registry is cut off', '/mferp/', { reset: true }, 502, 'upstream_reset'],
  ]
  const authorization = `Bearer ${await world.lab.token('scientist')}`
  for (const [at, [name, path, fault, status, code]] of cases.entries()) {
    // of none of these is anything known yet
    const [registry, asset] = path === DISCOVERY ? [`reg-${at}`, 'e'] : ['azureml', `e-${at}`]
    const environmentId = `azureml://registries/${registry}/environments/${asset}/labels/latest`
    await world.clear()
    await world.fault('dataPlane', { ...fault, match: { path }, times: 1 })
    const answer = await world.send(`${workspaceId()}/jobs/failing?api-version=2024-04-01`, {
      method: 'PUT',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(jobWith({ environmentId })),
    })
    t.equal(answer.status, status, name)
    t.equal(answer.code, code, name)
    t.same(
      reached().filter((one) => one.startsWith('PUT')),
      [],
      `${name}: nothing was sent`,
    )
    t.match(await world.settled(answer), [{ RecordKind: 'refused', RefusalCode: code }], name)
  }
})
