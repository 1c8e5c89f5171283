/**
 * A fact that nobody told is no consent: changes are judged by what Azure has now, and what nothing tells is refused.
 */
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'

const W = workspaceId()
const V = '?api-version=2024-04-01'
const SCIENTISTS =
  'Group::"entra/11111111-1111-4111-8111-111111111111/33333333-3333-4333-8333-333333333301"'
/** The form that the documents recommend, for all that changes something. */
const OWN = `
@id("own")
@reason("scientists change what is of project churn only")
forbid (
  principal in ${SCIENTISTS},
  action in [Action::"write", Action::"delete", Action::"invoke"],
  resource
)
when { context has tags && !context.tags.contains("project=churn") };

@id("own-reads")
@reason("scientists read what is of project churn only")
forbid (principal in ${SCIENTISTS}, action in Action::"read", resource is Job)
when { context has tags && !context.tags.contains("project=churn") };
`

/** Two of the published guardrails, for people who run things; no tags are asked of them. */
const READERS = 'Group::"okta/ml-readers"'
const GUARDRAILS = `
@id("approved-compute")
@reason("jobs and batch deployments run on the shared clusters only")
forbid (
  principal in ${READERS},
  action in
    [Action::"Microsoft.MachineLearningServices/workspaces/jobs/write",
     Action::"Microsoft.MachineLearningServices/workspaces/batchEndpoints/deployments/write",
     Action::"Microsoft.MachineLearningServices/workspaces/batchEndpoints/jobs/write"],
  resource
)
unless { context has computes && ["cpu-cluster"].containsAll(context.computes) };

@id("approved-sizes")
@reason("this VM size is not among the approved ones")
forbid (principal in ${READERS}, action in Action::"write", resource)
when { context has instanceTypes && !["standard_ds3_v2"].containsAll(context.instanceTypes) };

@id("pinned-images")
@reason("images are named by digest")
forbid (principal in ${READERS}, action in Action::"write", resource)
when { context has imagesUnpinned && context.imagesUnpinned };

@id("no-public-network")
@reason("nothing here is reachable from the internet")
forbid (principal in ${READERS}, action in Action::"write", resource)
when { context has publicNetworkAccess && context.publicNetworkAccess };

@id("readers-write")
@reason("for the test")
@identity("ml-writer")
permit (
  principal in ${READERS},
  action in [Action::"write", Action::"delete", Action::"invoke"],
  resource
);
`

const policies = await ownPolicies({ 'own.cedar': OWN, 'guardrails.cedar': GUARDRAILS })
let world: World
t.before(async () => {
  world = await startGateway({ gateway: { change: policies.change } })
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

async function call(persona: string, method: string, path: string, body?: object) {
  const headers = {
    authorization: `Bearer ${await world.lab.token(persona)}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  }
  const text = body === undefined ? {} : { body: JSON.stringify(body) }
  return world.send(path, { method, headers, ...text })
}

/** The calls with this method that Azure saw. */
const arrived = (method: string) =>
  world.lab.requests().filter((request) => request.method === method)

const job = (project: string) => ({
  properties: { jobType: 'Command', command: 'true', tags: { project } },
})

async function given(name: string, project: string): Promise<void> {
  const made = await call('service', 'PUT', `${W}/jobs/${name}${V}`, job(project))
  if (made.status >= 300) throw new Error(made.text)
}

t.test("another project's job is neither deleted, cancelled nor taken over", async (t) => {
  await given('fraud', 'fraud')
  await world.clear()
  for (const [method, path, body] of [
    ['DELETE', `${W}/jobs/fraud${V}`, undefined],
    ['POST', `${W}/jobs/fraud/cancel${V}`, undefined],
    ['PUT', `${W}/jobs/fraud${V}`, job('churn')],
  ] as const) {
    const answer = await call('scientist', method, path, body)
    t.equal(answer.code, 'policy_refused', `${method} ${path}`)
    t.match(answer.text, /scientists change what is of project churn only/)
    t.same(arrived(method), [], 'Azure was asked what it is, and nothing more')
    const row = (await world.allRecords()).at(-1)
    t.match(row, { RecordKind: 'refused', PolicyIds: ['own'], Decision: 'refuse' })
  }
  t.equal((await call('scientist', 'GET', `${W}/jobs/fraud${V}`)).status, 403)
})

t.test('what is of the own project is changed as ever', async (t) => {
  await given('churn', 'churn')
  await world.clear()
  t.equal((await call('scientist', 'PUT', `${W}/jobs/churn${V}`, job('churn'))).status, 200)
  t.ok((await call('scientist', 'POST', `${W}/jobs/churn/cancel${V}`)).status < 300)
  t.ok((await call('scientist', 'DELETE', `${W}/jobs/churn${V}`)).status < 300)
  t.equal((await call('scientist', 'PUT', `${W}/jobs/new${V}`, job('churn'))).status, 201)
  t.equal((await call('scientist', 'DELETE', `${W}/jobs/nowhere${V}`)).status, 204)
})

t.test('what runs and what is exposed is judged in every write that can say so', async (t) => {
  const compute = (size: string) => ({
    location: 'westeurope',
    properties: {
      computeType: 'ComputeInstance',
      properties: { vmSize: size, enableNodePublicIp: false },
      disableLocalAuth: true,
    },
  })
  const made = await call('reader', 'PUT', `${W}/computes/c5${V}`, compute('standard_ds3_v2'))
  t.ok(made.status < 300, made.text)
  const deployment = { location: 'westeurope', properties: { compute: 'own-cluster' } }
  const environment = {
    properties: { build: { contextUri: 'https://x.test/c', dockerfilePath: 'D' } },
  }
  const ssh = {
    properties: {
      jobType: 'Command',
      command: 'true',
      computeId: 'azureml:cpu-cluster',
      services: { x: { jobServiceType: 'SSH' } },
    },
  }
  for (const [method, path, body, why] of [
    ['PUT', `${W}/batchEndpoints/be/deployments/d${V}`, deployment, 'shared clusters'],
    ['PUT', `${W}/environments/e/versions/1${V}`, environment, 'named by digest'],
    ['PUT', `${W}/jobs/ssh${V}`, ssh, 'reachable from the internet'],
    ['POST', `${W}/computes/c5/resize${V}`, { targetVMSize: 'Standard_ND96' }, 'this VM size'],
  ] as const) {
    await world.clear()
    const answer = await call('reader', method, path, body)
    t.equal(answer.code, 'policy_refused', `${method} ${path} ${answer.text}`)
    t.match(answer.text, why)
    t.same(arrived(method), [])
  }
  const resize = { targetVMSize: 'STANDARD_DS3_v2' }
  const fits = await call('reader', 'POST', `${W}/computes/c5/resize${V}`, resize)
  t.notMatch(fits.text, 'policy_refused')
  t.notMatch(fits.text, 'fact_unknown')
})

t.test(
  'a PATCH is judged by what it leaves, and what Azure does not tell is refused',
  async (t) => {
    const endpoint = (project: string) => ({
      location: 'westeurope',
      tags: { project },
      properties: { authMode: 'AADToken', publicNetworkAccess: 'Disabled' },
    })
    const url = (name: string) => `${W}/onlineEndpoints/${name}${V}`
    for (const name of ['fraud', 'churn'])
      t.ok((await call('reader', 'PUT', url(`${name}-e`), endpoint(name))).status < 300, name)
    const traffic = { properties: { traffic: { blue: 100 } } }
    t.equal((await call('scientist', 'PATCH', url('fraud-e'), traffic)).code, 'policy_refused')
    const own = await call('scientist', 'PATCH', url('churn-e'), traffic)
    t.ok(own.status < 300, own.text)
    const taking = await call('scientist', 'PATCH', url('churn-e'), { tags: { project: 'fraud' } })
    t.equal(taking.code, 'policy_refused')
    const claimed = await call('scientist', 'PATCH', url('fraud-e'), { tags: { project: 'churn' } })
    t.equal(claimed.code, 'policy_refused')
    await world.clear()
    await world.fault('upstream', {
      match: { method: 'GET', path: '/jobs/' },
      status: 500,
      times: 0,
    })
    const failed = await call('scientist', 'DELETE', `${W}/jobs/churn${V}`)
    t.match(failed.code, /^upstream_/)
    t.same(arrived('DELETE'), [], 'an error is a refusal')
  },
)
