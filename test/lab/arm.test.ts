import t from 'tap'
import { request } from '../../lab/server/http.ts'
import { workspaceId } from '../../lab/personas.ts'
import { caller, lab } from './helper.ts'

const V = 'api-version=2024-04-01'
const W = workspaceId()
interface List {
  readonly value: readonly { readonly name: string }[]
  readonly nextLink?: string
}
interface Resource {
  readonly name: string
  readonly properties: Readonly<Record<string, unknown>>
}

t.test('without a token, or with a caller’s, ARM answers 401 and challenges', async (t) => {
  const running = await lab(t)
  const url = `${running.urls.upstream}${W}?${V}`
  const { ca } = running.certificates
  for (const token of [null, await running.token('scientist'), 'x.y.z']) {
    const headers = token === null ? {} : { authorization: `Bearer ${token}` }
    const reply = await request(url, { ca, headers })
    t.equal(reply.status, 401)
    t.match(reply.headers['www-authenticate'], /^Bearer authorization_uri=/)
    t.match(reply.json(), { error: { code: String } })
  }
})

t.test('a token for another audience is refused', async (t) => {
  const running = await lab(t)
  const call = await caller(running, 'ml-writer', 'https://monitor.azure.com')
  t.equal((await call('GET', `${W}?${V}`)).status, 401)
})

t.test('an identity without the role gets ARM’s 403', async (t) => {
  const running = await lab(t)
  const reader = await caller(running, 'ml-reader')
  t.equal((await reader('GET', `${W}?${V}`)).status, 200)
  const refused = await reader('PUT', `${W}/jobs/j1?${V}`, { properties: {} })
  t.equal(refused.status, 403)
  t.match(refused.json(), { error: { code: 'AuthorizationFailed' } })
  const nobody = await caller(running, 'audit-writer')
  t.equal((await nobody('GET', `${W}?${V}`)).status, 403)
})

t.test('a job is created, runs to its end by being read, and is deleted', async (t) => {
  const call = await caller(await lab(t))
  const job = { properties: { jobType: 'Command', displayName: 'd' }, tags: {} }
  const created = await call('PUT', `${W}/jobs/j1?${V}`, job)
  t.equal(created.status, 201)
  const seen: unknown[] = []
  for (let i = 0; i < 3; i++) {
    const { properties } = (await call('GET', `${W}/jobs/j1?${V}`)).json() as Resource
    t.equal(properties['displayName'], 'd')
    seen.push(properties['status'])
  }
  t.strictSame(seen, ['Starting', 'Running', 'Completed'])
  t.equal((await call('PUT', `${W}/jobs/j1?${V}`, job)).status, 200, 'again')
  const deleted = await call('DELETE', `${W}/jobs/j1?${V}`)
  t.equal(deleted.status, 202)
  const location = String(deleted.headers.location)
  t.equal((await call('GET', location)).status, 202)
  t.equal((await call('GET', location)).status, 204)
  const gone = await call('GET', `${W}/jobs/j1?${V}`)
  t.equal(gone.status, 404)
  t.match(gone.json(), { error: { code: 'ResourceNotFound' } })
  t.equal((await call('DELETE', `${W}/jobs/j1?${V}`)).status, 204)
})

t.test('an endpoint is created by a long-running operation on ARM’s own host', async (t) => {
  const running = await lab(t)
  const call = await caller(running)
  const body = { location: 'eastus', properties: { authMode: 'AADToken' } }
  const path = `${W}/onlineEndpoints/e1?${V}`
  const created = await call('PUT', path, body)
  t.equal(created.status, 201)
  t.match(created.json(), { properties: { provisioningState: 'Creating' } })
  const status = String(created.headers['azure-asyncoperation'])
  t.ok(status.startsWith(`${running.urls.upstream}/subscriptions/`))
  t.ok(String(created.headers.location).startsWith(`${running.urls.upstream}/subscriptions/`))
  t.match((await call('GET', status)).json(), { status: 'InProgress' })
  t.match((await call('GET', status)).json(), { status: 'Succeeded' })
  const done = (await call('GET', path)).json()
  t.match(done, { properties: { provisioningState: 'Succeeded', scoringUri: /\/score$/ } })
})

t.test('a deletion ends for who asks for the resource and not for the operation', async (t) => {
  const running = await lab(t)
  const call = await caller(running, 'ml-writer')
  const endpoint = `${W}/onlineEndpoints/leaves?${V}`
  const body = { location: 'eastus', properties: { authMode: 'AADToken' } }
  t.equal((await call('PUT', endpoint, body)).status, 201)
  t.equal((await call('DELETE', endpoint)).status, 202)
  const seen: unknown[] = []
  for (let asked = 0; asked < 10 && seen.at(-1) !== 404; asked++) {
    const reply = await call('GET', endpoint)
    seen.push(reply.status === 200 ? (reply.json() as Resource).properties : reply.status)
  }
  t.match(seen[0], { provisioningState: 'Deleting' })
  t.equal(seen.at(-1), 404)
})

t.test('a deployment needs its endpoint', async (t) => {
  const call = await caller(await lab(t))
  const path = `${W}/onlineEndpoints/e1/deployments/blue?${V}`
  const early = await call('PUT', path, { properties: {} })
  t.equal(early.status, 404)
  t.match(early.json(), { error: { code: 'ParentResourceNotFound' } })
  await call('PUT', `${W}/onlineEndpoints/e1?${V}`, { properties: {} })
  t.equal((await call('PUT', path, { properties: {} })).status, 201)
})

t.test('lists come in pages whose next link is absolute and keeps the query', async (t) => {
  const running = await lab(t)
  const call = await caller(running)
  for (let i = 1; i <= 5; i++) await call('PUT', `${W}/jobs/j${i}?${V}`, { properties: {} })
  const names: string[] = []
  let pages = 0
  let next: string | undefined = `${W}/jobs?${V}&listViewType=All`
  while (next !== undefined) {
    const page = (await call('GET', next)).json() as List
    names.push(...page.value.map((one) => one.name))
    pages++
    next = page.nextLink
    if (next !== undefined) {
      t.ok(next.startsWith(`${running.urls.upstream}${W}/jobs?`))
      t.match(next, /listViewType=All/i)
    }
  }
  t.equal(pages, 3)
  t.strictSame(names, ['j1', 'j2', 'j3', 'j4', 'j5'])
  const three = (await call('GET', `${W}/jobs?${V}&$top=3`)).json() as List
  t.equal(three.value.length, 3)
})

t.test('a version brings its container along', async (t) => {
  const call = await caller(await lab(t))
  for (const version of ['1', '2'])
    await call('PUT', `${W}/models/m/versions/${version}?${V}`, { properties: { v: version } })
  const container = (await call('GET', `${W}/models/m?${V}`)).json()
  t.match(container, { properties: { latestVersion: '2', nextVersion: '3' } })
  const list = (await call('GET', `${W}/models?${V}`)).json() as List
  t.strictSame(
    list.value.map((one) => one.name),
    ['m'],
  )
  const versions = (await call('GET', `${W}/models/m/versions?${V}`)).json() as List
  t.equal(versions.value.length, 2)
})

t.test('types and workspaces compare without case, asset names with it', async (t) => {
  const call = await caller(await lab(t))
  await call('PUT', `${W}/models/Model/versions/1?${V}`, { properties: {} })
  const shouted = `${W.toUpperCase()}/MODELS/Model/VERSIONS/1?${V}`
  const found = await call('GET', shouted)
  t.equal(found.status, 200)
  t.match(found.json(), { id: `${W}/models/Model/versions/1` })
  t.equal((await call('GET', `${W}/models/model/versions/1?${V}`)).status, 404)
})

t.test('every type of resource works the same way', async (t) => {
  const call = await caller(await lab(t))
  const types = [
    'jobs',
    'data',
    'datastores',
    'environments',
    'components',
    'computes',
    'schedules',
  ]
  for (const type of [...types, 'connections', 'batchEndpoints', 'somethingNew']) {
    const path = `${W}/${type}/one?${V}`
    const put = await call('PUT', path, { properties: { x: 1 } })
    t.equal(put.status, 201, type)
    t.match((await call('GET', path)).json(), { name: 'one', properties: { x: 1 } })
    const patched = await call('PATCH', path, { properties: { y: 2 } })
    t.ok(patched.status === 200 || patched.status === 202, type)
    t.match((await call('GET', path)).json(), { properties: { x: 1, y: 2 } })
    const deleted = await call('DELETE', path)
    t.ok(deleted.status === 200 || deleted.status === 202, type)
  }
})

t.test('what somebody writes as a credential is told to nobody', async (t) => {
  const call = await caller(await lab(t))
  for (const [type, credentials, told] of [
    ['connections', { key: 'written' }, null],
    [
      'datastores',
      { credentialsType: 'AccountKey', secrets: { key: 'written' } },
      { credentialsType: 'AccountKey' },
    ],
  ] as const) {
    const path = `${W}/${type}/secret?${V}`
    const properties = { authType: 'ApiKey', credentials }
    for (const reply of [await call('PUT', path, { properties }), await call('GET', path)]) {
      t.notMatch(JSON.stringify(reply.json()), 'written', type)
      t.same((reply.json() as { properties: object }).properties, {
        authType: 'ApiKey',
        credentials: told,
        provisioningState: 'Succeeded',
      })
    }
  }
})

t.test('secrets are given where Azure gives them', async (t) => {
  const call = await caller(await lab(t))
  await call('PUT', `${W}/onlineEndpoints/e1?${V}`, { properties: {} })
  const cases: [string, string][] = [
    [`${W}/listKeys`, 'userStorageKey'],
    [`${W}/onlineEndpoints/e1/listKeys`, 'primaryKey'],
    [`${W}/onlineEndpoints/e1/token`, 'accessToken'],
    [`${W}/datastores/workspaceblobstore/listSecrets`, 'key'],
  ]
  for (const [path, field] of cases) {
    const body = (await call('POST', `${path}?${V}`, {})).json() as Record<string, string>
    t.match(body[field], /^lab-secret-/, path)
  }
  const upload = await call('POST', `${W}/codes/c/versions/1/startPendingUpload?${V}`, {})
  t.match(upload.json(), { blobReferenceForConsumption: { credential: { sasUri: /sig=/ } } })
})

t.test('an action on what does not exist is 404, a missing api-version 400', async (t) => {
  const call = await caller(await lab(t))
  t.equal((await call('POST', `${W}/onlineEndpoints/none/listKeys?${V}`, {})).status, 404)
  const noVersion = await call('GET', `${W}/jobs`)
  t.equal(noVersion.status, 400)
  t.match(noVersion.json(), { error: { code: 'MissingApiVersionParameter' } })
  const foreign = `${W.replace('MachineLearningServices', 'Compute')}?${V}`
  t.match((await call('GET', foreign)).json(), { error: { code: 'InvalidResourceNamespace' } })
})

t.test('answers carry ids and throttling headers, and echo the correlation id', async (t) => {
  const call = await caller(await lab(t))
  const id = '12345678-1234-4123-8123-123456789abc'
  const headers = { 'x-ms-correlation-request-id': id }
  const reply = await call('GET', `${W}?${V}`, undefined, headers)
  t.equal(reply.headers['x-ms-correlation-request-id'], id)
  t.match(reply.headers, {
    'x-ms-request-id': /^[0-9a-f-]{36}$/,
    'x-ms-routing-request-id': /^EASTUS:/,
    'x-ms-ratelimit-remaining-subscription-reads': /^\d+$/,
    etag: /^"/,
  })
})

t.test('workspaces are listed for a subscription and a resource group', async (t) => {
  const call = await caller(await lab(t))
  const group = W.slice(0, W.lastIndexOf('/'))
  const subscription = group.replace(/\/resourceGroups\/[^/]+/, '')
  for (const path of [group, subscription]) {
    const list = (await call('GET', `${path}?${V}`)).json() as List
    t.strictSame(
      list.value.map((one) => one.name),
      ['ws-lab', 'ws-other'],
      path,
    )
  }
})
