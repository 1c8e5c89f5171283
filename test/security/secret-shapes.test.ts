/**
 * Secrets and ways out in shapes that no list has: what a caller with `@redact` is shown of any answer, and what nobody
 * is shown of an answer that is not what it says it is.
 */
import t, { type Test } from 'tap'
import { startGateway, type World } from '../support/gateway.ts'
import type { Answer } from '../support/send.ts'
import type { Fault } from '../../lab/server/faults.ts'
import { workspaceId } from '../../lab/personas.ts'

const W = workspaceId()
const V = '?api-version=2024-04-01'
const JOB = `${W}/jobs/j1${V}`
const RUN = `/history/v1.0${W}/runs/j1`
const SAS =
  'https://store.blob.core.windows.net/c/log.txt?sv=2022-11-02&sr=b&sig=canary%2Bx%3D&sp=r'
const JWT = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.canary_signature'
const PEM = '-----BEGIN RSA PRIVATE KEY-----\ncanary\ncanary\n-----END RSA PRIVATE KEY-----'
const CANARY = /canary/i

let world: World
const tokens = new Map<string, string>()
t.before(async () => {
  world = await startGateway()
  for (const persona of ['scientist', 'reader']) tokens.set(persona, await world.lab.token(persona))
})
t.teardown(() => world.close())
t.beforeEach(() => world.clear())

function call(persona: string, path: string, method = 'GET'): Promise<Answer> {
  return world.send(path, {
    method,
    headers: {
      authorization: `Bearer ${tokens.get(persona) ?? ''}`,
      'content-type': 'application/json',
    },
    ...(method === 'GET' || method === 'HEAD' ? {} : { body: '{}' }),
  })
}

type Part = 'upstream' | 'dataPlane'
async function answered(persona: string, part: Part, path: string, fault: Fault, method = 'GET') {
  await world.fault(part, { status: 200, ...fault })
  return call(persona, path, method)
}

async function passes(t: Test, part: Part, path: string, body: unknown): Promise<void> {
  const whole = await answered('scientist', part, path, { body })
  t.same(whole.json(), body, 'who may have secrets has them')
}

t.test("a run's details name its logs, and say to a reader where they are only", async (t) => {
  const body = {
    runId: 'j1',
    logFiles: { 'std_log.txt': SAS },
    warnings: [{ message: `see ${SAS}.` }],
  }
  await passes(t, 'dataPlane', `${RUN}/details`, body)
  const answer = await answered('reader', 'dataPlane', `${RUN}/details`, { body })
  t.equal(answer.status, 200, answer.text)
  t.same(answer.json(), {
    runId: 'j1',
    logFiles: { 'std_log.txt': 'https://store.blob.core.windows.net/c/log.txt?redacted' },
    warnings: [{ message: 'see https://store.blob.core.windows.net/c/log.txt?redacted' }],
  })
  t.equal(world.lab.requests().filter(({ url }) => url.includes('/details')).length, 2)
  const [, completed] = await world.settled(answer)
  t.equal(completed?.['Outcome'], 'success')
})

const BY_NAME: readonly (readonly [Part, string, object, object])[] = [
  [
    'upstream',
    // datastores have a rule of their own
    `${W}/featurestoreEntities/d${V}`,
    {
      properties: {
        datastoreType: 'AzureBlob',
        credentials: {
          credentialsType: 'Sas',
          secrets: { secretsType: 'Sas', sasToken: 'canary' },
        },
      },
    },
    {
      properties: {
        datastoreType: 'AzureBlob',
        credentials: {
          credentialsType: 'Sas',
          secrets: { secretsType: 'Sas', sasToken: '[redacted]' },
        },
      },
    },
  ],
  [
    'upstream',
    `${W}/connections${V}`,
    {
      value: [
        {
          name: 'c',
          properties: {
            authType: 'CustomKeys',
            credentials: { keys: { mine: 'canary', n: 1 } },
            target: 'https://t/',
          },
        },
      ],
    },
    {
      value: [
        {
          name: 'c',
          properties: {
            authType: 'CustomKeys',
            credentials: { keys: { mine: '[redacted]', n: '[redacted]' } },
            target: 'https://t/',
          },
        },
      ],
    },
  ],
  [
    'upstream',
    `${W}/serverlessEndpoints/s${V}`,
    {
      properties: {
        authMode: 'Key',
        inferenceEndpoint: { headers: { 'extra-parameters': 'canary' } },
      },
    },
    {
      properties: {
        authMode: 'Key',
        inferenceEndpoint: { headers: { 'extra-parameters': '[redacted]' } },
      },
    },
  ],
  [
    'upstream',
    JOB,
    {
      properties: {
        environmentVariables: {
          HF_TOKEN: 'canary',
          API_KEY: 'canary',
          DB_PASSWORD: 'canary',
          EPOCHS: '3',
        },
        tags: { nextPageToken: 'x' },
      },
    },
    {
      properties: {
        environmentVariables: {
          HF_TOKEN: '[redacted]',
          API_KEY: '[redacted]',
          DB_PASSWORD: '[redacted]',
          EPOCHS: '3',
        },
        tags: { nextPageToken: 'x' },
      },
    },
  ],
  [
    'dataPlane',
    `${RUN}/children`,
    { value: [], continuationToken: 'x', accountKey: ['canary'], connection_string: null },
    { value: [], continuationToken: 'x', accountKey: ['[redacted]'], connection_string: null },
  ],
]
for (const [part, path, body, shown] of BY_NAME) {
  t.test(`a reader is shown no secret by its name: ${path.slice(-40)}`, async (t) => {
    await passes(t, part, path, body)
    t.same((await answered('reader', part, path, { body })).json(), shown)
  })
}

/** What is written into any text, in any of these forms; `canary` is what must not pass. */
const SHAPES: readonly string[] = [
  SAS,
  encodeURIComponent(SAS),
  encodeURIComponent(encodeURIComponent(SAS)),
  SAS.replaceAll('&', '&amp;'),
  SAS.replace('sig', 'SIG'),
  SAS.replace('sig', '%73ig'),
  '?sv=2022-11-02&sig=canary',
  'sv=2022-11-02&sr=c&sig=canary',
  `azcopy cp '${SAS}' .`,
  JSON.stringify({ uri: SAS }),
  JSON.stringify(JSON.stringify({ uri: SAS })).replaceAll('&', String.raw`\u0026`),
  'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=canary/x+y==;EndpointSuffix=core.windows.net',
  'BlobEndpoint=https://a.blob.core.windows.net/;SharedAccessSignature=sv=2022&sig=canary',
  'Endpoint=sb://n/;SharedAccessKeyName=k;SharedAccessKey=canary=',
  'Server=s;Password="canary two"; Encrypt=True',
  `curl -H "Authorization: Bearer ${JWT}" https://x/`,
  "curl -H 'api-key: canary' https://x/",
  'Authorization: Basic Y2FuYXJ5OmNhbmFyeQ==',
  JWT,
  `token=${JWT}`,
  PEM,
  PEM.replaceAll('\n', String.raw`\n`),
  'git+https://canary:x@github.com/o/r.git',
  'https://bucket.s3.amazonaws.com/k?X-Amz-Credential=c&X-Amz-Signature=canary',
]

t.test('a reader is shown no secret by its shape, in whichever member or key', async (t) => {
  for (const shape of SHAPES) {
    const body = {
      properties: { command: `run ${shape}`, inputs: { data: { uri: shape } }, list: [[shape]] },
      [shape]: 1,
    }
    const answer = await answered('reader', 'upstream', JOB, { body })
    t.equal(answer.status, 200, answer.text)
    t.notMatch(answer.text, CANARY, shape)
    t.match(answer.json(), { properties: { command: /^run / } })
  }
  await passes(t, 'upstream', JOB, { properties: { command: SHAPES.join(' ') } })
})

t.test('errors of Azure are looked through as well', async (t) => {
  for (const status of [400, 404, 500]) {
    const body = { error: { code: 'Bad', message: `cannot read ${SAS}` } }
    const answer = await answered('reader', 'upstream', JOB, { status, body })
    t.equal(answer.status, status)
    t.notMatch(answer.text, CANARY)
    t.match(answer.json(), { error: { code: 'Bad', message: /^cannot read https:/ } })
  }
})

t.test('headers that say something come without their secrets', async (t) => {
  for (const name of [
    'content-disposition',
    'azureml-model-error-reason',
    'x-ms-error-code',
    'x-ms-ratelimit-remaining-x',
  ])
    for (const status of [200, 404]) {
      const fault = { status, headers: { [name]: `see ${SAS}` }, body: {} }
      const answer = await answered('reader', 'upstream', JOB, fault)
      t.equal(answer.status, status, answer.text)
      t.notMatch(JSON.stringify(answer.headers), CANARY, name)
      const whole = await answered('scientist', 'upstream', JOB, fault)
      t.equal(whole.headers[name], `see ${SAS}`)
    }
})

t.test('what says that it is bytes passes as a file only', async (t) => {
  for (const body of [`a,b\n1,${SAS}\n`, `--b\r\n\r\n{"a":"${SAS}"}\r\n--b--`])
    for (const type of ['application/octet-stream', 'image/png', 'application/zip']) {
      const fault = { headers: { 'content-type': type }, body }
      const answer = await answered('reader', 'upstream', JOB, fault)
      t.equal(answer.code, 'upstream_bad_answer', type)
      t.notMatch(answer.text, CANARY)
    }
})

const CONTENT = `/artifact/v2.0${W}/artifacts/ExperimentRun/dcid.j1/content?path=logs/a.txt`
t.test('text that streams comes without its secrets, bytes as they are', async (t) => {
  const log = SHAPES.map((shape) => `line ${shape}\r\n`).join('')
  const types = ['text/plain', 'text/csv; charset=utf-8', 'application/xml', 'application/x-yaml']
  for (const type of types) {
    const fault = { headers: { 'content-type': type }, body: log }
    const answer = await answered('reader', 'dataPlane', CONTENT, fault)
    t.equal(answer.status, 200, answer.text)
    t.notMatch(answer.text, CANARY, type)
    t.equal(answer.text.match(/line /g)?.length, SHAPES.length, 'every line is there')
    t.equal((await answered('scientist', 'dataPlane', CONTENT, fault)).text, log)
  }
  const bytes = { headers: { 'content-type': 'application/octet-stream' }, body: log }
  t.equal((await answered('reader', 'dataPlane', CONTENT, bytes)).text, log)
  for (const [what, fault] of [
    [
      'a part',
      { status: 206, headers: { 'content-type': 'text/plain', 'content-range': 'bytes 0-1/9' } },
    ],
    ['packed', { headers: { 'content-type': 'text/plain', 'content-encoding': 'gzip' } }],
    ['UTF-16', { headers: { 'content-type': 'text/plain; charset=utf-16' } }],
    ['no text', { headers: { 'content-type': 'text/plain' }, body: 's\0i\0g\0=\0' }],
  ] as const) {
    const answer = await answered('reader', 'dataPlane', CONTENT, { body: 'canary', ...fault })
    t.equal(answer.code, 'upstream_bad_answer', what)
    t.notMatch(answer.text, CANARY)
  }
})

const FOREIGN = '{"value":[],"nextLink":"https://evil.example/x"}'
t.test('what clients may follow a URL of has to be JSON, whatever it says it is', async (t) => {
  const types = [
    '',
    'text/plain',
    'text/x-json',
    'text/html',
    'application/xml',
    'x',
    'application/octet-stream',
    'application/x-ndjson',
  ]
  for (const [part, path] of [
    ['upstream', `${W}/jobs${V}`],
    ['dataPlane', `${RUN}/children`],
  ] as const) {
    for (const type of types) {
      for (const body of [FOREIGN, ` \r\n${FOREIGN}`, `\uFEFF${FOREIGN}`]) {
        const fault = { headers: { 'content-type': type }, body }
        const answer = await answered('scientist', part, path, fault)
        t.equal(answer.status, 502, `${path} ${type}`)
        t.match(answer.code, /^upstream_(bad_answer|foreign_url)$/)
        t.notMatch(answer.text, /evil/)
        const [, completed] = await world.settled(answer)
        t.equal(completed?.['Outcome'], 'failed')
      }
    }
    const empty = await answered('scientist', part, path, {
      headers: { 'content-type': 'text/plain' },
      body: '',
    })
    t.equal(empty.status, 200, 'nothing at all has nothing to follow')
    const headers = { 'content-type': 'text/plain' }
    const head = await answered('scientist', part, path, { headers, body: FOREIGN }, 'HEAD')
    t.equal(head.status, 200)
  }
})

t.test('where one URL should be, nothing else passes', async (t) => {
  const evil = 'https://evil.example/'
  for (const other of [[evil], { href: evil }, [[evil]], { value: [evil] }, 7, true, [], {}]) {
    for (const [part, path, body] of [
      ['upstream', `${W}/jobs${V}`, { nextLink: other }],
      ['dataPlane', `${RUN}/children`, { value: [], nextLink: other }],
      ['upstream', `${W}${V}`, { properties: { discoveryUrl: other } }],
      ['upstream', `${W}/onlineEndpoints/e${V}`, { properties: { scoringUri: other } }],
    ] as const) {
      const answer = await answered('scientist', part, path, { body })
      t.equal(answer.code, 'upstream_bad_answer', JSON.stringify(body))
    }
  }
  const none = await answered('scientist', 'upstream', `${W}/jobs${V}`, {
    body: { nextLink: null },
  })
  t.same(none.json(), { nextLink: null })
})

t.test('services that clients call with their token are here, or nowhere', async (t) => {
  const not = `${world.url}/_score/not-served`
  for (const [part, path, at] of [
    ['upstream', `${W}${V}`, 'properties.agentsEndpointUri'],
    ['upstream', `${W}/serverlessEndpoints/s${V}`, 'properties.inferenceEndpoint.uri'],
    ['upstream', `${W}/serverlessEndpoints${V}`, 'value.0.properties.inferenceEndpoint.uri'],
    ['upstream', `${W}/endpoints/s${V}`, 'properties.endpointUri'],
    ['dataPlane', `/modelmanagement/v1.0${W}/services/s`, 'scoringUri'],
    [
      'dataPlane',
      `/mlflow/v2.0${W}/api/2.0/mlflow/experiments/get?experiment_id=1`,
      'experiment.artifact_location',
    ],
  ] as const) {
    const place = (value: string): unknown =>
      at
        .split('.')
        .toReversed()
        .reduce<unknown>((inner, key) => (key === '0' ? [inner] : { [key]: inner }), value)
    const foreign = await answered('scientist', part, path, {
      body: place('https://evil.example/x'),
    })
    t.same(foreign.json(), place(not), foreign.text)
    const own = await answered('scientist', part, path, {
      body: place(`${world.lab.urls[part]}/x`),
    })
    t.same(own.json(), place(`${world.url}/x`))
  }
})
