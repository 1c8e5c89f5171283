/**
 * References out of the workspace of a call: wherever they stand and however they are written, each needs the caller's
 * own permit for what it names, whether or not a policy asks for the body.
 */
import t, { type Test } from 'tap'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies, type OwnPolicies } from '../support/policies.ts'
import type { Answer, Send } from '../support/send.ts'
import {
  OTHER_WORKSPACE,
  registryId,
  RESOURCE_GROUP,
  SUBSCRIPTION,
  workspaceId,
} from '../../lab/personas.ts'

const W = workspaceId()
const WO = workspaceId(OTHER_WORKSPACE)
const VERSION = '?api-version=2024-04-01'
const RBAC = 'Microsoft.MachineLearningServices/workspaces'
const IN_OWN = `Workspace::"${W.toLowerCase()}"`
const IN_OTHER = `Workspace::"${WO.toLowerCase()}"`
const IDENTITY = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${RESOURCE_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/fraud`
const SCIENTISTS =
  'Group::"entra/11111111-1111-4111-8111-111111111111/33333333-3333-4333-8333-333333333301"'
/**
 * The reader does everything in ws-lab but change the workspace itself, by a permit that asks for no body; in ws-other
 * the reviewer may read models and run jobs.
 */
const POLICIES = `
@id("all-here") @reason("everything here") @identity("ml-writer")
permit (principal in Group::"okta/ml-readers", action, resource in ${IN_OWN})
unless { action == Action::"${RBAC}/write" };
@id("reviews-here") @reason("everything here") @identity("ml-writer")
permit (principal in Group::"entra/11111111-1111-4111-8111-111111111111/33333333-3333-4333-8333-333333333302", action, resource in ${IN_OWN});
@id("reviews-there") @reason("models and jobs there") @identity("ml-writer")
permit (principal in Group::"entra/11111111-1111-4111-8111-111111111111/33333333-3333-4333-8333-333333333302", action in [
  Action::"${RBAC}/models/read", Action::"${RBAC}/models/versions/read", Action::"${RBAC}/computes/read", Action::"${RBAC}/jobs/write"
], resource in ${IN_OTHER});
@id("joins") @reason("takes workspaces into the hub") @identity("ml-writer")
permit (principal in ${SCIENTISTS}, action == Action::"${RBAC}/hubs/join/action", resource in ${IN_OWN});
@id("writes-there") @reason("the workspace that joins") @identity("ml-writer")
permit (principal in ${SCIENTISTS}, action == Action::"${RBAC}/write", resource in ${IN_OTHER});
`

let world: World
let policies: OwnPolicies
t.before(async () => {
  policies = await ownPolicies({ 'references.cedar': POLICIES })
  world = await startGateway({ gateway: { change: policies.change } })
  await send('reader', 'PUT', `${W}/batchEndpoints/nightly${VERSION}`, { properties: {} })
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})
t.beforeEach(() => world.clear())

async function send(persona: string, method: string, path: string, body: unknown): Promise<Answer> {
  const authorization = `Bearer ${await world.lab.token(persona)}`
  const headers = { authorization, 'content-type': 'application/json' }
  const init: Send = { method, headers, body: JSON.stringify(body) }
  return world.send(path, init)
}

const changes = (): string[] =>
  world.lab
    .requests()
    .filter(({ method }) => method !== 'GET')
    .map(({ method, url }) => `${method} ${url}`)

/** Refused for the reference, recorded as that, and nothing was changed at Azure. */
async function isRefused(t: Test, answer: Answer, what: string): Promise<void> {
  t.equal(answer.status, 403, `${what}: ${answer.text}`)
  t.match(answer.code, /^(?:policy_refused|PERMISSION_DENIED)$/, what)
  t.match(answer.text, /the reference at|cannot be pinned/, what)
  t.same(changes(), [], what)
  const rows = await world.settled(answer)
  t.same(
    rows.map((row) => row['RecordKind']),
    ['refused'],
    what,
  )
}

const command = (more: object): object => ({
  properties: { jobType: 'Command', command: 'true', environmentId: 'azureml:own:1', ...more },
})
const input = (uri: string, jobInputType = 'uri_folder'): object =>
  command({ inputs: { data: { jobInputType, uri } } })

/** What refers to the other workspace, and where. */
const PLACES: readonly (readonly [string, string, object])[] = [
  [`PUT`, `${W}/jobs/a`, input(`${WO}/models/secret/versions/1`, 'custom_model')],
  [`PUT`, `${W}/jobs/a`, input(`azureml:${WO}/models/secret/versions/1`, 'custom_model')],
  [`PUT`, `${W}/jobs/a`, input(`azureml:/${WO}/models/secret/versions/1`, 'custom_model')],
  [`PUT`, `${W}/jobs/a`, input(`azureml:/${WO.toUpperCase()}/DATA/secret/VERSIONS/1`)],
  [`PUT`, `${W}/jobs/a`, input(`${WO}/models/secret/labels/latest`, 'custom_model')],
  [`PUT`, `${W}/jobs/a`, input(`${WO}/models/secret`, 'custom_model')],
  [`PUT`, `${W}/jobs/a`, input(`${WO}/datastores/projects`)],
  [
    'PUT',
    `${W}/jobs/a`,
    input(
      `azureml://subscriptions/${SUBSCRIPTION}/resourcegroups/${RESOURCE_GROUP}/workspaces/ws-other/datastores/projects/paths/fraud`,
    ),
  ],
  [`PUT`, `${W}/jobs/a`, input(`azureml:/${WO}/jobs/theirs/outputs/model`)],
  [`PUT`, `${W}/jobs/a`, input(`azureml://locations/eastus/workspaces/${SUBSCRIPTION}/data/d/versions/1`)],
  [`PUT`, `${W}/jobs/a`, input('azureml://registries/shared/data/d/versions/1')],
  [`PUT`, `${W}/jobs/a`, input(`${registryId('shared')}/data/d/versions/1`)],
  [`PUT`, `${W}/jobs/a`, input('azureml://registries/unheard-of/data/d/versions/1')],
  [`PUT`, `${W}/jobs/a`, input(`${W}/../ws-other/data/d/versions/1`)],
  [`PUT`, `${W}/jobs/a`, input(`${WO.replace('/resourceGroups', '//resourceGroups')}/data/d/versions/1`)],
  [`PUT`, `${W}/jobs/a`, input('azureml://eastus.evil.example/data')],
  [`PUT`, `${W}/jobs/a`, input(`${WO}/data/d/versions/1`.replaceAll('/', '%2F'))],
  [`PUT`, `${W}/jobs/a`, input(`${WO}/data/d/versions/1`.replaceAll('/', '%252f'))],
  [`PUT`, `${W}/jobs/a`, input(`${WO}/data/d/versions/1`.replaceAll('/', '\\'))],
  [`PUT`, `${W}/jobs/a`, input(`${WO}/data/d/versions/1`.replace('/resourceGroups', '\\resourceGroups'))],
  [`PUT`, `${W}/jobs/a`, input(`https://ml.azure.com/data/d?wsid=${encodeURIComponent(WO)}`)],
  [`PUT`, `${W}/jobs/a`, input('azureml%3A//registries/shared/data/d/versions/1')],
  [`PUT`, `${W}/jobs/a`, input('azureml://datastores/../../ws-other/datastores/d/paths/x')],
  [`PUT`, `${W}/jobs/a`, input('azureml://datastores/d/paths/%2e%2e/%2e%2e/x')],
  [`PUT`, `${W}/jobs/a`, input('azureml:jobs/../../ws-other/jobs/j/outputs/x')],
  [`PUT`, `${W}/jobs/a`, input(`${W}${WO.replace(/.*(?=\/providers)/, '')}/data/d/versions/1`)],
  [`PUT`, `${W}/jobs/a`, command({ description: [`${WO}/data/d/versions/1`] })],
  [`PUT`, `${W}/jobs/a`, command({ environmentId: `${WO}/environments/e/versions/1` })],
  [`PUT`, `${W}/jobs/a`, command({ computeId: `${WO}/computes/gpu` })],
  [`PUT`, `${W}/jobs/a`, command({ codeId: `${WO}/codes/c/versions/1` })],
  [`PUT`, `${W}/jobs/a`, command({ unknown: { deep: [{ x: `${WO}/data/d/versions/1` }] } })],
  [`PUT`, `${W}/jobs/a`, command({ description: { x: `${WO}/data/d/versions/1` } })],
  [`PUT`, `${W}/jobs/a`, command({ inputs: { description: { uri: `${WO}/data/d/versions/1` } } })],
  [`PUT`, `${W}/jobs/a`, command({ command: `cp azureml://subscriptions/${SUBSCRIPTION}/resourcegroups/rg-lab/workspaces/ws-other/datastores/d/paths/x .` })],
  [`PUT`, `${W}/jobs/a`, command({ identity: { resourceId: IDENTITY } })],
  [`PUT`, `${W}/jobs/a`, command({ [`${WO}/connections/c`]: 1 })],
  [`PUT`, `${W}/jobs/a`, command({ connection: `${WO}/connections/c` })],
  ['PUT', `${W}/schedules/s`, { properties: { action: { actionType: 'CreateJob', jobDefinition: { jobType: 'Command', computeId: `${WO}/computes/gpu` } } } }],
  ['PUT', `${W}/components/c/versions/1`, { properties: { componentSpec: { inputs: { x: { type: 'uri_folder', default: `${WO}/data/d/versions/1` } } } } }],
  ['PUT', `${W}/models/m/versions/1`, { properties: { modelUri: `azureml:/${WO}/jobs/j/outputs/model` } }],
  ['PUT', `${W}/models/m/versions/1`, { properties: { modelUri: `azureml://registries/shared/models/m/versions/1` } }],
  ['PUT', `${W}/onlineEndpoints/e`, { identity: { type: 'UserAssigned', userAssignedIdentities: { [IDENTITY]: {} } }, properties: {} }],
  ['PUT', `${W}/onlineEndpoints/e/deployments/blue`, { properties: { model: `${WO}/models/secret/versions/1` } }],
  ['PATCH', `${W}/onlineEndpoints/e/deployments/blue`, { properties: { model: `${WO}/models/secret/versions/1` } }],
  ['PUT', `${W}/batchEndpoints/e/deployments/blue`, { properties: { model: { referenceType: 'Id', assetId: `${WO}/models/secret/versions/1` } } }],
  ['PUT', `${W}/computes/c`, { identity: { userAssignedIdentities: { [IDENTITY]: {} } }, properties: { computeType: 'AmlCompute' } }],
  ['PATCH', `${W}/computes/c`, { properties: { subnet: { id: IDENTITY.replace(/Microsoft.Managed.*/, 'Microsoft.Network/virtualNetworks/v/subnets/s') } } }],
  ['POST', `${W}/models/m/versions/1/publish`, { registryName: 'shared', destinationName: 'm' }],
  ['PUT', `/mferp/managementfrontend${W}/jobs/a`, input(`${WO}/data/d/versions/1`)],
  ['POST', `/_score/${SUBSCRIPTION}/${RESOURCE_GROUP}/ws-lab/nightly/jobs`, { properties: { inputData: { d: { jobInputType: 'UriFolder', uri: `${WO}/data/d/versions/1` } } } }],
  ['PATCH', `/history/v1.0${W}/experiments/e/runs/events`, { inputs: { d: { assetId: `${WO}/data/d/versions/1` } } }],
  ['PATCH', `/history/v1.0${W}/experiments/runs/runs/r`, { inputs: { d: { assetId: `${WO}/data/d/versions/1` } } }],
  ['PATCH', `/modelmanagement/v1.0${W}/assets/list`, [{ op: 'add', path: '/artifacts/-', value: { prefix: `${WO}/models/secret/versions/1` } }]],
  ['POST', `/data/v1.0${W}/dataversion/getByAssetId`, { value: `${WO}/data/d/versions/1` }],
  ['POST', `/modelmanagement/v1.0${W}/models`, { name: 'm', url: `azureml:/${WO}/models/secret/versions/1` }],
  ['POST', `/execution/v1.0${W}/experiments/e/startrun`, { target: `${WO}/computes/gpu` }],
  ['POST', `/mlflow/v1.0${W}/api/2.0/mlflow/model-versions/create`, { name: 'm', source: `azureml://eastus.api.azureml.ms/mlflow/v1.0${WO}/experiments/e/runs/r/artifacts/model` }],
] // prettier-ignore

t.test('what is elsewhere is refused to who may not have it there', async (t) => {
  for (const [method, path, body] of PLACES) {
    await world.clear()
    const query = /^\/(?:_score|history|data|modelm|execution|mlflow)/.test(path) ? '' : VERSION
    const answer = await send('reader', method, `${path}${query}`, body)
    await isRefused(t, answer, `${method} ${path} ${JSON.stringify(body)}`)
  }
})

t.test('a scientist, whose bodies are pinned and stamped, is refused as well', async (t) => {
  for (const [method, path, body] of PLACES.filter(([, at]) => at === `${W}/jobs/a`)) {
    await world.clear()
    const answer = await send('scientist', method, `${path}${VERSION}`, body)
    await isRefused(t, answer, JSON.stringify(body))
  }
})

const OWN_BODIES: readonly object[] = [
  input(`${W}/data/d/versions/1`),
  input(`${W.toLowerCase()}/data/d/versions/1`),
  input(`azureml:${W}/models/m/versions/1`, 'custom_model'),
  input('azureml:d:1'),
  input('azureml:d@latest'),
  input('azureml://datastores/projects/paths/a/b'),
  input('azureml://jobs/j/outputs/artifacts/paths/model'),
  input(`azureml:/${W}/datastores/projects`),
  input(`azureml://subscriptions/${SUBSCRIPTION}/resourcegroups/${RESOURCE_GROUP}/workspaces/ws-lab/datastores/d/paths/x%20y/`),
  input('azureml://datastores/projects/paths/a%2Fb/c..d/'),
  input('https://account.blob.core.windows.net/container/x'),
  input('https://account.blob.core.windows.net/container/a%2Fsubscriptions%2Fb.csv'),
  input('wasbs://container@account.blob.core.windows.net/x'),
  command({ computeId: `${W}/computes/cpu-cluster` }),
  command({ description: `what ${WO}/models/secret/versions/1 said` }),
  command({ tags: { from: `${WO}/models/secret/versions/1` } }),
  command({ environmentVariables: { VAULT: IDENTITY } }),
  command({ codeConfiguration: { scoringScript: 'subscriptions/score.py' } }),
  command({ properties: { subscription: `/subscriptions/${SUBSCRIPTION}` } }),
] // prettier-ignore

t.test('what is the workspace’s own passes, byte for byte', async (t) => {
  for (const [n, body] of OWN_BODIES.entries()) {
    await world.clear()
    const answer = await send('reader', 'PUT', `${W}/jobs/own${n}${VERSION}`, body)
    t.equal(answer.status, 201, `${JSON.stringify(body)}: ${answer.text}`)
    const [arrived, ...more] = world.lab.requests()
    t.same(more, [])
    t.equal(arrived?.body, JSON.stringify(body))
  }
})

t.test('by its GUID a workspace is its own, and no other', async (t) => {
  const document = (await send('reader', 'GET', `${W}${VERSION}`, undefined)).json()
  const guid = (document as { properties: { workspaceId: string } }).properties.workspaceId
  const at = (id: string) => input(`azureml://locations/eastus/workspaces/${id}/data/d/versions/1`)
  t.equal((await send('reader', 'PUT', `${W}/jobs/guid${VERSION}`, at(guid))).status, 201)
  await world.clear()
  const other = guid.replace(/^./, guid.startsWith('a') ? 'b' : 'a')
  await isRefused(t, await send('reader', 'PUT', `${W}/jobs/g${VERSION}`, at(other)), 'another')
})

t.test('what a query names is judged like what a body names', async (t) => {
  const at = (id: string) => `${W}/data${VERSION}&assetId=${encodeURIComponent(id)}`
  const get = async (persona: string, path: string) =>
    world.send(path, { headers: { authorization: `Bearer ${await world.lab.token(persona)}` } })
  for (const id of [
    `${WO}/data/secret/versions/1`,
    `azureml:/${WO}/data/secret/versions/1`,
    `filter eq '${WO}/jobs/secret'`,
    encodeURIComponent(`${WO}/data/secret/versions/1`),
    'azureml://registries/other/models/m/versions/1',
    IDENTITY,
  ]) {
    await world.clear()
    await isRefused(t, await get('reader', at(id)), id)
  }
  await world.clear()
  await isRefused(t, await get('reader', `/history/v1.0${W}/runs/j1?of=${WO}/jobs/x`), 'data plane')
  for (const id of [`${W}/data/d/versions/1`, 'azureml://datastores/d/paths/x', 'subscriptions'])
    t.equal((await get('reader', at(id))).status, 200, id)
  t.equal((await get('reviewer', at(`${WO}/models/shared/versions/1`))).status, 200)
})

t.test('who has the permit there refers to it from here', async (t) => {
  for (const [body, status] of [
    [input(`${WO}/models/shared/versions/1`, 'custom_model'), 201],
    [input(`${WO}/models/shared/labels/latest`, 'custom_model'), 201],
    [command({ computeId: `${WO}/computes/gpu` }), 201],
    [command({ identity: { resourceId: IDENTITY } }), 201],
    [input(`${WO}/data/d/versions/1`), 403],
    [command({ environmentId: `${WO}/environments/e/versions/1` }), 403],
  ] as const) {
    const answer = await send('reviewer', 'PUT', `${W}/jobs/there${VERSION}`, body)
    t.match(String(answer.status), status === 403 ? /403/ : /20[01]/, JSON.stringify(body))
  }
})

t.test('a public registry needs its binding, with a version as with a label', async (t) => {
  const environmentId = 'azureml://registries/azureml/environments/sklearn-1.5/versions/31'
  const body = command({ environmentId })
  const bound = await send('scientist', 'PUT', `${W}/jobs/curated${VERSION}`, body)
  t.equal(bound.status, 201, bound.text)
  await world.clear()
  await isRefused(t, await send('reader', 'PUT', `${W}/jobs/c${VERSION}`, body), 'no binding')
})

t.test(
  'who may do nothing has no body read, and a body that cannot be read is refused',
  async (t) => {
    const foreign = input(`${WO}/data/d/versions/1`)
    const answer = await send('outsider', 'PUT', `${W}/jobs/a${VERSION}`, foreign)
    t.equal(answer.code, 'policy_refused')
    t.notMatch(answer.text, 'the reference at')
    const authorization = `Bearer ${await world.lab.token('reader')}`
    for (const [type, body, code] of [
      ['text/plain', '{}', 'unsupported_media_type'],
      ['application/json', '{"a":1,"a":2}', 'bad_body'],
      ['application/json', '{', 'bad_body'],
    ] as const) {
      const headers = { authorization, 'content-type': type }
      const odd = await world.send(`${W}/jobs/a${VERSION}`, { method: 'PUT', headers, body })
      t.equal(odd.code, code)
    }
    t.same(changes(), [])
  },
)

t.test('measurements and files stream as before', async (t) => {
  const authorization = `Bearer ${await world.lab.token('reader')}`
  const logged = { run_id: 'r', tags: [{ key: 'k', value: `${WO}/data/d/versions/1` }] }
  await send('reader', 'POST', `/mlflow/v1.0${W}/api/2.0/mlflow/runs/log-batch`, logged)
  const headers = { authorization, 'content-type': 'application/octet-stream' }
  await world.send(`/artifact/v2.0${W}/artifacts/ExperimentRun/dcid.r/content?path=x`, {
    method: 'POST',
    headers,
    body: 'bytes',
  })
  t.equal(changes().length, 2)
})

t.test('a hub takes in what its caller may write, and nothing else', async (t) => {
  const join = async (persona: string, name: string): Promise<Answer> =>
    send(persona, 'PUT', `/rp/workspaces${W}/join/${name}`, {})
  await isRefused(t, await join('reader', OTHER_WORKSPACE), 'somebody who may do all in the hub')
  await isRefused(t, await join('reviewer', OTHER_WORKSPACE), 'somebody who may read there')
  await isRefused(t, await join('scientist', 'ws-third'), 'a workspace that nobody named')
  await isRefused(t, await join('scientist', '~odd'), 'no name')
  t.same(changes(), [])
  await join('scientist', OTHER_WORKSPACE)
  t.match(changes(), [new RegExp(`/join/${OTHER_WORKSPACE}$`)], 'who may write it')
})
