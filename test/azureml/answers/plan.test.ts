import t from 'tap'
import { passed } from '../../support/rewriting.ts'
import { classify } from '../../../src/azureml/classify.ts'
import { createHosts } from '../../../src/azureml/hosts/hosts.ts'
import { createJsonRewriter } from '../../../src/azureml/answers/json-rewriter.ts'
import { rewritePlan } from '../../../src/azureml/answers/plan.ts'
import { createFieldMap } from '../../../src/azureml/answers/rewrite.ts'
import { parseTarget } from '../../../src/azureml/target.ts'
import { Refusal } from '../../../src/errors.ts'
import { absent, fill, surface } from '../../support/surface.ts'

const GATEWAY = 'https://gw.example.com'
const S = '/subscriptions/00000000-0000-0000-0000-00000000000a'
const W = `${S}/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws`
const V = '?api-version=2024-04-01'
const hosts = createHosts({ name: 'AzureCloud' }, GATEWAY)

/** What the client gets of an answer to a call. */
function answer(method: string, path: string, body: unknown, redact = false): unknown {
  const operation = classify(parseTarget(method, path))
  const plan = rewritePlan(operation, redact)
  if (plan === null) return body
  const rewriterOf = () => createJsonRewriter({ plan, map: createFieldMap(hosts, operation) })
  return JSON.parse(passed(rewriterOf, Buffer.from(JSON.stringify(body))))
}

const ARM = 'https://management.azure.com'
const ML = 'https://westus2.api.azureml.ms'

t.test('paging stays on the gateway for every ARM operation', { skip: absent }, (t) => {
  for (const { method, path } of surface('operations.json')) {
    const body = {
      nextLink: `${ARM}${W}/jobs${V}&$skip=x`,
      resourceLocation: `${ARM}${W}`,
      '@odata.nextLink': `${ARM}/x`,
    }
    t.strictSame(
      answer(method, `${fill(path)}${V}`, body),
      {
        nextLink: `${GATEWAY}${W}/jobs${V}&$skip=x`,
        resourceLocation: `${GATEWAY}${W}`,
        '@odata.nextLink': `${GATEWAY}/x`,
      },
      `${method} ${path}`,
    )
  }
  t.end()
})

t.test('a workspace leads its clients to the gateway, alone and in a list', (t) => {
  const upstream = {
    properties: {
      discoveryUrl: `${ML}/discovery`,
      mlFlowTrackingUri: `azureml://westus2.api.azureml.ms/mlflow/v1.0${W}`,
      friendlyName: `${ML}/discovery`,
    },
    tags: { discoveryUrl: `${ML}/x` },
  }
  const expected = {
    properties: {
      discoveryUrl: `${GATEWAY}/discovery`,
      mlFlowTrackingUri: `azureml://gw.example.com/mlflow/v1.0${W}`,
      friendlyName: `${ML}/discovery`,
    },
    tags: { discoveryUrl: `${ML}/x` },
  }
  t.strictSame(answer('GET', `${W}${V}`, upstream), expected)
  t.strictSame(answer('PUT', `${W}${V}`, upstream), expected)
  t.strictSame(
    answer('GET', `${S}/providers/Microsoft.MachineLearningServices/workspaces${V}`, {
      value: [upstream],
    }),
    { value: [expected] },
  )
  t.end()
})

t.test('endpoints are scored through the gateway', (t) => {
  const body = {
    properties: {
      scoringUri: 'https://ep.westus2.inference.ml.azure.com/score',
      swaggerUri: 'https://ep.westus2.inference.ml.azure.com/swagger.json',
      description: ARM,
    },
  }
  t.strictSame(answer('GET', `${W}/onlineEndpoints/ep${V}`, body), {
    properties: {
      scoringUri: `${GATEWAY}/_score/00000000-0000-0000-0000-00000000000a/rg/ws/ep/score`,
      swaggerUri: `${GATEWAY}/_score/00000000-0000-0000-0000-00000000000a/rg/ws/ep/swagger.json`,
      description: ARM,
    },
  })
  const own = { properties: { scoringUri: 'http://10.0.0.4/score' } }
  t.strictSame(
    answer('GET', `${W}/onlineEndpoints/ep${V}`, own),
    { properties: { scoringUri: `${GATEWAY}/_score/not-served` } },
    'clients post their bearer there: a cluster’s own address is not handed out',
  )
  t.end()
})

t.test('a job’s services lead back but for the page in Studio', (t) => {
  const services = (host: string) => ({
    Tracking: { endpoint: `azureml://${host}/mlflow/v1.0${W}?` },
    Studio: { endpoint: 'https://ml.azure.com/runs/1' },
    Board: { endpoint: 'https://board.example/' },
  })
  const body = {
    properties: { services: services('westus2.api.azureml.ms'), description: `${ML}/x` },
  }
  t.strictSame(answer('GET', `${W}/jobs/j${V}`, body), {
    properties: { services: services('gw.example.com'), description: `${ML}/x` },
  })
  t.end()
})

t.test('a foreign host where a client would follow refuses the answer', (t) => {
  const evil = 'https://evil.example/'
  for (const [path, body] of [
    [`${W}/jobs${V}`, { nextLink: evil }],
    [`${W}/jobs${V}`, { nextLink: '//evil.example' }],
    [`${W}${V}`, { properties: { discoveryUrl: evil } }],
    [`${W}${V}`, { properties: { mlFlowTrackingUri: 'azureml://evil.example/' } }],
    [`${W}/jobs/j${V}`, { properties: { services: { Tracking: { endpoint: evil } } } }],
    ['/registrymanagement/v1.0/registries/r/discovery', { primaryRegionResourceProviderUri: evil }],
    ['/discovery', { api: evil }],
  ] as const) {
    try {
      answer('GET', path, body)
      t.fail(`${path} was passed on`)
    } catch (error) {
      t.equal(error instanceof Refusal ? error.code : '', 'upstream_foreign_url', path)
    }
  }
  t.end()
})

t.test('registry and service discovery lead back', (t) => {
  t.strictSame(
    answer('GET', '/registrymanagement/v1.0/registries/r/discovery', {
      registryName: 'r',
      primaryRegionResourceProviderUri: `${ML}/`,
    }),
    { registryName: 'r', primaryRegionResourceProviderUri: `${GATEWAY}/` },
  )
  t.strictSame(answer('GET', '/discovery', { api: ML, studio: 'https://ml.azure.com' }), {
    api: GATEWAY,
    studio: 'https://ml.azure.com',
  })
  t.end()
})

t.test('MLflow’s own addresses of artifacts lead back', (t) => {
  const uri = (host: string) => `azureml://${host}/mlflow/v2.0${W}/artifacts`
  const body = (host: string) => ({
    run: {
      info: { artifact_uri: uri(host) },
      data: { tags: [{ key: 'artifact_uri', value: ML }] },
    },
  })
  t.strictSame(
    answer(
      'GET',
      `/mlflow/v2.0${W}/api/2.0/mlflow/runs/get?run_id=1`,
      body('westus2.api.azureml.ms'),
    ),
    body('gw.example.com'),
  )
  const elsewhere = body('datastores')
  t.strictSame(
    answer('GET', `/mlflow/v2.0${W}/api/2.0/mlflow/runs/get?run_id=1`, elsewhere),
    elsewhere,
  )
  t.end()
})

t.test('the token of a run is never handed out', { skip: absent }, (t) => {
  const run = { runId: 'r', token: 'canary', tags: { token: 'mine' } }
  for (const { method, path, sensitiveResponse } of surface('dataplane.json')) {
    if (sensitiveResponse?.includes('token') !== true) continue
    for (const body of [
      run,
      { value: [run] },
      { runMetadata: run },
      { runs: { r: { runMetadata: run } } },
    ]) {
      const out = JSON.stringify(answer(method, fill(path), body))
      t.notMatch(out, /canary/, `${method} ${path}`)
      t.match(out, /"token":"mine"/)
    }
  }
  t.end()
})

t.test('every answer with secrets loses them where policy redacts', { skip: absent }, (t) => {
  const secret = 'canary'
  const bodies: readonly unknown[] = [
    secret,
    { primaryKey: secret, secondaryKey: secret },
    {
      blobReferenceForConsumption: {
        blobUri: 'https://acct.blob.core.windows.net/c',
        credential: { sasUri: secret },
      },
    },
    {
      containerRegistryCredentials: { passwords: [{ value: secret }] },
      notebookAccessKeys: { primaryAccessKey: secret },
    },
  ]
  for (const { method, path, returnsSecrets, operationId } of [
    ...surface('operations.json'),
    ...surface('dataplane.json'),
  ]) {
    if (returnsSecrets !== true) continue
    const target = `${fill(path)}${path.includes('?') ? '' : V}`
    const out = bodies.map((body) => answer(method, target, body, true))
    const action = classify(parseTarget(method, target)).action.toLowerCase()
    const own =
      /startpendingupload|assets\/(?:read|write)$|artifacts\/|datastores\/read|connections/.test(
        action,
      )
    const seen = own ? [] : out
    t.notMatch(JSON.stringify(seen), /canary/, `${operationId}`)
  }
  const redacted = '[redacted]'
  t.match(
    answer(
      'POST',
      `${W}/connections/c/listsecrets${V}`,
      { name: 'c', properties: { target: 't', credentials: { key: secret } } },
      true,
    ),
    { name: 'c', properties: { target: 't', credentials: redacted } },
  )
  t.match(answer('POST', `${W}/codes/c/versions/1/startPendingUpload${V}`, bodies[2], true), {
    blobReferenceForConsumption: { credential: redacted, blobUri: /^https/ },
  })
  const artifacts = `/artifact/v2.0${W}/artifacts`
  t.match(
    answer(
      'GET',
      `${artifacts}/o/c/prefix/contentinfo`,
      { value: [{ path: 'p', contentUri: secret }] },
      true,
    ),
    { value: [{ path: 'p', contentUri: redacted }] },
  )
  t.match(
    answer(
      'POST',
      `${artifacts}/o/c/batch/metadata`,
      { artifactContentInformation: { p: { contentUri: secret } } },
      true,
    ),
    { artifactContentInformation: { p: { contentUri: redacted } } },
  )
  t.match(
    answer('GET', `/history/v1.0${W}/experiments/e/runs/r/artifacts/artifacturi`, secret, true),
    redacted,
  )
  t.match(
    answer(
      'GET',
      `/datastore/v1.0${W}/datastores`,
      { value: [{ name: 'n', azureStorageSection: { accountName: 'a', accountKey: secret } }] },
      true,
    ),
    { value: [{ name: 'n', azureStorageSection: { accountName: 'a', accountKey: redacted } }] },
  )
  t.match(
    answer(
      'POST',
      `${W}/datastores/d/listSecrets${V}`,
      { secretsType: 'Sas', sasToken: secret },
      true,
    ),
    { secretsType: 'Sas', sasToken: redacted },
  )
  t.end()
})

t.test('where nothing is followed, nothing is read', (t) => {
  const operation = classify(parseTarget('POST', '/_score/s/rg/ws/ep/score'))
  t.equal(rewritePlan(operation), null)
  t.end()
})
