/** A job is a job, whoever starts it: a schedule, or a call of a batch endpoint. */
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'

const W = workspaceId()
const V = '?api-version=2024-04-01'
const RBAC = 'Microsoft.MachineLearningServices/workspaces'
const SCIENTISTS =
  'Group::"entra/11111111-1111-4111-8111-111111111111/33333333-3333-4333-8333-333333333301"'
const READERS = 'Group::"okta/ml-readers"'
/** Each names jobs/write alone. */
const JOBS = `
@id("own-jobs")
@reason("jobs are of project churn")
forbid (principal in ${SCIENTISTS}, action == Action::"${RBAC}/jobs/write", resource)
when { context has tags && !context.tags.contains("project=churn") };

@id("small")
@reason("jobs run on small machines")
forbid (principal in ${SCIENTISTS}, action == Action::"${RBAC}/jobs/write", resource)
when { context has instanceTypes && context.instanceTypes.contains("standard_nd96") };

@id("schedulers")
@reason("for the test: these may write schedules and call batch endpoints, and no jobs")
@identity("ml-writer")
permit (
  principal in ${READERS},
  action in
    [Action::"${RBAC}/schedules/write",
     Action::"${RBAC}/schedules/read",
     Action::"${RBAC}/batchEndpoints/jobs/write"],
  resource
);
`

const policies = await ownPolicies({ 'jobs.cedar': JOBS })
let world: World
t.before(async () => {
  world = await startGateway({ gateway: { change: policies.change } })
  const endpoint = { location: 'westeurope', properties: { authMode: 'AADToken' } }
  const made = await call('scientist', 'PUT', `${W}/batchEndpoints/be${V}`, endpoint)
  if (made.status >= 300) throw new Error(made.text)
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

async function call(persona: string, method: string, path: string, body: object) {
  const headers = {
    authorization: `Bearer ${await world.lab.token(persona)}`,
    'content-type': 'application/json',
  }
  return world.send(path, { method, headers, body: JSON.stringify(body) })
}
const arrived = () => world.lab.requests().filter(({ method }) => method !== 'GET')

const job = (project: string, size: string) => ({
  jobType: 'Command',
  command: 'true',
  computeId: 'azureml:cpu-cluster',
  environmentId: 'azureml:env:1',
  tags: { project },
  resources: { instanceType: size, instanceCount: 1 },
})
const scheduled = (project: string, size = 'standard_ds3_v2') => ({
  properties: {
    trigger: { triggerType: 'Recurrence', frequency: 'Day', interval: 1 },
    action: { actionType: 'CreateJob', jobDefinition: job(project, size) },
  },
})
const batch = (project: string, size = 'standard_ds3_v2') => ({
  properties: { tags: { project }, resources: { instanceType: size } },
})
const SCHEDULE = `${W}/schedules/nightly${V}`
const BATCH = `${W}/batchEndpoints/be/jobs${V}`
/** The endpoint's own host. */
const HOST = `/_score${W.replace(/\/(?:subscriptions|resourceGroups|workspaces|providers\/[^/]+)(?=\/)/g, '')}/be/jobs`

for (const [name, method, path, body, why] of [
  ['a schedule of another project', 'PUT', SCHEDULE, scheduled('fraud'), /jobs are of project churn/],
  ['a schedule on large machines', 'PUT', SCHEDULE, scheduled('churn', 'Standard_ND96'), /small machines/],
  ['a batch job of another project', 'POST', BATCH, batch('fraud'), /jobs are of project churn/],
  ['a batch job on the endpoint’s own host', 'POST', HOST, batch('fraud'), /jobs are of project churn/],
  ['a batch job on large machines', 'POST', BATCH, batch('churn', 'Standard_ND96'), /small machines/],
] as const) {
  t.test(`${name}: a forbid of jobs/write holds`, async (t) => {
    await world.clear()
    const answer = await call('scientist', method, path, body)
    t.equal(answer.code, 'policy_refused', answer.text)
    t.match(answer.text, why)
    t.same(arrived(), [])
    t.match(await world.settled(answer), [{ RecordKind: 'refused', Decision: 'refuse' }])
  })
} // prettier-ignore

t.test('one that may be a job may be scheduled, and run by a batch endpoint', async (t) => {
  for (const [method, path, body] of [
    ['PUT', SCHEDULE, scheduled('churn')],
    ['POST', BATCH, batch('churn')],
  ] as const) {
    await world.clear()
    const answer = await call('scientist', method, path, body)
    t.notMatch(answer.text, /policy_refused|fact_unknown/)
    t.equal(arrived().length, 1, answer.text)
  }
})

t.test('a PATCH does not turn a schedule into one of another project', async (t) => {
  await world.clear()
  const change = { properties: { action: { jobDefinition: { tags: { project: 'fraud' } } } } }
  const answer = await call('scientist', 'PATCH', SCHEDULE, change)
  t.ok([403, 405].includes(answer.status), answer.text)
  t.same(arrived(), [])
})

t.test('who may not write jobs writes no schedule, and still calls batch endpoints', async (t) => {
  await world.clear()
  const refused = await call('reader', 'PUT', SCHEDULE, scheduled('churn'))
  t.equal(refused.code, 'policy_refused', refused.text)
  t.match(refused.text, /jobs\/write/)
  t.same(arrived(), [])
  const answer = await call('reader', 'POST', BATCH, batch('churn'))
  t.notMatch(answer.text, /policy_refused|fact_unknown/)
  t.equal(arrived().length, 1, answer.text)
})
