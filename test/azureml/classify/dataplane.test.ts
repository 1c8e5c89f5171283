import t from 'tap'
import { classify } from '../../../src/azureml/classify.ts'
import { createHosts } from '../../../src/azureml/hosts/hosts.ts'
import { parseTarget } from '../../../src/azureml/target.ts'
import { upstreamPath } from '../../../src/azureml/hosts/upstream-path.ts'
import { Refusal } from '../../../src/errors.ts'
import { absent, fill, surface } from '../../support/surface.ts'

const S = '/subscriptions/00000000-0000-0000-0000-00000000000a'
const W = `${S}/resourceGroups/RG/providers/Microsoft.MachineLearningServices/workspaces/WS`
const w = W.toLowerCase()

const judge = (method: string, path: string) => classify(parseTarget(method, path))

const code = (method: string, path: string): string => {
  try {
    judge(method, path)
    return 'accepted'
  } catch (error) {
    return error instanceof Refusal ? error.code : String(error)
  }
}

t.test('every data-plane operation of the published surface classifies', { skip: absent }, (t) => {
  const operations = surface('dataplane.json')
  t.equal(operations.length, 303)
  for (const { method, path, action, returnsSecrets, operationId } of operations) {
    const arm = path.startsWith('/subscriptions')
    const filled = fill(path) + (arm ? '?api-version=2020-09-01-dataplanepreview' : '')
    const name = `${operationId}: ${method} ${path}`
    if (action === null) {
      t.equal(code(method, filled), 'unknown_operation', name)
      continue
    }
    const operation = judge(method, filled)
    // the query decides, and this one asks for the secrets
    const expected = path.endsWith('image?secrets={true|false}')
      ? 'Microsoft.MachineLearningServices/workspaces/environments/readSecrets/action'
      : action
    t.match(operation, { action: expected, secrets: returnsSecrets }, name)
    t.strictSame(
      judge(
        method,
        filled.replace(/^\/\w+/, (first) => first.toUpperCase()),
      ).action,
      expected,
    )
  }
  t.end()
})

t.test('a run is the same resource however its path names it', (t) => {
  const id = `${w}/runs/MyRun`
  for (const path of [
    'runs/MyRun',
    'experiments/e/runs/MyRun/details',
    'experimentids/1/runs/MyRun',
  ]) {
    const { resource, scope } = judge('GET', `/history/v1.0${W}/${path}`)
    t.equal(resource.type, 'Run')
    t.equal(resource.id, id)
    t.equal(resource.ancestors.at(-1)?.type, 'Subscription')
    t.equal(resource.ancestors.at(-3)?.id, w)
    t.equal(scope, w)
  }
  t.strictSame(judge('GET', `/history/v1.0${W}/experiments/E/runs/r`).resource.ancestors[0], {
    type: 'Experiment',
    id: `${w}/experiments/E`,
  })
  t.end()
})

t.test('a data asset has the id that ARM gives it', (t) => {
  const plane = judge('GET', `/data/v1.0${W}/dataversion/Cars/versions/3`).resource
  const arm = judge('GET', `${W}/data/Cars/versions/3?api-version=2024-04-01`).resource
  t.strictSame(plane, arm)
  t.equal(
    judge('POST', `/data/v1.0${W}/dataversion/getByAssetId`).resource.id,
    `${w}/data-versions`,
  )
  t.equal(judge('GET', `/datastore/v1.0${W}/datastores/Blob`).resource.id, `${w}/datastores/blob`)
  t.end()
})

t.test('colon verbs, literals and names in one place are told apart', (t) => {
  t.equal(judge('POST', `/history/v1.0${W}/experiments:query`).effect, 'read')
  t.equal(judge('POST', `/history/v1.0${W}/experiments/query`).effect, 'write')
  t.equal(judge('POST', `/history/v1.0${W}/experiments/e/runs/runIds`).effect, 'read')
  t.equal(judge('POST', `/artifact/v2.0${W}/artifacts/o/c/batch/metadata:delete`).effect, 'delete')
  t.equal(judge('POST', `/genericasset${W}/indexes/i:getNextVersion`).resource.id, `${w}/indexes/i`)
  t.equal(judge('GET', `/artifact/v2.0${W}/artifacts/o/c/write`).effect, 'write')
  t.equal(judge('DELETE', `/dataset/v1.2${W}/datasets`).resource.id, `${w}/datasets`)
  t.end()
})

t.test('the query decides whether an environment’s image comes with secrets', (t) => {
  const path = `/environment/v1.0${W}/environments/e/versions/1/image`
  t.match(judge('GET', path), { secrets: false, effect: 'read' })
  t.match(judge('GET', `${path}?secrets=false`), { secrets: false })
  t.match(judge('GET', `${path}?Secrets=True`), { secrets: true, effect: 'invoke' })
  t.end()
})

t.test('MLflow answers under each version of its prefix', (t) => {
  for (const prefix of ['/mlflow/v1.0', '/mlflow/v2.0', '/MLFlow/v1.0']) {
    for (const api of ['api/2.0', 'api/3.0']) {
      const operation = judge('POST', `${prefix}${W}/${api}/mlflow/runs/create`)
      t.match(operation, { family: 'mlflow', effect: 'write', scope: w })
      t.equal(operation.resource.id, `${w}/runs`)
    }
  }
  t.end()
})

t.test('the management front end is ARM’s grammar on the data plane', (t) => {
  const path = '/mferp/managementfrontend'
  const registry = W.replace('workspaces/WS', 'registries/Reg')
  const model = judge('PUT', `${path}${registry}/models/M/versions/1?api-version=2023-04-01`)
  t.match(model, { family: 'dataplane', scope: registry.toLowerCase(), effect: 'write' })
  t.equal(model.action, 'Microsoft.MachineLearningServices/registries/assets/write')
  t.equal(code('GET', `${path}${W}/jobs`), 'missing_api_version')
  t.equal(code('GET', `${path}${S}?api-version=2023-04-01`), 'unknown_operation')
  t.equal(code('GET', `${path}${S}/resourceGroups/rg?api-version=2023-04-01`), 'unknown_operation')
  t.equal(code('GET', `/mferp/other${W}/jobs?api-version=2023-04-01`), 'unknown_operation')
  t.end()
})

t.test('the pipelines of SDK v1 are refused by name', (t) => {
  for (const [method, path] of [
    ['GET', `/api/v1.0${W}/PipelineRuns/r`],
    ['POST', `/api/v1.0${W}/Modules/Create`],
  ] as const) {
    t.throws(() => judge(method, path), {
      code: 'unknown_operation',
      message: /pipelines of SDK v1, which is not served/,
    })
  }
  t.end()
})

t.test('SDK v1 registers files with the container last, and waits for what it logged', (t) => {
  const registered = judge(
    'POST',
    `/artifact/v2.0${W}/artifacts/batch/metadata/ExperimentRun/dcid.r1`,
  )
  t.match(registered, { effect: 'write', secrets: true })
  t.equal(registered.resource.id, `${w}/artifacts/dcid.r1`)
  const waits = judge('GET', `/history/v1.0${W}/experiments/e/runs/r1/metricsingest/wait`)
  t.match(waits, { effect: 'read', secrets: false })
  t.equal(waits.resource.id, `${w}/runs/r1`)
  t.end()
})

t.test('what no path puts into a workspace hangs under none', (t) => {
  for (const [method, path] of [
    ['POST', '/assetstore/v1.0/temporaryDataReference/createOrGet'],
    ['GET', '/registrymanagement/v1.0/registries/azureml/discovery'],
    ['POST', `/genericasset${W}/registries/r/n/versions/1`],
  ] as const) {
    t.strictSame(judge(method, path).resource.ancestors, [], path)
  }
  t.end()
})

t.test('scoring is judged as its endpoint and forwarded without the prefix', (t) => {
  const path = '/_score/00000000-0000-0000-0000-00000000000a/RG/WS/Ep-1/v1/chat%20x?a=b'
  const target = parseTarget('POST', path)
  const operation = classify(target)
  t.match(operation, {
    action: 'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action',
    effect: 'invoke',
    family: 'scoring',
    scope: w,
  })
  t.equal(operation.resource.id, `${w}/onlineendpoints/ep-1`)
  t.equal(upstreamPath(target), '/v1/chat%20x')
  const jobs = judge('POST', '/_score/00000000-0000-0000-0000-00000000000a/RG/WS/Ep-1/jobs')
  t.equal(jobs.action, 'Microsoft.MachineLearningServices/workspaces/batchEndpoints/jobs/write')
  t.equal(jobs.resource.id, `${w}/batchendpoints/ep-1/jobs`)
  const arm = judge('POST', `${W}/batchEndpoints/Ep-1/jobs?api-version=2023-01-01`)
  t.strictSame(jobs.resource, arm.resource, 'the same resource as through ARM')
  for (const bad of [
    '/_score',
    '/_score/a/b/c',
    '/_score/a/b/c/d',
    '/_score/a/b/c/evil.example%3a/x',
    '/_score/a/b/c/d@e/x',
  ]) {
    t.equal(code('POST', bad), 'unknown_operation', bad)
  }
  t.equal(code('DELETE', '/_score/a/b/c/d/jobs/1'), 'method_not_allowed')
  t.end()
})

t.test('a region is kept for paths that name no workspace, and only for them', (t) => {
  const hosts = createHosts({ name: 'AzureCloud' }, 'https://gw.example.com')
  const url = hosts.toGateway('https://westus2.api.azureml.ms/assetstore/v1.0/operations/1?x=%201')
  t.equal(url, 'https://gw.example.com/_region/westus2/assetstore/v1.0/operations/1?x=%201')
  const target = parseTarget('GET', url?.slice('https://gw.example.com'.length) ?? '')
  const operation = classify(target)
  t.equal(hosts.upstream(operation, null).origin, 'https://westus2.api.azureml.ms')
  t.equal(upstreamPath(target), '/assetstore/v1.0/operations/1')
  t.equal(code('GET', `/_region/westus2/history/v1.0${W}/runs/r`), 'unknown_operation')
  t.equal(code('GET', `/_region/westus2/subscriptions?api-version=2020-01-01`), 'unknown_operation')
  t.equal(code('GET', '/_region/evil.example/assetstore/v1.0/operations/1'), 'unknown_operation')
  t.end()
})

t.test('everything else on the data plane is refused', (t) => {
  for (const [method, path, expected] of [
    ['GET', `/histories/v1.0${W}/runs/r`, 'unknown_operation'],
    ['GET', `/history/v1.0${W}/secrets`, 'unknown_operation'],
    ['GET', `/history${W}/runs/r`, 'unknown_operation'],
    ['GET', `/history/latest${W}/runs/r`, 'unknown_operation'],
    [
      'GET',
      `/history/v1.0${W.replace('MachineLearningServices', 'Compute')}/runs/r`,
      'unknown_operation',
    ],
    ['GET', `/history/v1.0${W.replace('workspaces', 'registries')}/runs/r`, 'unknown_operation'],
    ['GET', `/history/v1.0${S}/runs/r`, 'unknown_operation'],
    ['PUT', `/history/v1.0${W}/runs/r`, 'method_not_allowed'],
    ['POST', `/mlflow/v2.0${W}/api/2.0/mlflow/runs/explode`, 'unknown_operation'],
    ['POST', '/modelregistry/v1.0/meta/migration', 'unknown_operation'],
    ['GET', '/assetstore/v1.0/delete', 'method_not_allowed'],
    ['GET', '/constructor/v1.0/x', 'unknown_operation'],
    ['GET', '/__proto__', 'unknown_operation'],
  ] as const) {
    t.equal(code(method, path), expected, `${method} ${path}`)
  }
  t.end()
})
