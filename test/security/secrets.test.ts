/**
 * Keys, tokens and SAS: refused unless a policy names the operation, removed where it says so, and calls that carry other
 * calls are refused altogether.
 */
import t from 'tap'
import { ownPolicies, type OwnPolicies } from '../support/policies.ts'
import { startGateway, type World } from '../support/gateway.ts'
import type { Answer } from '../support/send.ts'
import { RESOURCE_GROUP, SUBSCRIPTION, workspaceId } from '../../lab/personas.ts'

const W = workspaceId()
const VERSION = '?api-version=2024-04-01'
const ML = 'Microsoft.MachineLearningServices/workspaces'
const SECRET = /lab-secret/

/** Permits its keys to everybody in the lab, less what they are; the shipped forbid gives way for this action only. */
const REDACTED = `
@id("redacted")
@reason("who may see that there are keys may not see the keys")
@identity("ml-writer")
@redact
permit (
  principal,
  action in [
    Action::"${ML}/onlineendpoints/token/action",
    Action::"${ML}/codes/versions/startPendingUpload/action"
  ],
  resource
);
`

let world: World
let policies: OwnPolicies
const tokens = new Map<string, string>()
t.before(async () => {
  policies = await ownPolicies({ 'redacted.cedar': REDACTED })
  world = await startGateway({ gateway: { change: policies.change } })
  for (const persona of ['scientist', 'reader', 'reviewer', 'service', 'cluster', 'outsider'])
    tokens.set(persona, await world.lab.token(persona))
  await call('scientist', 'PUT', `${W}/onlineEndpoints/e${VERSION}`)
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})
t.beforeEach(() => world.clear())

function call(persona: string, method: string, path: string): Promise<Answer> {
  return world.send(path, {
    method,
    headers: {
      authorization: `Bearer ${tokens.get(persona) ?? ''}`,
      'content-type': 'application/json',
    },
    ...(method === 'GET' ? {} : { body: '{"properties":{"authMode":"AADToken"}}' }),
  })
}

const RETURNING: readonly (readonly [string, string])[] = [
  ['POST', `${W}/listKeys`],
  ['POST', `${W}/listStorageAccountKeys`],
  ['POST', `${W}/listNotebookKeys`],
  ['POST', `${W}/listNotebookAccessToken`],
  ['POST', `${W}/datastores/workspaceblobstore/listSecrets`],
  ['POST', `${W}/onlineEndpoints/e/listKeys`],
  ['POST', `${W}/serverlessEndpoints/e/regenerateKeys`],
  ['POST', `${W}/batchEndpoints/e/listkeys`],
  ['POST', `${W}/batchEndpoints/e/listKeys`],
  ['POST', `${W}/serverlessEndpoints/e/listKeys`],
  ['POST', `${W}/computes/cpu-cluster/listKeys`],
  ['POST', `${W}/connections/c/listSecrets`],
  ['POST', `${W}/connections/c/listsecrets`],
  ['POST', `${W}/LISTKEYS`],
]
t.test('no shipped template is given keys, whoever is bound to it', async (t) => {
  for (const persona of tokens.keys()) {
    for (const [method, path] of RETURNING) {
      const answer = await call(persona, method, path + VERSION)
      t.equal(answer.status, 403, `${persona} ${path}`)
      t.match(answer.code, /^(secrets|policy)_refused$/, `${persona} ${path}`)
      t.notMatch(answer.text, SECRET)
    }
  }
  t.same(world.lab.requests(), [], 'nothing is forwarded')
})

t.test('datastores of the data plane come with their keys: refused as secrets', async (t) => {
  for (const path of ['datastores', 'datastores/d', 'default', 'datastores?secrets=true']) {
    const answer = await call('scientist', 'GET', `/datastore/v1.0${W}/${path}`)
    t.equal(answer.status, 403, path)
    t.equal(answer.code, 'secrets_refused', path)
  }
  t.same(world.lab.requests(), [])
})

t.test('@redact: the answer comes without what it is refused for', async (t) => {
  const answer = await call('outsider', 'POST', `${W}/onlineEndpoints/e/token${VERSION}`)
  t.equal(answer.status, 200, answer.text)
  t.notMatch(answer.text, SECRET)
  t.match(answer.json(), { accessToken: '[redacted]', tokenType: 'Bearer' })
  t.type((answer.json() as { expiryTimeUtc: unknown }).expiryTimeUtc, 'number')
  const upload = await call(
    'outsider',
    'POST',
    `${W}/codes/c/versions/1/startPendingUpload${VERSION}`,
  )
  t.equal(upload.status, 200, upload.text)
  t.notMatch(upload.text, /sig=/)
  t.match(upload.json(), {
    blobReferenceForConsumption: { blobUri: /^https:/, credential: '[redacted]' },
  })
})

for (const [what, fault] of [
  ['text', { headers: { 'content-type': 'text/plain' }, body: 'lab-secret-1' }],
  ['XML', { headers: { 'content-type': 'application/xml' }, body: '<key>lab-secret-1</key>' }],
  [
    'a compressed document',
    { headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' }, body: 'x' },
  ],
  [
    'a part of a document',
    { status: 206, headers: { 'content-type': 'application/json' }, body: '"lab-secret-1"' },
  ],
  ['bytes', { headers: { 'content-type': 'application/octet-stream' }, body: 'lab-secret-1' }],
] as const) {
  t.test(`@redact: ${what} cannot be looked through, so it does not pass`, async (t) => {
    await world.fault('upstream', { status: 200, ...fault })
    const answer = await call('outsider', 'POST', `${W}/onlineEndpoints/e/token${VERSION}`)
    t.equal(answer.status, 502)
    t.equal(answer.code, 'upstream_bad_answer')
    t.notMatch(answer.text, SECRET)
  })
}

const run = (id: string) => ({ runId: id, token: 'lab-secret-run', status: 'Running', tags: {} })

t.test('the token of a run is taken out of plain reads, in one and in lists', async (t) => {
  const path = `/history/v1.0${W}/experiments/e/runs/r`
  await world.fault('dataPlane', { body: run('r') })
  t.same((await call('scientist', 'GET', path)).json(), { ...run('r'), token: '[redacted]' })
  await world.fault('dataPlane', { body: { value: [run('a'), run('b')] } })
  const list = await call('scientist', 'POST', `/history/v1.0${W}/experiments/e/runs:query`)
  t.notMatch(list.text, SECRET)
  t.match(list.json(), { value: [{ runId: 'a' }, { runId: 'b' }] })
  await world.fault('dataPlane', {
    body: { x: { runMetadata: run('r') } },
  })
  t.notMatch((await call('scientist', 'POST', `/history/v1.0${W}/rundata`)).text, SECRET)
  await world.fault('dataPlane', {
    headers: { 'content-type': 'text/plain' },
    body: 'lab-secret-1',
  })
  t.equal((await call('scientist', 'GET', path)).code, 'upstream_bad_answer')
})

const GROUP = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${RESOURCE_GROUP}`
const TUNNELS: readonly (readonly [string, string])[] = [
  ['POST', `/batch${VERSION}`],
  ['POST', `/BATCH${VERSION}`],
  ['POST', `${W}/$batch${VERSION}`],
  ['POST', `/subscriptions/${SUBSCRIPTION}/$batch${VERSION}`],
  ['PUT', `${GROUP}/providers/Microsoft.Resources/deployments/d${VERSION}`],
  ['PUT', `${GROUP}/providers/microsoft.resources/DEPLOYMENTS/d${VERSION}`],
  ['POST', `${GROUP}/providers/Microsoft.Resources/deployments/d/validate${VERSION}`],
  ['POST', `${GROUP}/providers/Microsoft.Resources/deployments/d/whatIf${VERSION}`],
  ['PUT', `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Resources/deployments/d${VERSION}`],
  ['PUT', `/providers/Microsoft.Resources/deployments/d${VERSION}`],
  ['PUT', `${GROUP}/providers/Microsoft.Resources/deploymentScripts/d${VERSION}`],
  ['PUT', `${GROUP}/providers/Microsoft.Resources/deploymentStacks/d${VERSION}`],
  ['PUT', `${W}/providers/Microsoft.Resources/deployments/d${VERSION}`],
]
for (const [method, path] of TUNNELS) {
  t.test(`${method} ${path.slice(-60)} carries calls that nobody judges: 403`, async (t) => {
    const answer = await call('scientist', method, path)
    t.equal(answer.status, 403, answer.text)
    t.equal(answer.code, 'tunnel_refused')
    t.same(world.lab.requests(), [])
  })
}
