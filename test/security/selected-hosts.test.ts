/**
 * What is judged selects what is called: the host of a scoring call is that of the endpoint's own document in the
 * workspace that was judged, never one made of what the caller wrote.
 */
import t from 'tap'
import { eventually } from '../support/eventually.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies, type OwnPolicies } from '../support/policies.ts'
import type { Answer, Send } from '../support/send.ts'
import { OTHER_WORKSPACE, RESOURCE_GROUP, SUBSCRIPTION, workspaceId } from '../../lab/personas.ts'

const W = workspaceId()
const WO = workspaceId(OTHER_WORKSPACE)
const VERSION = '?api-version=2024-04-01'
const SCORE = `/_score/${SUBSCRIPTION}/${RESOURCE_GROUP}`
const POST: Send = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{"properties":{"inputData":{}}}',
}
/** The reviewer keeps endpoints in both workspaces; the scientist has no business in the other one. */
const POLICIES = `
@id("keeps-endpoints") @reason("endpoints are kept by reviewers") @identity("ml-writer")
permit (principal in Group::"entra/11111111-1111-4111-8111-111111111111/33333333-3333-4333-8333-333333333302", action, resource is OnlineEndpoint);
@id("keeps-batch-endpoints") @reason("endpoints are kept by reviewers") @identity("ml-writer")
permit (principal in Group::"entra/11111111-1111-4111-8111-111111111111/33333333-3333-4333-8333-333333333302", action, resource is BatchEndpoint);
@id("not-payroll") @reason("payroll is for others")
forbid (principal, action == Action::"Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action", resource == OnlineEndpoint::"${WO.toLowerCase()}/onlineendpoints/payroll");
@id("readers-score") @reason("readers score anywhere") @identity("ml-writer")
permit (principal in Group::"okta/ml-readers", action == Action::"Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action", resource);
`
const BODY = { location: 'eastus', properties: { authMode: 'AADToken' } }

let world: World
let policies: OwnPolicies
t.before(async () => {
  policies = await ownPolicies({ 'endpoints.cedar': POLICIES })
  world = await startGateway({ gateway: { change: policies.change } })
  for (const path of [
    `${WO}/onlineEndpoints/fraud-ep`,
    `${WO}/onlineEndpoints/payroll`,
    `${WO}/batchEndpoints/fraud-batch`,
    `${W}/onlineEndpoints/churn`,
    `${W}/batchEndpoints/nightly`,
  ]) {
    const put = { ...POST, method: 'PUT', body: JSON.stringify(BODY) }
    const answer = await call('reviewer', `${path}${VERSION}`, put)
    if (answer.status >= 300) throw new Error(answer.text)
  }
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})
t.beforeEach(() => world.clear())

async function call(persona: string, path: string, options: Send = {}): Promise<Answer> {
  const authorization = `Bearer ${await world.lab.token(persona)}`
  return world.send(path, { ...options, headers: { authorization, ...options.headers } })
}

const reached = (): string[] =>
  world.lab.requests().map(({ part, method, url }) => `${part} ${method} ${url.split('?', 1)[0]}`)

/** Endpoints of the other workspace, under the caller's own; and of either kind under the other's name. */
const FOREIGN = [
  ['fraud-ep/score', 'onlineEndpoints/fraud-ep'],
  ['FRAUD-EP/score', 'onlineEndpoints/fraud-ep'],
  ['fraud-ep/v1/chat/completions', 'onlineEndpoints/fraud-ep'],
  ['fraud-ep/swagger.json', 'onlineEndpoints/fraud-ep'],
  ['fraud-ep/jobs', 'batchEndpoints/fraud-ep'],
  ['fraud-batch/jobs', 'batchEndpoints/fraud-batch'],
  ['fraud-batch/JOBS', 'batchEndpoints/fraud-batch'],
  ['fraud-batch/jobs/one', 'batchEndpoints/fraud-batch'],
  ['churn/jobs', 'batchEndpoints/churn'],
  ['nightly/score', 'onlineEndpoints/nightly'],
] as const

for (const [path, document] of FOREIGN) {
  t.test(`${path} of a workspace that has no such endpoint reaches no endpoint`, async (t) => {
    const method = /swagger|jobs\//.test(path) ? 'GET' : 'POST'
    const answer = await call('scientist', `${SCORE}/ws-lab/${path}`, {
      ...(method === 'POST' ? POST : {}),
      method,
    })
    t.equal(answer.status, 404, answer.text)
    t.equal(answer.code, 'endpoint_unknown')
    t.match(answer.text, /in workspace \\"ws-lab\\"/)
    t.notMatch(reached().join(), 'scoring')
    for (const one of reached())
      t.equal(one.toLowerCase(), `arm get ${W}/${document}`.toLowerCase())
    const [row, ...more] = await world.settled(answer)
    t.same(more, [])
    t.equal(row?.['RecordKind'], 'refused')
    t.equal(row?.['RefusalCode'], 'endpoint_unknown')
  })
}

t.test('a forbid of one endpoint is not passed by naming another workspace', async (t) => {
  for (const [workspace, code] of [
    ['ws-other', 'policy_refused'],
    ['ws-lab', 'endpoint_unknown'],
    ['ws-unheard-of', 'endpoint_unknown'],
  ] as const) {
    const answer = await call('reader', `${SCORE}/${workspace}/payroll/score`, POST)
    t.equal(answer.code, code, workspace)
  }
  t.notMatch(reached().join(), 'scoring')
  // and the one that is not forbidden is served where it is
  t.equal((await call('reader', `${SCORE}/ws-other/fraud-ep/score`, POST)).status, 200)
})

t.test('a warm call asks nothing, and each identity asks for itself', async (t) => {
  const path = `${SCORE}/ws-lab/churn/score`
  const first = await call('scientist', path, POST)
  t.equal(first.status, 200, first.text)
  t.match(reached(), [`arm GET ${W.toLowerCase()}/onlineendpoints/churn`, 'scoring POST /score'])
  t.match(world.lab.requests().at(-1)?.headers['host'], /^churn\.eastus\./)
  const [authorized] = await world.settled(first)
  t.equal(authorized?.['TargetResourceId'], `${W}/onlineEndpoints/churn`.toLowerCase())
  await world.clear()
  for (let n = 0; n < 3; n += 1) t.equal((await call('scientist', path, POST)).status, 200)
  t.same(reached(), Array(3).fill('scoring POST /score'))
})

t.test('what a caller writes into an endpoint does not say where calls to it go', async (t) => {
  // Azure gives these back as they were written, also before the endpoint has a host of its own
  const uri = 'https://fraud-ep.westus.inference.ml.azure.com/score'
  const written = {
    tags: { scoringUri: uri },
    properties: { ...BODY.properties, properties: { scoringUri: uri } },
  }
  const put = { ...POST, method: 'PUT', body: JSON.stringify({ ...BODY, ...written }) }
  await call('scientist', `${W}/onlineEndpoints/mine${VERSION}`, put)
  await call('scientist', `${W}/onlineEndpoints/mine${VERSION}`)
  await world.clear()
  t.equal((await call('scientist', `${SCORE}/ws-lab/mine/score`, POST)).status, 200)
  t.match(reached()[0], `arm GET ${W.toLowerCase()}/onlineendpoints/mine`, 'Azure is asked')
  t.match(world.lab.requests().at(-1)?.headers['host'], /^mine\.eastus\./)
})

t.test('a new endpoint serves soon after it is there', async (t) => {
  const path = `${SCORE}/ws-lab/fresh/score`
  t.equal((await call('scientist', path, POST)).code, 'endpoint_unknown')
  const put = { ...POST, method: 'PUT', body: JSON.stringify(BODY) }
  t.ok((await call('scientist', `${W}/onlineEndpoints/fresh${VERSION}`, put)).status < 300)
  await eventually(
    'the endpoint serves',
    async () => (await call('scientist', path, POST)).status === 200,
  )
})

const id = (name: string): string => `${W}/onlineEndpoints/${name}`
const document = (name: string, scoringUri: unknown, of = name): object => ({
  id: id(of),
  name: of,
  properties: { scoringUri },
})
const DOCUMENTS: readonly (readonly [string, (name: string) => object, string])[] = [
  [
    'a foreign host',
    (name) => document(name, 'https://evil.example/score'),
    'upstream_foreign_url',
  ],
  [
    'a host below a foreign one',
    (name) => document(name, `https://${name}.eastus.inference.ml.azure.com.evil.example/score`),
    'upstream_foreign_url',
  ],
  ['what is no URL', (name) => document(name, '//evil.example/score'), 'upstream_foreign_url'],
  ['no URL at all', (name) => document(name, null), 'upstream_bad_answer'],
  ['an empty URL', (name) => document(name, ''), 'upstream_bad_answer'],
  ['an object', (name) => document(name, { a: 1 }), 'upstream_bad_answer'],
  [
    "another endpoint's host",
    (name) =>
      document(
        name,
        world.lab.scoringHosts.replace('{endpoint}', 'churn').replace('{region}', 'eastus'),
      ),
    'upstream_foreign_url',
  ],
  [
    "another endpoint's document",
    (name) => document(name, 'https://x.eastus.inference.ml.azure.com/', 'churn'),
    'upstream_bad_answer',
  ],
]
t.test('a document that leads elsewhere is refused', async (t) => {
  for (const [n, [what, body, code]] of DOCUMENTS.entries()) {
    await world.clear()
    await world.fault('upstream', { status: 200, body: body(`odd${n}`) })
    const answer = await call('scientist', `${SCORE}/ws-lab/odd${n}/score`, POST)
    t.equal(answer.code, code, what)
    t.equal(answer.status, 502, what)
    t.notMatch(reached().join(), 'scoring', what)
    t.notMatch(answer.text, 'evil.example', what)
  }
})

t.test('what azure answers else is a refusal, and the next call asks again', async (t) => {
  for (const [status, code] of [
    [403, 'upstream_forbidden'],
    [500, 'upstream_bad_answer'],
    [429, 'upstream_bad_answer'],
    [301, 'upstream_bad_answer'],
  ] as const) {
    await world.clear()
    await world.fault('upstream', { status, body: { error: { code: 'x', message: 'canary' } } })
    const answer = await call('scientist', `${SCORE}/ws-lab/broken${status}/score`, POST)
    t.equal(answer.code, code, String(status))
    t.notMatch(answer.text, 'canary')
    t.notMatch(reached().join(), 'scoring')
    if (status === 403) {
      t.match(answer.text, /the identity \\"ml-writer\\" needs Reader on the workspace/)
      t.match(answer.text, /online endpoint \\"broken403\\"/)
    }
  }
})
