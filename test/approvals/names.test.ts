/**
 * A stage, an alias and the tags of a version are one thing under several names: a review that policy asks for under the
 * name of Resource Manager is asked for under each.
 */
import t from 'tap'
import { RESOURCE_GROUP, SUBSCRIPTION, TENANT } from '../../lab/personas.ts'
import { startReviewing, V, W, type Reviewing } from './support.ts'

const P = 'Microsoft.MachineLearningServices'
const SCIENTISTS = '33333333-3333-4333-8333-333333333301'
const RULE = `
@id("review")
@reason("versions are changed after a review")
@approval("reviewers=1")
forbid (
  principal,
  action in [Action::"${P}/workspaces/models/versions/write",
             Action::"${P}/workspaces/models/versions/delete"],
  resource
);`

let reviewing: Reviewing
t.before(async () => {
  reviewing = await startReviewing({ files: { 'release.cedar': RULE } })
})
t.teardown(() => reviewing.close())
t.setTimeout(120_000)

const M = `/mlflow/v1.0${W}/api/2.0/mlflow`
const STAGE = [{ op: 'replace', path: '/stage', value: 'Production' }]
const version = { name: 'm', version: '1' }
type Call = readonly [method: string, path: string, body?: object]

/** Sends it, and says whether it needs a review and whether anything was changed. */
async function outcome([method, path, body]: Call): Promise<readonly [boolean, boolean]> {
  const { call, world } = reviewing
  await world.clear()
  // Node says nothing of the body of a DELETE by itself
  const length = String(Buffer.byteLength(JSON.stringify(body ?? '')))
  const headers = body === undefined ? {} : { 'content-length': length }
  const answer = await call('scientist', method, path, body, headers)
  const sent = world.lab.requests().some((one) => one.method !== 'GET')
  return [answer.status === 403 && answer.text.includes('approval_required'), sent]
}

const REVIEWED: readonly Call[] = [
  ['PUT', `${W}/models/m/versions/1${V}`, { properties: { stage: 'Production' } }],
  ['PUT', `/mferp/managementfrontend${W}/models/m/versions/1${V}`, { properties: {} }],
  ['POST', `${M}/model-versions/transition-stage`, { ...version, stage: 'Production' }],
  ['POST', `${M}/model-versions/set-tag`, { ...version, key: 'k', value: 'v' }],
  ['DELETE', `${M}/model-versions/delete-tag`, { ...version, key: 'k' }],
  ['PATCH', `${M}/model-versions/update`, { ...version, description: 'd' }],
  ['POST', `${M}/model-versions/create`, { name: 'm', source: 'runs:/j/model' }],
  ['DELETE', `${M}/model-versions/delete`, version],
  ['POST', `${M}/registered-models/alias`, { ...version, alias: 'champion' }],
  ['POST', `${M.replace('v1.0', 'v2.0')}/registered-models/alias`, { ...version, alias: 'c' }],
  ['DELETE', `${M}/registered-models/alias`, { name: 'm', alias: 'champion' }],
  ['POST', `${M}/registered-models/rename`, { name: 'm', new_name: 'n' }],
  ['DELETE', `${M}/registered-models/delete`, { name: 'm' }],
  ['POST', `/modelregistry/v1.0${W}/models`, { name: 'm', url: 'x' }],
  ['PATCH', `/modelregistry/v1.0${W}/models/m:1`, STAGE],
  ['PATCH', `/modelregistry/v1.0${W}/models/assets`, STAGE],
  ['DELETE', `/modelregistry/v1.0${W}/models/m:1`],
  ['PATCH', `/modelmanagement/v1.0${W}/models/m:1`, STAGE],
]
for (const call of REVIEWED) {
  t.test(`${call[0]} ${call[1].replace(W, '')}`, async (t) => {
    t.same(await outcome(call), [true, false], 'it needs a review, and is not made')
  })
}

t.test('what is named in the query of a change cannot be reviewed, and is not made', async (t) => {
  const path = `${M}/registered-models/alias?name=m&alias=champion`
  t.same(await outcome(['DELETE', path]), [false, false])
})

t.test("a model's own document is no version of it", async (t) => {
  for (const call of [
    ['POST', `${M}/registered-models/create`, { name: 'm' }],
    ['PATCH', `${M}/registered-models/update`, { name: 'm', description: 'd' }],
    ['GET', `${M}/registered-models/get?name=m`],
  ] as const)
    t.equal((await outcome(call))[0], false, call[1])
})

t.test('approved under one of its names, it is made under that name, once', async (t) => {
  const { call, approve, world } = reviewing
  const asked = [
    'POST',
    `${M}/model-versions/transition-stage`,
    { ...version, stage: 'Staging' },
  ] as const
  const refused = await call('scientist', ...asked)
  const id = /review ([a-z2-7]{16}-\d+)/.exec(refused.text)?.[1] ?? ''
  t.equal((await approve('reviewer', id)).status, 200, refused.text)
  const other = { ...version, stage: 'Production' }
  t.equal((await call('scientist', 'POST', asked[1], other)).status, 403, 'another stage')
  await world.clear()
  t.equal((await call('scientist', ...asked)).status, 200)
  t.equal(world.lab.requests().filter(({ method }) => method === 'POST').length, 1)
})

t.test('a rule of one workspace, and none of another', async (t) => {
  const group = `/subscriptions/${SUBSCRIPTION}/resourcegroups/${RESOURCE_GROUP}`
  const elsewhere = `${group}/providers/${P}/workspaces/ws-other`.toLowerCase()
  await reviewing.change({
    'release.cedar': RULE.replace(/resource\n/, `resource in Workspace::"${elsewhere}"\n`),
  })
  t.equal((await outcome(['POST', `${M}/model-versions/set-tag`, version]))[0], false)
  await reviewing.change({
    'release.cedar': RULE.replace(/resource\n/, `resource in Workspace::"${W.toLowerCase()}"\n`),
  })
  t.same(await outcome(['POST', `${M}/model-versions/set-tag`, version]), [true, false])
})

t.test('what is imported into a registry waits for its review, or is held', async (t) => {
  const { call, world, change } = reviewing
  const registry = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${RESOURCE_GROUP}/providers/${P}/registries/reg`
  const properties = {
    referenceType: 'Id',
    destinationName: 'm',
    destinationVersion: '1',
    sourceAssetId: `${W}/models/m/versions/1`,
  }
  const permit = `
@id("registries")
@reason("scientists write registries")
@identity("ml-writer")
permit (principal in Group::"entra/${TENANT}/${SCIENTISTS}", action, resource);`
  const rule = RULE.replace(
    `Action::"${P}/workspaces/models/versions/delete"`,
    `Action::"${P}/registries/assets/write"`,
  )
  await change({ 'registries.cedar': permit, 'release.cedar': rule })
  await world.clear()
  const paths = [`${registry}/import${V}`, `/mferp/managementfrontend${registry}/import${V}`]
  for (const path of paths)
    t.equal((await call('scientist', 'POST', path, { properties })).code, 'approval_required', path)
  await change({ 'release.cedar': rule.replace('reviewers=1', 'reviewers=1 hold=10m') })
  for (const path of paths) {
    const held = await call('scientist', 'POST', path, { properties })
    t.equal(held.status, 202, held.text)
    t.match(held.headers, { location: /_harness/, 'azure-asyncoperation': /_harness/ })
  }
  t.same(
    world.lab.requests().filter(({ method }) => method !== 'GET'),
    [],
  )
})
