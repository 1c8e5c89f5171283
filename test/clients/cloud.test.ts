/**
 * The gateway as an Azure cloud, over the wire: documents without a token, addresses that lead back, and what of a call
 * reaches Azure.
 */
import t from 'tap'
import { startGateway, type World } from '../support/gateway.ts'
import type { Answer, Send } from '../support/send.ts'
import { workspaceId } from '../../lab/personas.ts'

const W = workspaceId()
const VERSION = '?api-version=2024-04-01'

let world: World
let token: string
t.before(async () => {
  world = await startGateway()
  token = await world.lab.token('scientist')
})
t.teardown(() => world.close())
t.beforeEach(() => world.clear())

const call = (path: string, options: Send = {}): Promise<Answer> =>
  world.send(path, {
    ...options,
    headers: { authorization: `Bearer ${token}`, ...options.headers },
  })

interface CloudDocument {
  readonly name: string
  readonly resourceManager: string
  readonly authentication: { readonly audiences: readonly string[] }
}

for (const version of ['2019-05-01', '2020-06-01', null]) {
  t.test(
    `/metadata/endpoints, api-version ${version ?? 'none'}: a list of one cloud`,
    async (t) => {
      const query = version === null ? '' : `?api-version=${version}`
      const answer = await world.send(`/metadata/endpoints${query}`)
      t.equal(answer.status, 200)
      const [cloud, ...more] = answer.json() as CloudDocument[]
      t.same(more, [])
      t.equal(cloud?.name, 'AzureMLHarness')
      t.equal(cloud?.resourceManager, `${world.url}/`)
      t.same(cloud?.authentication.audiences, [world.url])
    },
  )
}

t.test('/metadata/endpoints, api-version 2022-09-01: the cloud alone', async (t) => {
  const cloud = (await world.send('/metadata/endpoints?api-version=2022-09-01')).json()
  t.match(cloud, { name: 'AzureMLHarness', resourceManager: `${world.url}/` })
})

for (const path of ['/metadata/endpoints', '//metadata/endpoints']) {
  t.test(`${path}, api-version 2015-01-01: what az cloud register reads`, async (t) => {
    const answer = await world.send(`${path}?api-version=2015-01-01`)
    t.equal(answer.status, 200)
    t.match(answer.json(), {
      galleryEndpoint: /^https:/,
      graphEndpoint: /^https:/,
      authentication: { loginEndpoint: /^https:/, audiences: [world.url] },
    })
  })
}

t.test('/discovery sends every service here, without a token', async (t) => {
  const answer = await world.send('/discovery')
  t.equal(answer.status, 200)
  const services = answer.json() as Record<string, string>
  t.equal(services['api'], world.url)
  t.same([...new Set(Object.values(services))], [world.url])
  t.same(world.lab.requests(), [], 'nobody is asked')
})

t.test("a workspace's addresses lead here", async (t) => {
  const { properties } = (await call(`${W}${VERSION}`)).json() as {
    properties: Record<string, string>
  }
  t.equal(properties['discoveryUrl'], `${world.url}/discovery`)
  t.equal(
    properties['mlFlowTrackingUri'],
    `${world.url.replace('https', 'azureml')}/mlflow/v1.0${W}`,
  )
})

t.test(
  'what a caller says of itself and its call: some reaches azure, some does not',
  async (t) => {
    const id = '12345678-1234-4234-8234-123456789abc'
    const kept = {
      'x-ms-client-request-id': id,
      'x-ms-return-client-request-id': 'true',
      'accept-language': 'en-GB, de;q=0.5',
      'if-match': '"abc"',
      prefer: 'respond-async',
      accept: 'application/json',
    }
    const dropped = {
      'x-azureml-token': token,
      'x-ms-client-principal-name': 'admin@lab.example',
      'x-ms-client-tenant-id': id,
      'x-ms-client-object-id': id,
      'x-ms-client-ip-address': '10.0.0.1',
      'x-forwarded-for': '10.0.0.1',
      'x-original-url': '/',
      'x-rewrite-url': '/',
      referer: 'https://evil.example/',
      cookie: 'canary=1',
      'x-ms-correlation-request-id': id,
    }
    const answer = await call(`${W}/linkedServices/l${VERSION}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json', ...kept, ...dropped },
      body: '{"properties":{}}',
    })
    t.equal(answer.status, 201, answer.text)
    const [arrived] = world.lab.requests()
    t.match(arrived?.headers, kept)
    for (const name of Object.keys(dropped)) {
      const there = arrived?.headers[name]
      if (name !== 'x-ms-correlation-request-id') t.equal(there, undefined, name)
      else t.equal(there, answer.headers['x-harness-decision-id'], 'joins the logs to the decision')
    }
    t.equal(arrived?.body, '{"properties":{}}')
    t.equal(answer.headers['x-ms-client-request-id'], id)
    t.match(answer.headers['etag'], /^"\w+"$/)
    t.match(answer.headers['x-ms-request-id'], /^[\w-]+$/)
    t.match(answer.headers['x-ms-ratelimit-remaining-subscription-writes'], /^\d+$/)
  },
)
