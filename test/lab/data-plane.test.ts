import t from 'tap'
import { request } from '../../lab/server/http.ts'
import { registryId, workspaceId } from '../../lab/personas.ts'
import { caller, identity, lab } from './helper.ts'

t.test('the data plane keeps what is put and refuses strangers', async (t) => {
  const running = await lab(t)
  const url = `${running.urls.dataPlane}/history/v1.0${workspaceId()}/runs/r1`
  const { ca } = running.certificates
  t.equal((await request(url, { ca })).status, 401)
  const call = await caller(running)
  t.equal((await call('GET', url)).status, 404)
  t.equal((await call('PATCH', url, { status: 'Running' })).status, 200)
  t.strictSame((await call('GET', url)).json(), { status: 'Running' })
  const query = `${running.urls.dataPlane}/history/v1.0${workspaceId()}/runs:query`
  const reader = await caller(running, 'ml-reader')
  t.match((await reader('POST', query, { top: 1 })).json(), { received: { top: 1 } })
})

t.test('the discovery document names the host, without a token', async (t) => {
  const running = await lab(t)
  const { ca } = running.certificates
  const reply = await request(`${running.urls.dataPlane}/discovery`, { ca })
  t.match(reply.json(), { api: running.urls.dataPlane, history: running.urls.dataPlane })
})

t.test('scoring takes a token for Azure ML only, and keeps the deployment header', async (t) => {
  const running = await lab(t)
  const url = `${running.urls.scoring}/score`
  const wrong = await caller(running)
  t.equal((await wrong('POST', url, { x: 1 })).status, 401)
  const call = await caller(running, 'ml-writer', 'https://ml.azure.com')
  const headers = { 'azureml-model-deployment': 'green' }
  const reply = await call('POST', url, { x: 1 }, headers)
  t.match(reply.json(), { deployment: 'green', input: '{"x":1}' })
})

t.test('scoring streams events one at a time', async (t) => {
  const running = await lab(t)
  const call = await caller(running, 'ml-writer', 'https://ml.azure.com')
  const url = `${running.urls.scoring}/score?events=3`
  const reply = await call('POST', url, {}, { accept: 'text/event-stream' })
  t.equal(reply.headers['content-type'], 'text/event-stream')
  const data = [...reply.text().matchAll(/^data: (.*)$/gm)].map((match) => match[1] ?? '')
  t.equal(data.length, 4)
  const first = JSON.parse(data[0] ?? '') as { at: number }
  const last = JSON.parse(data[2] ?? '') as { at: number }
  t.ok(last.at - first.at >= 80)
})

t.test('Graph tells groups to an identity with its own audience, and counts', async (t) => {
  const running = await lab(t)
  const oid = '44444444-4444-4444-8444-444444444401'
  const url = `${running.urls.graph}/v1.0/users/${oid}/getMemberGroups`
  const body = { securityEnabledOnly: true }
  const wrong = await caller(running, 'ml-reader')
  t.equal((await wrong('POST', url, body)).status, 401)
  const call = await caller(running, 'ml-reader', 'https://graph.microsoft.com')
  t.match((await call('POST', url, body)).json(), {
    value: ['33333333-3333-4333-8333-333333333301'],
  })
  t.strictSame(running.graph.counts(), { [oid]: 1 })
  const nobody = url.replace(oid, identity('ml-reader').oid)
  t.equal((await call('POST', nobody, body)).status, 404)
})

t.test('registries are found by name, and their assets behind the front end', async (t) => {
  const running = await lab(t)
  const call = await caller(running)
  const { dataPlane } = running.urls
  const discovery = `${dataPlane}/registrymanagement/v1.0/registries`
  t.equal(
    (await request(`${discovery}/azureml/discovery`, { ca: running.certificates.ca })).status,
    401,
  )
  t.equal((await call('GET', `${discovery}/nowhere/discovery`)).status, 404)
  const found = (await call('GET', `${discovery}/AzureML/discovery`)).json()
  const id = registryId('azureml')
  t.match(found, {
    registryName: 'azureml',
    subscriptionId: id.split('/')[2],
    primaryRegionResourceProviderUri: `${dataPlane}/`,
  })
  const assets = `${dataPlane}/mferp/managementfrontend${id}`
  const version = 'api-version=2021-10-01-dataplanepreview'
  const newest = `${version}&$orderBy=createdtime%20desc&$top=1`
  t.match((await call('GET', `${assets}/environments/sklearn-1.5/versions?${newest}`)).json(), {
    value: [{ name: '31' }],
  })
  const component = `${assets}/components/train_model/versions/azureml_default?${version}`
  t.match((await call('GET', component)).json(), { name: '0.0.2' })
  t.equal((await call('GET', `${id}/environments/sklearn-1.5/versions?${version}`)).status, 403)
})
