import t from 'tap'
import { classify } from '../../../src/azureml/classify.ts'
import { createHosts } from '../../../src/azureml/hosts/hosts.ts'
import { parseTarget } from '../../../src/azureml/target.ts'

const GATEWAY = 'https://gw.example.com'
const S = '/subscriptions/00000000-0000-0000-0000-00000000000a'
const W = `${S}/resourcegroups/rg/providers/microsoft.machinelearningservices/workspaces/ws`
const azure = createHosts({ name: 'AzureCloud' }, GATEWAY)

t.test('an operation finds its host and its audience in each cloud', (t) => {
  const arm = classify(parseTarget('GET', `${W}/jobs?api-version=2024-04-01`))
  const score = classify(parseTarget('POST', '/_score/a/rg/ws/Ep/score'))
  const table = [
    ['AzureCloud', 'management.azure.com', 'ep.westus.inference.ml.azure.com', 'ml.azure.com'],
    [
      'AzureUSGovernment',
      'management.usgovcloudapi.net',
      'ep.westus.inference.ml.azure.us',
      'ml.azure.us',
    ],
    [
      'AzureChinaCloud',
      'management.chinacloudapi.cn',
      'ep.westus.inference.ml.azure.cn',
      'ml.azure.cn',
    ],
  ] as const
  for (const [name, manager, host, audience] of table) {
    const hosts = createHosts({ name }, GATEWAY)
    t.strictSame(hosts.upstream(arm, null), {
      origin: `https://${manager}`,
      scope: `https://${manager}/.default`,
    })
    // the host of an endpoint is what its document says, if that is one of the cloud's
    t.equal(hosts.scoringOriginOf(`https://${host}/score`, 'ep'), `https://${host}`)
    t.equal(hosts.scoringOriginOf(`https://${host}/score`, 'other'), null)
    t.equal(hosts.scoringOriginOf(`https://${host}.evil.example/score`, 'ep'), null)
    t.equal(hosts.scoringOriginOf(`http://${host}/score`, 'ep'), null)
    t.equal(hosts.scoringScope, `https://${audience}/.default`)
    t.throws(() => hosts.upstream(score, 'West US'), { code: 'internal_error' })
    const run = classify(parseTarget('GET', `/history/v1.0${W}/runs/one`))
    t.throws(() => hosts.upstream(run, null), { code: 'upstream_unreachable' })
    t.throws(() => hosts.upstream(run, 'evil.example/'), { code: 'upstream_unreachable' })
  }
  t.end()
})

t.test('a configured address changes where a call goes and not for whom its token is', (t) => {
  const hosts = createHosts(
    { name: 'AzureCloud', resourceManager: 'http://127.0.0.1:9000/' },
    GATEWAY,
  )
  const arm = classify(parseTarget('GET', `${W}/jobs?api-version=2024-04-01`))
  t.strictSame(hosts.upstream(arm, null), {
    origin: 'http://127.0.0.1:9000',
    scope: 'https://management.azure.com/.default',
  })
  t.equal(
    hosts.toGateway('http://127.0.0.1:9000/subscriptions?x=1'),
    `${GATEWAY}/subscriptions?x=1`,
  )
  t.equal(hosts.toGateway('https://management.azure.com/subscriptions'), null)
  t.end()
})

t.test('URLs of served hosts become the gateway’s', (t) => {
  const table: readonly (readonly [string, string])[] = [
    [
      `https://management.azure.com${W}/jobs?$skip=10&api-version=1`,
      `${W}/jobs?$skip=10&api-version=1`,
    ],
    ['https://MANAGEMENT.azure.com:443/subscriptions', '/subscriptions'],
    [`https://eastus.management.azure.com${S}`, S],
    [`https://westus2.api.azureml.ms/history/v1.0${W}/x`, `/history/v1.0${W}/x`],
    ['https://westus2.api.azureml.ms/discovery', '/discovery'],
    [
      'https://0a-1b.workspace.westus2.api.azureml.ms/discovery/workspaces/1',
      '/discovery/workspaces/1',
    ],
    ['https://westus2.api.azureml.ms/', '/'],
    [
      'https://westus2.api.azureml.ms/assetstore/v1.0/operations/1?x=1',
      '/_region/westus2/assetstore/v1.0/operations/1?x=1',
    ],
    ['https://eastus.api.azureml.ms/assetstore/v1.0/operations/1', '/assetstore/v1.0/operations/1'],
    [
      'https://ep-1.westus2.inference.ml.azure.com/score',
      '/_score/00000000-0000-0000-0000-00000000000a/rg/ws/ep-1/score',
    ],
  ]
  for (const [from, to] of table) t.equal(azure.toGateway(from, W), `${GATEWAY}${to}`, from)
  t.end()
})

t.test('every other host is foreign, however it is dressed up', (t) => {
  for (const url of [
    'https://evil.example/subscriptions',
    'https://management.azure.com.evil.example/',
    'https://management.azure.com@evil.example/',
    'https://user:pass@management.azure.com/',
    'https://management.azure.com:8443/',
    'http://management.azure.com/',
    'https://management.azure.com./',
    'https://management.azure.com#@evil.example/',
    'https://management.azure.com\\@evil.example/',
    'https://evilmanagement.azure.com/',
    'https://x.y.management.azure.com/',
    'https://mаnagement.azure.com/',
    'https://management。azure.com/',
    'https://%6danagement.azure.com/',
    'https://evil.example/.api.azureml.ms/',
    'https://a.b.api.azureml.ms/',
    'https://api.azureml.ms/',
    'https://ep.westus.inference.ml.azure.com.evil.example/score',
    '//management.azure.com/',
    'https:management.azure.com/',
    'https:///management.azure.com/',
    'https://management.azure.com/a b',
    'https://management.azure.com/a\\b',
    'https://management.azure.com/a\nb',
    ' https://management.azure.com/',
    'https://management.azure.com/#fragment',
    'https://169.254.169.254/metadata',
    'ftp://management.azure.com/',
    'javascript:alert(1)',
    '',
  ]) {
    t.equal(azure.toGateway(url, W), null, JSON.stringify(url))
  }
  t.equal(
    azure.toGateway('https://ep.westus.inference.ml.azure.com/score'),
    null,
    'no workspace known',
  )
  t.end()
})

t.test('MLflow’s scheme stands for that of the data plane, wherever it is', (t) => {
  t.equal(
    azure.toGateway(`azureml://eastus.api.azureml.ms/mlflow/v1.0${W}`),
    `azureml://gw.example.com/mlflow/v1.0${W}`,
  )
  for (const url of [
    'azureml://management.azure.com/',
    'azureml://evil.example/',
    'azureml://datastores/x/paths/y',
    'azureml:x',
  ]) {
    t.equal(azure.toGateway(url, W), null, url)
  }
  const local = createHosts(
    { name: 'AzureCloud', dataPlane: 'http://127.0.0.1:9001' },
    'https://localhost:8443',
  )
  t.equal(local.toGateway('azureml://127.0.0.1:9001/mlflow'), 'azureml://localhost:8443/mlflow')
  t.equal(local.toGateway('https://127.0.0.1:9001/mlflow'), null)
  t.end()
})

t.test('a configured scoring host without a name is told by the answer’s own endpoint', (t) => {
  const local = createHosts({ name: 'AzureCloud', scoring: 'http://127.0.0.1:9002' }, GATEWAY)
  const path = '/_score/00000000-0000-0000-0000-00000000000a/rg/ws/ep/score'
  t.equal(local.toGateway('http://127.0.0.1:9002/score', W, 'ep'), `${GATEWAY}${path}`)
  t.equal(local.toGateway('http://127.0.0.1:9002/score', W), null)
  t.equal(
    azure.toGateway('https://ep.westus.inference.ml.azure.com/score', W, 'other'),
    `${GATEWAY}${path}`,
  )
  t.end()
})

t.test('a configured resource manager has no regional forms', (t) => {
  const local = createHosts(
    { name: 'AzureCloud', resourceManager: 'https://arm.internal.example' },
    GATEWAY,
  )
  t.equal(local.toGateway('https://arm.internal.example/x'), `${GATEWAY}/x`)
  t.equal(local.toGateway('https://eastus.arm.internal.example/x'), null)
  t.end()
})

t.test('a configured region saves asking for it', (t) => {
  const regions = { [W.replace('resourcegroups', 'resourceGroups')]: 'northeurope' }
  const hosts = createHosts({ name: 'AzureCloud', regions }, GATEWAY)
  const run = classify(parseTarget('GET', `/history/v1.0${W}/runs/r`))
  t.equal(hosts.needsRegion(run), false)
  t.equal(hosts.upstream(run, null).origin, 'https://northeurope.api.azureml.ms')
  t.equal(azure.needsRegion(run), true)
  t.equal(azure.upstream(run, 'westus').origin, 'https://westus.api.azureml.ms')
  t.equal(
    azure.needsRegion(classify(parseTarget('GET', `${W}/jobs?api-version=2024-04-01`))),
    false,
  )
  t.equal(
    azure.needsRegion(
      classify(parseTarget('GET', '/registrymanagement/v1.0/registries/r/discovery')),
    ),
    false,
  )
  t.end()
})

t.test(
  "the gateway's own URLs, sent back by a client and kept at Azure, stay as they are",
  async (t) => {
    const hosts = createHosts({ name: 'AzureCloud' }, 'https://gw.example.com')
    for (const url of [
      'https://gw.example.com/history/v1.0/x',
      'azureml://gw.example.com/mlflow/v1.0/x',
    ]) {
      t.equal(hosts.toGateway(url), url)
    }
    t.equal(hosts.toGateway('https://gw.example.com.evil.example/x'), null)
    t.equal(hosts.toGateway('https://gw.example.com:444/x'), null)
  },
)

t.test(
  "the data plane's other name, which registries' discovery has, is the same region's",
  (t) => {
    const uri = 'https://cert-westus2.experiments.azureml.net/'
    t.equal(azure.regionOf(uri), 'westus2')
    t.equal(azure.toGateway(uri), `${GATEWAY}/`)
    t.equal(azure.regionOf('https://eastus.api.azureml.ms'), 'eastus')
    t.equal(azure.regionOf('https://x.workspace.eastus.cert.api.azureml.ms/'), 'eastus')
    for (const url of [
      'http://cert-westus2.experiments.azureml.net/',
      'https://experiments.azureml.net/',
      'https://cert-west.us2.experiments.azureml.net/',
      'https://cert-westus2.experiments.azureml.net.evil.example/',
      'https://user@cert-westus2.experiments.azureml.net/',
      'https://management.azure.com/',
      'azureml://eastus.api.azureml.ms/',
      'text',
    ])
      t.equal(azure.regionOf(url), null, url)
    const local = createHosts({ name: 'AzureCloud', dataPlane: 'http://127.0.0.1:9001' }, GATEWAY)
    t.equal(local.regionOf('http://127.0.0.1:9001/'), '', 'a host without regions')
    t.equal(local.regionOf(uri), null, 'a configured data plane has no other name')
    t.end()
  },
)
