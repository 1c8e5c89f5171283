/**
 * A fact that nobody told is no consent, past Resource Manager: models and experiments by MLflow and run history, web
 * services, and writes that nobody reads.
 */
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'

const W = workspaceId()
const V = '?api-version=2024-04-01'
const MLFLOW = `/mlflow/v1.0${W}/api/2.0/mlflow`
/** Tags for all changes; the published guardrails for writes. */
const FORBIDS = `
@id("own")
@reason("what is changed is of project churn")
forbid (principal, action in [Action::"write", Action::"delete", Action::"invoke"], resource)
when { context has tags && !context.tags.contains("project=churn") };

@id("no-public-network")
@reason("nothing here is reachable from the internet")
forbid (principal, action in Action::"write", resource)
when { context has publicNetworkAccess && context.publicNetworkAccess };

@id("everything")
@reason("for the test: everybody may do everything")
@identity("ml-writer")
permit (principal, action in [Action::"read", Action::"write", Action::"delete", Action::"invoke"], resource);
`

const policies = await ownPolicies({ 'own.cedar': FORBIDS })
let world: World
t.before(async () => {
  world = await startGateway({ gateway: { change: policies.change } })
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

async function call(method: string, path: string, body?: object) {
  const headers = {
    authorization: `Bearer ${await world.lab.token('scientist')}`,
    ...(body === undefined
      ? {}
      : {
          'content-type': 'application/json',
          'content-length': String(JSON.stringify(body).length),
        }),
  }
  const text = body === undefined ? {} : { body: JSON.stringify(body) }
  return world.send(path, { method, headers, ...text })
}

const changes = () => world.lab.requests().filter(({ method }) => method !== 'GET')

t.test('what nothing tells of is refused, and says which fact and policy', async (t) => {
  for (const [method, path, body] of [
    ['DELETE', `${MLFLOW}/registered-models/delete`, { name: 'fraud' }],
    ['DELETE', `${MLFLOW}/registered-models/delete?name=fraud`, undefined],
    ['PATCH', `${MLFLOW}/registered-models/update`, { name: 'fraud', description: 'x' }],
    ['POST', `${MLFLOW}/registered-models/set-tag`, { name: 'fraud', key: 'k', value: 'v' }],
    ['DELETE', `${MLFLOW}/model-versions/delete`, { name: 'fraud', version: '1' }],
    ['POST', `${MLFLOW}/experiments/delete`, { experiment_id: '7' }],
    ['POST', `${MLFLOW}/experiments/update`, { experiment_id: '7', new_name: 'x' }],
    ['POST', `${MLFLOW}/experiments/restore`, { experimentId: '7' }],
    ['DELETE', `/history/v1.0${W}/experimentids/7`, undefined],
    ['DELETE', `/modelregistry/v1.0${W}/models/fraud:1`, undefined],
    ['POST', `/modelregistry/v1.0${W}/models`, { name: 'x' }],
    ['DELETE', `/dataset/v1.0${W}/datasets`, undefined],
    ['DELETE', `/datastore/v1.0${W}/datastores/x`, undefined],
    ['POST', `/modelmanagement/v1.0${W}/services`, { computeType: 'ACI', authEnabled: false }],
    ['PUT', `${W}/capabilityHosts/x${V}`, { properties: {} }],
    ['PUT', `${W}/marketplaceSubscriptions/x${V}`, { properties: { modelId: 'm' } }],
    ['PUT', `${W}/privateEndpointConnections/x${V}`, { properties: {} }],
    ['POST', `${W}/computes/c5/frobnicate${V}`, { targetVMSize: 'standard_nd96' }],
  ] as const) {
    await world.clear()
    const answer = await call(method, path, body)
    t.equal(answer.status, 403, `${method} ${path} ${answer.text}`)
    t.match(answer.text, /policy asks for (?:\\"\w+\\"(?:, )?)+ here, and nothing tells/)
    t.match(answer.text, /@absent\(\\"permits\\"\)/)
    t.same(changes(), [], 'nothing was changed')
    const row = (await world.allRecords()).at(-1)
    t.match(row, { RecordKind: 'refused', RefusalCode: 'fact_unknown', Decision: 'refuse' })
  }
})

t.test('a model or experiment is judged by the tags that it has', async (t) => {
  const model = { name: 'm' }
  const experiment = { experiment_id: '7' }
  for (const [method, path, body, read, told] of [
    ['DELETE', 'registered-models/delete', model, 'registered-models/get', 'registered_model'],
    ['POST', 'registered-models/rename', model, 'registered-models/get', 'registered_model'],
    ['POST', 'experiments/delete', experiment, 'experiments/get', 'experiment'],
    ['POST', 'experiments/restore', experiment, 'experiments/get', 'experiment'],
  ] as const) {
    for (const project of ['fraud', 'churn']) {
      await world.clear()
      const tags = [{ key: 'project', value: project }]
      const answer = { [told]: { name: 'm', experiment_id: '7', tags } }
      await world.fault('dataPlane', { match: { path: `/${read}` }, status: 200, body: answer })
      const got = await call(method, `${MLFLOW}/${path}`, body)
      if (project === 'churn') {
        t.ok(got.status < 300, `${path} ${got.text}`)
        t.equal(changes().length, 1)
        continue
      }
      t.equal(got.status, 403, `${path} ${got.text}`)
      t.match(got.text, /what is changed is of project churn/)
      t.same(changes(), [])
    }
  }
})

t.test('a model that is made has the tags that it is made with', async (t) => {
  const make = async (tags: readonly object[]) =>
    call('POST', `${MLFLOW}/registered-models/create`, { name: 'new', tags })
  t.equal((await make([{ key: 'project', value: 'churn' }])).status, 200)
  const why = /policy_refused: what is changed is of project churn/
  t.match((await make([{ key: 'project', value: 'fraud' }])).text, why)
  t.match((await make([])).text, why)
})

t.test('an experiment of run history is judged by the tags that it has and gets', async (t) => {
  const at = `/history/v1.0${W}/experimentids/7`
  for (const [method, path, body, project, passes] of [
    ['PATCH', at, { description: 'x' }, 'churn', true],
    ['PATCH', at, { description: 'x' }, 'fraud', false],
    ['PATCH', at, { tags: { note: 'x' } }, 'churn', true],
    ['PATCH', at, { tags: { project: 'fraud' } }, 'churn', false],
    ['PATCH', at, { tags: { project: 'churn' } }, 'fraud', false],
    ['POST', `${at}/tags:delete`, { tags: ['note'] }, 'churn', true],
    ['POST', `${at}/tags:delete`, { tags: ['project'] }, 'churn', false],
    ['POST', `/history/v1.0${W}/experiments/seven`, undefined, 'churn', true],
    ['POST', `/history/v1.0${W}/experiments/seven`, { tags: {} }, 'fraud', false],
    ['POST', `/history/v1.0${W}/experiments/seven`, { tags: { project: 'fraud' } }, 'churn', false],
    [
      'POST',
      `${MLFLOW}/experiments/set-experiment-tag`,
      { experiment_id: '7', key: 'note', value: 'x' },
      'churn',
      true,
    ],
    [
      'POST',
      `${MLFLOW}/experiments/set-experiment-tag`,
      { experiment_id: '7', key: 'project', value: 'fraud' },
      'churn',
      false,
    ],
    [
      'POST',
      `${MLFLOW}/experiments/delete-experiment-tag`,
      { experiment_id: '7', key: 'project' },
      'churn',
      false,
    ],
  ] as const) {
    // prettier-ignore
    await world.clear()
    const tags = { project, note: 'y' }
    const there = { name: 'seven', experimentId: '7', tags }
    for (const part of ['/experimentids/7', '/experiments/seven'])
      await world.fault('dataPlane', {
        match: { path: part, method: 'GET' },
        status: 200,
        body: there,
      })
    const listed = Object.entries(tags).map(([key, value]) => ({ key, value }))
    const told = { experiment: { name: 'seven', experiment_id: '7', tags: listed } }
    await world.fault('dataPlane', { match: { path: '/experiments/get' }, status: 200, body: told })
    const got = await call(method, path, body)
    if (passes) t.notMatch(got.text, /policy_refused|fact_unknown/, `${method} ${path}`)
    else t.match(got.text, /what is changed is of project churn/, `${method} ${path}`)
    t.equal(
      changes().length,
      passes ? 1 : 0,
      `${method} ${path} ${JSON.stringify(body)} ${project}`,
    )
  }
})

t.test('an experiment that is made has the tags that it is made with', async (t) => {
  for (const [body, passes] of [
    [{ tags: { project: 'churn' } }, true],
    [{ tags: { project: 'fraud' } }, false],
    [{}, false],
    [undefined, false],
  ] as const) {
    await world.clear()
    const got = await call('POST', `/history/v1.0${W}/experiments/new`, body)
    t.equal(changes().length, passes ? 1 : 0, `${JSON.stringify(body)} ${got.text}`)
  }
})
