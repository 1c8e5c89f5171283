/**
 * URLs in Azure's answers: clients send their token wherever such a URL points, so a foreign one never reaches them.
 */
import t from 'tap'
import { ownPolicies, type OwnPolicies } from '../support/policies.ts'
import { startGateway, type World } from '../support/gateway.ts'
import type { Answer } from '../support/send.ts'
import type { Fault } from '../../lab/server/faults.ts'
import { SUBSCRIPTION, workspaceId } from '../../lab/personas.ts'

const W = workspaceId()
const VERSION = '?api-version=2024-04-01'
const JOBS = `${W}/jobs${VERSION}`
const RUN = `/history/v1.0${W}/experiments/e/runs/r`
const REGISTRY = '/registrymanagement/v1.0/registries/shared/discovery'

/** Discovery hangs under nothing, so that no binding on a workspace reaches it. */
const DISCOVERY = `
@id("discovery")
@reason("everybody may look up registries and services")
@identity("ml-reader")
permit (
  principal,
  action in [
    Action::"Microsoft.MachineLearningServices/registries/read",
    Action::"Microsoft.MachineLearningServices/workspaces/read"
  ],
  resource
);
`

let world: World
let policies: OwnPolicies
let token: string
t.before(async () => {
  policies = await ownPolicies({ 'discovery.cedar': DISCOVERY })
  world = await startGateway({ gateway: { change: policies.change } })
  token = await world.lab.token('scientist')
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

const get = (path: string): Promise<Answer> =>
  world.send(path, { headers: { authorization: `Bearer ${token}` } })

async function answered(part: 'upstream' | 'dataPlane', fault: Fault, path = JOBS) {
  await world.fault(part, fault)
  return get(path)
}

/** `A` stands for the host and port of Azure's that is asked. */
const FORGED = [
  'https://evil.example/x',
  'http://evil.example/x',
  'https://evil.example:443/x',
  '//evil.example/x',
  String.raw`/\evil.example/x`,
  String.raw`\\evil.example\x`,
  String.raw`https:\\evil.example\x`,
  'https:/evil.example/x',
  'https:///evil.example/x',
  'https:evil.example/x',
  'evil.example/x',
  'https://A@evil.example/x',
  'https://A:x@evil.example/x',
  'https://user@A/x',
  'https://user:secret@A/x',
  String.raw`https://A\@evil.example/x`,
  String.raw`https://evil.example\@A/x`,
  String.raw`https://A\evil.example/x`,
  'https://A.evil.example/x',
  'https://A%2eevil.example/x',
  'https://A%00.evil.example/x',
  'https://A#@evil.example/x',
  'https://A?@evil.example/x',
  'https://A;@evil.example/x',
  'https://A,https://evil.example/x',
  'https://A /x',
  'https://evil.example/https://A/x',
  'https://A0/x',
  'https://localhost/x',
  'https://localhost:1/x',
  'https://localhost.:1/x',
  'http://A/x',
  'ftp://A/x',
  'ws://A/x',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'data:text/html,x',
  'azureml://evil.example/mlflow/v1.0',
  'https://127.0.0.1/x',
  'https://2130706433/x',
  'https://0x7f.1/x',
  'https://[::1]/x',
  'http://169.254.169.254/metadata/identity/oauth2/token',
  'https://management.azure.com.evil.example/x',
  'https://xn--lcalhost-9eg/x',
  'https://eastus.api.azureml.ms.evil.example/x',
] as const
/** Only a document can hold these. */
const FORGED_IN_TEXT = [
  'https://\u{435}vil.example/x',
  'https://evil\u{3002}example/x',
  'https://\u{ff45}vil.example/x',
  'https://A\t.evil.example/x',
  'https://A\n.evil.example/x',
  '\u{0}https://A/x',
  ' https://evil.example/x',
] as const

const at = (part: 'upstream' | 'dataPlane', forged: string): string =>
  forged.replaceAll('A', new URL(world.lab.urls[part]).host)

for (const header of [
  'location',
  'azure-asyncoperation',
  'operation-location',
  'content-location',
]) {
  t.test(`a forged ${header} never reaches a client`, async (t) => {
    for (const forged of FORGED) {
      const value = at('upstream', forged)
      const answer = await answered('upstream', {
        status: header === 'content-location' ? 200 : 202,
        headers: { [header]: value },
        body: {},
      })
      t.equal(answer.status, 502, value)
      t.equal(answer.code, 'upstream_foreign_url', value)
      t.equal(answer.headers[header], undefined)
      t.notMatch(answer.text + JSON.stringify(answer.headers), /evil|169\.254/)
    }
  })
}

t.test('a foreign URL is on the record', async (t) => {
  const answer = await answered('upstream', {
    headers: { location: 'https://evil.example/' },
    body: {},
  })
  const [, completed] = await world.settled(answer)
  t.equal(completed?.['Outcome'], 'failed')
  t.equal(completed?.['RefusalCode'], 'upstream_foreign_url')
})

for (const header of [
  'Location',
  'Azure-AsyncOperation',
  'Operation-Location',
  'Content-Location',
  'Content-Type',
  'Retry-After',
]) {
  t.test(`${header} twice is an answer that two readers would read differently`, async (t) => {
    const own = new URL(JOBS, world.lab.urls.upstream).href
    const value = { 'Content-Type': 'application/json', 'Retry-After': '1' }[header] ?? own
    const answer = await answered('upstream', {
      raw:
        `HTTP/1.1 202 Accepted\r\n${header}: ${value}\r\n${header}: ${value}\r\n` +
        'Content-Length: 2\r\n\r\n{}',
    })
    t.equal(answer.status, 502)
    t.equal(answer.code, 'upstream_bad_answer')
  })
}

type Part = 'upstream' | 'dataPlane'
/** `@odata.nextLink` is one key. */
const nested = (path: string, value: unknown): unknown =>
  path
    .split(/(?<!@odata)\./)
    .toReversed()
    .reduce<unknown>((inner, key) => (key === '0' ? [inner] : { [key]: inner }), value)

/** Fields that clients follow: with a foreign host in one of them, nothing of the answer passes. */
const FOLLOWED: readonly (readonly [Part, string, readonly string[]])[] = [
  ['upstream', JOBS, ['nextLink', 'NextLink', 'resourceLocation', '@odata.nextLink']],
  [
    'upstream',
    `${W}${VERSION}`,
    ['properties.discoveryUrl', 'properties.mlFlowTrackingUri', 'PROPERTIES.DISCOVERYURL'],
  ],
  ['upstream', `${W}/jobs/j${VERSION}`, ['properties.services.Tracking.endpoint']],
  ['upstream', JOBS, ['value.0.properties.services.Tracking.endpoint']],
  ['dataPlane', RUN, ['services.Tracking.endpoint', 'nextLink']],
  ['dataPlane', REGISTRY, ['primaryRegionResourceProviderUri']],
  ['dataPlane', '/discovery/workspaces', ['api', 'history']],
]

for (const [part, path, fields] of FOLLOWED) {
  for (const field of fields) {
    t.test(`a forged ${field} of ${path.slice(0, 20)}… never reaches a client`, async (t) => {
      const admitted = await answered(part, { body: nested(field, '/x') }, path)
      t.equal(admitted.status, 200, admitted.text)
      for (const forged of [...FORGED, ...FORGED_IN_TEXT]) {
        const value = at(part, forged)
        const answer = await answered(part, { body: nested(field, value) }, path)
        t.equal(answer.status, 502, JSON.stringify(value))
        t.equal(answer.code, 'upstream_foreign_url', JSON.stringify(value))
        t.notMatch(answer.text, /evil|169\.254/)
      }
    })
  }
}

t.test('an escaped key is the same key', async (t) => {
  const body = String.raw`{"next\u004cink":"https:\/\/evil.example\/x"}`
  const answer = await answered('upstream', {
    headers: { 'content-type': 'application/json' },
    body,
  })
  t.equal(answer.code, 'upstream_foreign_url')
})

for (const type of [undefined, 'text/json', 'application/problem+json', 'APPLICATION/JSON;x=y']) {
  t.test(
    `an answer of type ${type ?? 'none'} is read as the JSON that clients take it for`,
    async (t) => {
      const length = '{"nextLink":"https://evil.example/x"}'.length
      const answer = await answered('upstream', {
        raw:
          `HTTP/1.1 200 OK\r\n${type === undefined ? '' : `Content-Type: ${type}\r\n`}` +
          `Content-Length: ${length}\r\n\r\n{"nextLink":"https://evil.example/x"}`,
      })
      t.equal(answer.code, 'upstream_foreign_url', answer.text)
    },
  )
}

for (const type of ['application/json', 'multipart/byteranges; boundary=x']) {
  t.test(
    `a part of a document, as ${type}, is not looked through, so it does not pass`,
    async (t) => {
      const answer = await answered('upstream', {
        status: 206,
        headers: { 'content-type': type, 'content-range': 'bytes 0-1/9' },
        body: '{}',
      })
      t.equal(answer.status, 502)
      t.equal(answer.code, 'upstream_bad_answer')
    },
  )
}

t.test(
  "Azure's own URLs become the gateway's, in whatever case their host is written",
  async (t) => {
    const upper = world.lab.urls.upstream.toUpperCase()
    const rest = `/x?$skipToken=${encodeURIComponent('https://evil.example/')}&api-version=1`
    for (const header of ['location', 'operation-location', 'azure-asyncoperation']) {
      const answer = await answered('upstream', {
        status: 202,
        headers: { [header]: `${upper}${rest}` },
        body: {},
      })
      t.equal(answer.headers[header], `${world.url}${rest}`)
    }
    const page = await answered('upstream', { body: { nextLink: `${upper}${rest}` } })
    t.same(page.json(), { nextLink: `${world.url}${rest}` })
  },
)

t.test(
  'a path alone becomes an absolute URL, which is all that some clients can follow',
  async (t) => {
    const answer = await answered('upstream', {
      status: 202,
      headers: { location: '/subscriptions/s/x?a=1' },
      body: { nextLink: '/y' },
    })
    t.equal(answer.headers['location'], `${world.url}/subscriptions/s/x?a=1`)
    t.same(answer.json(), { nextLink: `${world.url}/y` })
  },
)

t.test(
  'what would be refused when followed is not handed out: dots and doubled slashes',
  async (t) => {
    for (const trick of [`${W}/../ws-other/jobs`, `${W}//jobs`, `${W}/%2e%2e/ws-other/jobs`]) {
      const answer = await answered('upstream', {
        body: { nextLink: `${world.lab.urls.upstream}${trick}${VERSION}` },
      })
      t.equal(answer.code, 'upstream_bad_answer')
      t.match(answer.text, /link to the next page could not be followed here: (the|a) path/)
      await world.clear()
      t.equal((await get(`${trick}${VERSION}`)).code, 'bad_path')
      t.same(world.lab.requests(), [])
    }
  },
)

t.test('services that are not followed with a token keep a host that is not served', async (t) => {
  const endpoint = 'https://my-job.example:8443/ui'
  const job = {
    properties: {
      services: {
        Tracking: { endpoint: `${world.lab.urls.dataPlane}/mlflow/v1.0${W}` },
        Studio: { endpoint: 'https://ml.azure.com/runs/j' },
        custom: { endpoint },
        gateway: { endpoint: `${world.url}/x` },
        history: { endpoint: `${world.lab.urls.dataPlane}/history/v1.0` },
      },
    },
  }
  const answer = await answered('upstream', { body: job }, `${W}/jobs/j${VERSION}`)
  const { services } = (answer.json() as typeof job).properties
  t.same(services, {
    Tracking: { endpoint: `${world.url}/mlflow/v1.0${W}` },
    Studio: { endpoint: 'https://ml.azure.com/runs/j' },
    custom: { endpoint },
    gateway: { endpoint: `${world.url}/x` },
    history: { endpoint: `${world.url}/history/v1.0` },
  })
})

t.test(
  'an endpoint elsewhere leads to a refusal, one of Azure to itself, and both only here',
  async (t) => {
    const path = `${W}/onlineEndpoints/e${VERSION}`
    const foreign = { properties: { scoringUri: 'https://my-cluster.example/score' } }
    const elsewhere = await answered('upstream', { body: foreign }, path)
    t.same(elsewhere.json(), { properties: { scoringUri: `${world.url}/_score/not-served` } })
    const host = world.lab.scoringHosts.replace('{endpoint}', 'e').replace('{region}', 'eastus')
    const own = await answered(
      'upstream',
      { body: { properties: { scoringUri: `${host}/score` } } },
      path,
    )
    t.same(own.json(), {
      properties: {
        scoringUri: `${world.url}/_score/${SUBSCRIPTION}/rg-lab/ws-lab/e/score`,
      },
    })
  },
)

t.test(
  'a URL that somebody wrote is not touched: tags, descriptions, properties, log lines',
  async (t) => {
    const arm = world.lab.urls.upstream
    const mine = `see ${arm}/x, https://evil.example/ and azureml://evil.example/`
    const document = {
      id: `${W}/jobs/j`,
      tags: { nextLink: `${arm}/x`, location: 'https://evil.example/', discoveryUrl: mine },
      properties: {
        description: mine,
        displayName: `${arm}/x`,
        nextLink: `${arm}/x`,
        properties: { scoringUri: `${arm}/x`, nextLink: 'https://evil.example/' },
        inputs: { data: { uri: 'https://evil.example/data' } },
        command: `curl ${arm}/x`,
      },
    }
    const text = JSON.stringify(document, null, 1).replaceAll('/', String.raw`\/`)
    const json = { 'content-type': 'application/json' }
    const one = await answered('upstream', { headers: json, body: text }, `${W}/jobs/j${VERSION}`)
    t.equal(one.text, text, 'byte for byte')
    const list = `{ "value" : [ ${text} ] }`
    t.equal((await answered('upstream', { headers: json, body: list })).text, list)
    const run = {
      runId: 'r',
      tags: { nextLink: 'https://evil.example/' },
      properties: { nextLink: 'https://evil.example/', token: 'a word of mine' },
      description: mine,
      logFiles: { 'user_logs/std_log.txt': 'https://store.blob.core.windows.net/x' },
    }
    t.same((await answered('dataPlane', { body: run }, RUN)).json(), run)
  },
)

t.test(
  'registry discovery leads back to the gateway, with every field that names a service',
  async (t) => {
    const host = world.lab.urls.dataPlane
    const answer = await answered(
      'dataPlane',
      {
        body: {
          registryName: 'shared',
          primaryRegion: 'eastus',
          primaryRegionResourceProviderUri: `${host}/`,
          subscriptionId: SUBSCRIPTION,
          registryFqdns: {
            eastus: { uri: `${host}/`, other: 'https://elsewhere.example/' },
          },
        },
      },
      REGISTRY,
    )
    t.equal(answer.status, 200, answer.text)
    t.same(answer.json(), {
      registryName: 'shared',
      primaryRegion: 'eastus',
      primaryRegionResourceProviderUri: `${world.url}/`,
      subscriptionId: SUBSCRIPTION,
      registryFqdns: {
        eastus: { uri: `${world.url}/`, other: 'https://elsewhere.example/' },
      },
    })
  },
)
