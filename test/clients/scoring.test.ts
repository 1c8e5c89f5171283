/**
 * Scoring through the gateway: the caller's own token in, the gateway's identity out, no key anywhere.
 */
import t from 'tap'
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning'
import { ownPolicies, type OwnPolicies } from '../support/policies.ts'
import { startGateway, type World } from '../support/gateway.ts'
import type { Answer, Send } from '../support/send.ts'
import { IDENTITIES, RESOURCE_GROUP as RG, workspaceId } from '../../lab/personas.ts'
import { SUBSCRIPTION, TENANT, WORKSPACE as WS } from '../../lab/personas.ts'

const W = workspaceId()
const VERSION = '?api-version=2024-04-01'
const ENDPOINT = `/_score/${SUBSCRIPTION}/${RG}/${WS}/churn`
const BATCH = `/_score/${SUBSCRIPTION}/${RG}/${WS}/nightly`
const IN_WORKSPACE = `Workspace::"${W.toLowerCase()}"`
/** The lab binds nobody to the template of applications that only score. */
const CALLERS = `
  - id: callers-entra
    template: endpoint-caller
    principal: User::"entra/${TENANT}/44444444-4444-4444-8444-444444444406"
    resource: ${IN_WORKSPACE}
  - id: callers-okta
    template: endpoint-caller
    principal: User::"okta/00u1reader"
    resource: ${IN_WORKSPACE}
`
const WRITER = IDENTITIES.find(({ name }) => name === 'ml-writer')

let world: World
let policies: OwnPolicies
t.before(async () => {
  policies = await ownPolicies({}, CALLERS)
  world = await startGateway({ gateway: { change: policies.change } })
  const client = clientOf('scientist')
  const body = { location: 'eastus', properties: { authMode: 'AADToken' } }
  await client.onlineEndpoints.beginCreateOrUpdateAndWait(RG, WS, 'churn', body, FAST)
  await client.batchEndpoints.beginCreateOrUpdateAndWait(RG, WS, 'nightly', body, FAST)
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})
t.beforeEach(() => world.clear())

const FAST = { updateIntervalInMs: 1 }

function clientOf(persona: string): AzureMachineLearningWorkspaces {
  const credential = {
    getToken: async () => ({
      token: await world.lab.token(persona),
      expiresOnTimestamp: Date.now() + 3_000_000,
    }),
  }
  return new AzureMachineLearningWorkspaces(credential, SUBSCRIPTION, { endpoint: world.url })
}

async function call(persona: string, path: string, options: Send = {}): Promise<Answer> {
  const authorization = `Bearer ${await world.lab.token(persona)}`
  return world.send(path, { ...options, headers: { authorization, ...options.headers } })
}

/** What reached endpoints: before the first call to one, ARM is asked where it is. */
const scored = () => world.lab.requests().filter(({ part }) => part === 'scoring')

const SCORE: Send = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{"data":[[1,2]]}',
}

for (const persona of ['outsider', 'reader']) {
  t.test(
    `${persona} scores with a token of its own issuer, azure sees the identity's`,
    async (t) => {
      const answer = await call(persona, `${ENDPOINT}/score`, {
        ...SCORE,
        headers: { ...SCORE.headers, 'azureml-model-deployment': 'green' },
      })
      t.equal(answer.status, 200, answer.text)
      t.match(answer.json(), { deployment: 'green', input: '{"data":[[1,2]]}' })
      t.equal(answer.headers['azureml-model-deployment'], 'green')
      const [arrived, ...more] = scored()
      t.same(more, [])
      t.equal(arrived?.part, 'scoring')
      t.equal(arrived?.url, '/score')
      t.match(arrived?.headers['host'], /^churn\.eastus\.localhost:/)
      t.equal(arrived?.headers['azureml-model-deployment'], 'green')
      t.equal(arrived?.claims?.['aud'], 'https://ml.azure.com')
      t.equal(arrived?.claims?.['oid'], WRITER?.oid)
      const [authorized, completed] = await world.settled(answer)
      t.equal(
        authorized?.['Action'],
        'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action',
      )
      t.equal(authorized?.['TargetResourceId'], `${W}/onlineEndpoints/churn`.toLowerCase())
      t.equal(completed?.['Outcome'], 'success')
    },
  )
}

t.test('an SDK that follows scoringUri lands here, and only here', async (t) => {
  const endpoint = await clientOf('outsider').onlineEndpoints.get(RG, WS, 'churn')
  const uri = new URL(endpoint.properties.scoringUri ?? '')
  t.equal(uri.origin, world.url)
  t.equal(uri.pathname, `${ENDPOINT}/score`)
  t.equal(new URL(endpoint.properties.swaggerUri ?? '').origin, world.url)
  await world.clear()
  t.equal((await call('outsider', uri.pathname, SCORE)).status, 200)
  const swagger = await call('outsider', new URL(endpoint.properties.swaggerUri ?? '').pathname)
  t.equal(swagger.status, 200)
  t.same(swagger.json(), { openapi: '3.0.0' })
  t.same(
    world.lab.requests().map(({ url }) => url),
    ['/score', '/swagger.json'],
  )
})

t.test('a batch endpoint: its scoringUri leads here, and its jobs are jobs', async (t) => {
  const endpoint = await clientOf('outsider').batchEndpoints.get(RG, WS, 'nightly')
  const uri = new URL(endpoint.properties.scoringUri ?? '')
  t.equal(`${uri.origin}${uri.pathname}`, `${world.url}${BATCH}/jobs`)
  await world.clear()
  const answer = await call('outsider', uri.pathname, {
    ...SCORE,
    body: '{"properties":{"inputData":{}}}',
  })
  t.equal(answer.status, 201, answer.text)
  const [arrived] = scored()
  t.equal(arrived?.url, '/jobs')
  t.match(arrived?.headers['host'], /^nightly\.eastus\./)
  const [authorized] = await world.settled(answer)
  t.equal(
    authorized?.['Action'],
    'Microsoft.MachineLearningServices/workspaces/batchEndpoints/jobs/write',
  )
  t.equal(
    (await call('outsider', `${BATCH}/jobs`, { method: 'DELETE' })).code,
    'method_not_allowed',
  )
  t.equal((await call('reader', `${BATCH}/jobs/x`)).status >= 400, true)
})

const KEYS = {
  "an endpoint's key": 'q3J5bWFkZXVwa2V5Zm9ydGVzdHMwMTIzNDU2Nzg5MDEyMzQ1Ng',
  "an endpoint's key with an equals sign": 'bWFkZSB1cCBrZXkgZm9yIHRlc3RzIDAxMjM0NTY3ODk=',
}
for (const [name, key] of Object.entries(KEYS)) {
  t.test(`${name} in the place of a token is refused, and told what to do`, async (t) => {
    const answer = await world.send(`${ENDPOINT}/score`, {
      ...SCORE,
      headers: { ...SCORE.headers, authorization: `Bearer ${key}` },
    })
    t.equal(answer.status, 401)
    t.equal(answer.code, 'invalid_token')
    t.match(answer.text, /keys of endpoints are not accepted/)
    t.notMatch(answer.text, key)
    t.same(world.lab.requests(), [])
    const rows = await world.settled(answer)
    t.notMatch(JSON.stringify(rows), key)
  })
}

t.test("what an endpoint says of the gateway's token stays here", async (t) => {
  const challenge = { 'www-authenticate': 'Bearer realm="canary"' }
  await world.fault('scoring', { status: 401, headers: challenge, body: 'canary' })
  const rejected = await call('outsider', `${ENDPOINT}/score`, SCORE)
  t.equal(rejected.status, 502)
  t.equal(rejected.code, 'upstream_rejected_identity')
  t.equal(world.lab.requests().length, 1, 'the body has gone: it is not sent twice')
  t.equal((await call('outsider', `${ENDPOINT}/score`, SCORE)).status, 200)
  const [first, second] = world.lab.requests()
  t.not(first?.headers['authorization'], second?.headers['authorization'], 'with a fresh token')
  await world.fault('scoring', { status: 403, body: 'canary has no role' })
  const forbidden = await call('outsider', `${ENDPOINT}/score`, SCORE)
  t.equal(forbidden.status, 403)
  t.equal(forbidden.code, 'upstream_forbidden')
  for (const answer of [rejected, forbidden])
    t.notMatch(answer.text + JSON.stringify(answer.headers), 'canary')
})

t.test("what a model says is the model's: 424, its headers and its own errors pass", async (t) => {
  const headers = {
    'azureml-model-error-statuscode': '500',
    'azureml-model-error-reason': 'model_error',
    'content-type': 'text/plain',
  }
  await world.fault('scoring', { status: 424, headers, body: 'ValueError: no such column' })
  const answer = await call('outsider', `${ENDPOINT}/score`, SCORE)
  t.equal(answer.status, 424)
  t.match(answer.headers, headers)
  t.equal(answer.text, 'ValueError: no such column')
  const detail = {
    detail: 'a URL of mine: https://evil.example/',
    nextLink: 'https://evil.example/',
  }
  await world.fault('scoring', { status: 500, body: detail })
  t.same((await call('outsider', `${ENDPOINT}/score`, SCORE)).json(), detail)
})

const REFUSED: readonly (readonly [string, string])[] = [
  ['GET', `${W}${VERSION}`],
  ['GET', `${W}/jobs${VERSION}`],
  ['GET', `${W}/models${VERSION}`],
  ['GET', `${W}/datastores${VERSION}`],
  ['GET', `${W}/computes${VERSION}`],
  ['GET', `${W}/onlineEndpoints/churn/deployments${VERSION}`],
  ['PUT', `${W}/onlineEndpoints/churn${VERSION}`],
  ['PATCH', `${W}/onlineEndpoints/churn${VERSION}`],
  ['DELETE', `${W}/onlineEndpoints/churn${VERSION}`],
  ['POST', `${W}/onlineEndpoints/churn/listKeys${VERSION}`],
  ['POST', `${W}/onlineEndpoints/churn/token${VERSION}`],
  ['POST', `${W}/onlineEndpoints/churn/regenerateKeys${VERSION}`],
  ['POST', `${W}/batchEndpoints/nightly/listkeys${VERSION}`],
  ['PUT', `${W}/onlineEndpoints/churn/deployments/blue${VERSION}`],
  ['PUT', `${W}/jobs/j${VERSION}`],
  ['POST', `/history/v1.0${W}/experiments/e/runs:query`],
  ['GET', `/mlflow/v1.0${W}/api/2.0/mlflow/experiments/search`],
  ['POST', `/_score/${SUBSCRIPTION}/${RG}/ws-other/churn/score`],
  ['POST', `${BATCH.replace(WS, 'ws-other')}/jobs`],
]
t.test('an endpoint caller scores and sees endpoints, and does nothing else', async (t) => {
  for (const [method, path] of REFUSED) {
    const body = method === 'GET' || method === 'DELETE' ? {} : SCORE
    const answer = await call('outsider', path, { ...body, method })
    t.equal(answer.status, 403, `${method} ${path}`)
    t.match(
      answer.code,
      /^(policy_refused|secrets_refused|PERMISSION_DENIED)$/,
      `${method} ${path}`,
    )
  }
  t.same(world.lab.requests(), [], 'nothing is forwarded')
  t.equal((await call('outsider', `${W}/onlineEndpoints${VERSION}`)).status, 200)
})

const ODD: readonly (readonly [string, number, string])[] = [
  [`/_score/${SUBSCRIPTION}/${RG}/${WS}/churn`, 404, 'unknown_operation'],
  [`/_score/${SUBSCRIPTION}/${RG}/${WS}`, 404, 'unknown_operation'],
  ['/_score', 404, 'unknown_operation'],
  [`/_score/${SUBSCRIPTION}/${RG}/${WS}/evil.example/score`, 404, 'unknown_operation'],
  [`/_score/${SUBSCRIPTION}/${RG}/${WS}/a@evil.example/score`, 404, 'unknown_operation'],
  [`/_score/${SUBSCRIPTION}/${RG}/${WS}/1churn/score`, 404, 'unknown_operation'],
  [`/_score/${SUBSCRIPTION}/${RG}/${WS}/localhost:1/score`, 404, 'unknown_operation'],
  [`/_score/${SUBSCRIPTION}/${RG}/${WS}/churn/../x/score`, 400, 'bad_path'],
  [`/_score/${SUBSCRIPTION}/${RG}/${WS}/churn//score`, 400, 'bad_path'],
]
t.test('what is no endpoint name never becomes a host name', async (t) => {
  for (const [path, status, code] of ODD) {
    const answer = await call('outsider', path, SCORE)
    t.equal(answer.status, status, path)
    t.equal(answer.code, code, path)
  }
  t.same(world.lab.requests(), [])
})
