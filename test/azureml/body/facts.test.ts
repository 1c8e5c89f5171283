/** Facts of documents: every place, every spelling, every default; and nothing that hides. */
import t from 'tap'
import { bodyFacts, DOCUMENT_FACTS, findAll } from '../../../src/azureml/body/facts.ts'
import { parseJson } from '../../../src/lib/json/document.ts'
import { FACT_NAMES } from '../../../src/policy/facts.ts'
import { Refusal } from '../../../src/errors.ts'

const WS =
  '/subscriptions/s/resourcegroups/rg/providers/microsoft.machinelearningservices/workspaces/ws'

function facts(
  document: unknown,
  type = 'Job',
  options: { asked?: ReadonlySet<string>; whole?: boolean } = {},
) {
  const context = { scope: WS, type, whole: options.whole ?? true }
  return bodyFacts(parseJson(Buffer.from(JSON.stringify(document))), context, options.asked ?? null)
}
const job = (properties: Record<string, unknown>) =>
  facts({ properties: { jobType: 'Command', ...properties } })

t.test('every fact of a document is one that policies know', async (t) => {
  t.same(
    DOCUMENT_FACTS.filter((name) => !FACT_NAMES.includes(name)),
    [],
  )
})

t.test('facts that no policy asks for are not collected, and do not refuse', async (t) => {
  const document = {
    properties: {
      jobType: 'Command',
      environmentId: 'azureml:train@latest',
      computeId: `${WS}/computes/cpu`,
      // two values of one tag: what the tags are cannot be told
      tags: { team: 'a' },
      jobs: { step: { type: 'command', tags: { team: 'b' } } },
    },
  }
  const root = parseJson(Buffer.from(JSON.stringify(document)))
  const look = (...asked: readonly string[]) => {
    const set = new Set(asked)
    const { collector, floating } = findAll(root, { scope: WS, type: 'Job', whole: true }, set)
    return { facts: collector.finish(set), floating: floating.map(({ asset }) => asset.name) }
  }
  const floating = ['train']
  t.strictSame(look('time'), { facts: {}, floating })
  t.strictSame(look('computes', 'models'), {
    facts: { computes: ['cpu'], models: [] },
    floating,
  })
  t.strictSame(look('floating').facts, { floating: ['train@latest'] })
  t.throws(() => look('tags'), { code: 'bad_body' })
})

t.test('a command job', async (t) => {
  t.same(
    job({
      experimentName: 'churn',
      command: 'python train.py --more azureml://datastores/hidden/paths/x/y',
      environmentId: 'azureml:sklearn:3',
      computeId: `${WS}/computes/CPU-Cluster`,
      resources: { instanceType: 'Standard_DS3_v2', instanceCount: 2 },
      limits: { jobLimitsType: 'Command', timeout: 'PT1H30M' },
      identity: { identityType: 'Managed' },
      tags: { project: 'a' },
      inputs: {
        data: { jobInputType: 'uri_folder', uri: 'azureml://datastores/blob/paths/a/b/c' },
        asset: { jobInputType: 'uri_file', uri: 'azureml:titanic:1' },
        start: { jobInputType: 'mlflow_model', uri: 'azureml:base@latest' },
        url: { jobInputType: 'uri_file', uri: 'https://x.blob.core.windows.net/c/f.csv?sig=abc' },
      },
      outputs: { model: { jobOutputType: 'uri_folder', uri: 'azureml://datastores/out/paths/m' } },
    }),
    {
      jobTypes: ['command'],
      experiment: 'churn',
      environments: ['sklearn:3'],
      components: [],
      models: ['base@latest'],
      data: ['titanic:1'],
      codes: [],
      floating: ['base@latest'],
      registries: [],
      images: [],
      imageRegistries: [],
      imagesUnpinned: false,
      computes: ['cpu-cluster'],
      instanceTypes: ['standard_ds3_v2'],
      instanceCount: 2,
      timeLimitSeconds: 5400,
      jobIdentities: ['managed'],
      datastores: ['blob', 'hidden', 'out'],
      paths: [
        'azureml://datastores/blob/paths/a/b/c',
        'azureml://datastores/hidden/paths/x/y',
        'azureml://datastores/out/paths/m',
        'https://x.blob.core.windows.net/c/f.csv',
      ],
      folders: [
        'azureml://datastores/blob/paths/a',
        'azureml://datastores/hidden/paths/x',
        'azureml://datastores/out/paths/m',
        'https://x.blob.core.windows.net/c',
      ],
      subfolders: [
        'azureml://datastores/blob/paths/a/b',
        'azureml://datastores/hidden/paths/x/y',
        'azureml://datastores/out/paths/m',
        'https://x.blob.core.windows.net/c/f.csv',
      ],
      outputs: ['azureml://datastores/out/paths/m'],
      tags: ['project=a'],
    },
  )
})

t.test('what a job does not say has the default of Azure', async (t) => {
  t.match(job({ environmentId: 'azureml:e:1' }), {
    computes: ['serverless'],
    jobIdentities: ['aml_token'],
    timeLimitSeconds: undefined,
  })
})

t.test('an asset of a registry is no compute or datastore of the workspace', async (t) => {
  const id = 'azureml://registries/r/models/gpu/versions/1'
  const found = facts({ properties: { jobType: 'Command', computeId: id, datastoreId: id } })
  t.match(found, { computes: [id], datastores: [id] })
})

t.test('a pipeline is walked to its leaves', async (t) => {
  const found = facts({
    properties: {
      jobType: 'Pipeline',
      computeId: 'azureml:big',
      settings: { default_datastore: 'Blob', default_compute: 'azureml:other' },
      identity: { identityType: 'UserIdentity' },
      jobs: {
        model: {
          type: 'command',
          componentId: 'azureml:train:2',
          computeId: 'azureml:gpu',
          identity: { type: 'managed_identity' },
          limits: { timeout: 600 },
          resources: { instance_count: '8', instance_type: 'STANDARD_ND96' },
          inputs: { x: { job_input_type: 'uri_folder', uri: 'azureml:rows@latest' } },
        },
        inner: {
          type: 'pipeline',
          jobs: {
            sweep: {
              type: 'sweep',
              limits: { timeout: 'PT2H', trial_timeout: 60 },
              trial: { environment: 'azureml:deep:1', componentId: 'azureml:deepest@latest' },
            },
          },
        },
        choose: { type: 'if_else', condition: '${{parent.jobs.model.outputs.x}}' },
      },
    },
  })
  t.match(found, {
    jobTypes: ['command', 'pipeline', 'sweep'],
    components: ['deepest@latest', 'train:2'],
    environments: ['deep:1'],
    data: ['rows@latest'],
    floating: ['deepest@latest', 'rows@latest'],
    computes: ['big', 'gpu', 'other'],
    datastores: ['blob'],
    instanceTypes: ['standard_nd96'],
    instanceCount: 8,
    jobIdentities: ['managed', 'user_identity'],
    timeLimitSeconds: 7200,
  })
})

t.test('one step without a limit makes a pipeline limitless', async (t) => {
  const steps = { a: { type: 'command', limits: { timeout: 60 } }, b: { type: 'command' } }
  t.notOk('timeLimitSeconds' in job({ jobType: 'Pipeline', jobs: steps }))
})

t.test('the job of a schedule is a job', async (t) => {
  const jobDefinition = {
    jobType: 'Command',
    experimentName: 'nightly',
    environmentId: 'azureml:e@latest',
    identity: { identityType: 'AMLToken' },
  }
  t.match(
    facts({ properties: { action: { actionType: 'CreateJob', jobDefinition } } }, 'Schedule'),
    {
      experiment: 'nightly',
      floating: ['e@latest'],
      computes: ['serverless'],
      jobIdentities: ['aml_token'],
    },
  )
})

t.test('a deployment', async (t) => {
  const found = facts(
    {
      properties: {
        model: 'azureml://registries/Shared/models/m/versions/4',
        environmentId: `${WS}/environments/serve/versions/2`,
        codeConfiguration: { codeId: `${WS}/codes/c/versions/1` },
        instanceType: 'Standard_F4s_v2',
      },
      sku: { name: 'Default', capacity: 5 },
    },
    'OnlineDeployment',
  )
  t.match(found, {
    models: ['azureml://registries/shared/models/m/versions/4'],
    registries: ['shared'],
    environments: ['serve:2'],
    instanceTypes: ['standard_f4s_v2'],
    instanceCount: 5,
    floating: [],
  })
})

const image = (name: string) => facts({ properties: { image: name } }, 'EnvironmentVersion')

t.test('images, their hosts and whether they are pinned', async (t) => {
  const digest = `@sha256:${'a'.repeat(64)}`
  t.match(image('python:3.12'), { imageRegistries: ['docker.io'], imagesUnpinned: true })
  t.match(image('library/python'), { imageRegistries: ['docker.io'], imagesUnpinned: true })
  t.match(image(`MCR.microsoft.com/a/b:1${digest}`), {
    imageRegistries: ['mcr.microsoft.com'],
    imagesUnpinned: false,
  })
  t.match(image('localhost:5000/x'), { imageRegistries: ['localhost:5000'] })
  t.match(facts({ properties: { customServices: [{ image: { reference: 'evil.io/x' } }] } }), {
    imageRegistries: ['evil.io'],
  })
})

const of = (type: string, properties: unknown, whole = true) =>
  facts({ properties }, type, { whole })

t.test('exposure: what is said, and the open default of what is not', async (t) => {
  t.match(of('OnlineEndpoint', {}), { publicNetworkAccess: true, localAuth: true })
  t.match(of('OnlineEndpoint', { publicNetworkAccess: 'Disabled', authMode: 'AADToken' }), {
    publicNetworkAccess: false,
    localAuth: false,
  })
  t.match(of('OnlineEndpoint', { authMode: 'Key' }), { localAuth: true })
  const cluster = { computeType: 'AmlCompute', disableLocalAuth: true }
  t.match(of('ComputeTarget', { ...cluster, properties: { enableNodePublicIp: false } }), {
    publicNetworkAccess: false,
    localAuth: false,
  })
  t.match(of('ComputeTarget', { ...cluster, enableNodePublicIp: false }), {
    publicNetworkAccess: true,
  })
  t.notOk('publicNetworkAccess' in of('OnlineEndpoint', { description: 'x' }, false))
  t.notOk('publicNetworkAccess' in of('Job', {}))
})

t.test('a reference at an unknown place counts as every kind that it could be', async (t) => {
  const found = facts({ properties: { brandNew: [{ thing: ' AzureML:secret:1 ' }] } })
  for (const kind of ['environments', 'components', 'models', 'data', 'codes'] as const)
    t.same(found[kind], ['secret:1'], kind)
})

t.test('a datastore at an unknown place is found', async (t) => {
  const found = facts({
    properties: {
      brandNew: { place: `${WS}/datastores/Secret` },
      environmentVariables: { X: 'azureml://datastores/other/paths/x' },
      inputs: { n: { jobInputType: 'literal', value: 'see azureml://datastores/third/paths/y.' } },
    },
  })
  t.same(found['datastores'], ['other', 'secret', 'third'])
})

t.test('names of the caller say nothing about what they hold', async (t) => {
  const found = job({
    inputs: { compute: { jobInputType: 'literal', value: 'x' }, image: 'y', experimentName: 'z' },
    environmentVariables: { instanceCount: '99', image: 'evil.io/x' },
    tags: { computeId: 'azureml:gone', image: 'z' },
  })
  t.match(found, {
    computes: ['serverless'],
    images: [],
    experiment: undefined,
    instanceCount: undefined,
  })
})

function refusal(document: unknown, asked: string[] | null, type = 'Job'): string | null {
  try {
    facts(document, type, asked === null ? {} : { asked: new Set(asked) })
    return null
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

t.test('one name in two spellings is refused', async (t) => {
  for (const pair of [
    { environmentId: 'azureml:a:1', EnvironmentId: 'azureml:b:1' },
    { instanceCount: 1, instance_count: 100 },
    { tags: {}, Tags: {} },
  ]) {
    t.equal(refusal({ properties: pair }, []), 'bad_body')
  }
  t.equal(refusal({ properties: { environmentVariables: { image: '1', IMAGE: '2' } } }, []), null)
})

t.test('a fact that cannot be told refuses those, and only those, who ask for it', async (t) => {
  const path = { properties: { uri: 'azureml://datastores/d/paths/a/../b' } }
  t.equal(refusal(path, ['datastores']), 'bad_body')
  t.equal(refusal(path, ['paths']), 'bad_body')
  t.equal(refusal(path, ['computes']), null)
  const count = { properties: { resources: { instanceCount: '${{parent.inputs.n}}' } } }
  t.equal(refusal(count, ['instanceCount']), 'bad_body')
  t.equal(refusal(count, ['datastores']), null)
  const many = Array.from({ length: 1_001 }, (_, at) => `azureml:x:${at}`)
  t.equal(refusal({ properties: { models: many } }, ['models']), 'bad_body')
  const long = `azureml:${'x'.repeat(9_000)}:1`
  t.equal(refusal({ properties: { uri: long } }, ['data']), 'bad_body')
  const padded = { properties: { uri: `azureml:secret:1${' '.repeat(9_000)}` } }
  t.same(facts(padded)['data'], ['secret:1'])
  const text = 'azureml://datastores/d/paths/x '.repeat(101)
  t.equal(refusal({ properties: { command: text } }, ['datastores']), 'bad_body')
  t.equal(refusal({ properties: { command: text } }, ['computes']), null)
  const two = { properties: { experimentName: 'a', properties: { experimentName: 'b' } } }
  t.equal(refusal(two, ['experiment'], 'BatchJob'), 'bad_body')
  t.equal(refusal({ properties: { tags: [1] } }, ['tags']), 'bad_body')
})
