/** A run is a job: a forbid that names only changes of jobs holds for every change of a run, by whichever API. */
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'

const W = workspaceId()
const V = '?api-version=2024-04-01'
const MLFLOW = `/mlflow/v2.0${W}/api/2.0/mlflow`
const RBAC = 'Microsoft.MachineLearningServices/workspaces'
const SCIENTISTS =
  'Group::"entra/11111111-1111-4111-8111-111111111111/33333333-3333-4333-8333-333333333301"'
const JOBS = `
@id("own-jobs")
@reason("jobs of other projects are not changed")
forbid (
  principal in ${SCIENTISTS},
  action in
    [Action::"${RBAC}/jobs/write",
     Action::"${RBAC}/jobs/delete",
     Action::"${RBAC}/jobs/cancel/action"],
  resource
)
when { context has tags && !context.tags.contains("project=churn") };

@id("approved-compute")
@reason("jobs run on the shared clusters only")
forbid (principal in ${SCIENTISTS}, action == Action::"${RBAC}/jobs/write", resource)
unless { context has computes && ["cpu-cluster"].containsAll(context.computes) };

@id("kept")
@reason("this job is kept as it is")
forbid (
  principal in ${SCIENTISTS},
  action == Action::"${RBAC}/jobs/write",
  resource == Job::"${W.toLowerCase()}/jobs/kept"
);
`

const policies = await ownPolicies({ 'jobs.cedar': JOBS })
let world: World
t.before(async () => {
  world = await startGateway({ gateway: { change: policies.change } })
  for (const [name, project] of [
    ['fraud', 'fraud'],
    ['churn', 'churn'],
    ['kept', 'churn'],
  ] as const) {
    const properties = { jobType: 'Command', command: 'true', tags: { project } }
    const made = await call('service', 'PUT', `${W}/jobs/${name}${V}`, { properties })
    if (made.status >= 300) throw new Error(made.text)
  }
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

async function call(persona: string, method: string, path: string, body?: object) {
  const authorization = `Bearer ${await world.lab.token(persona)}`
  if (body === undefined) return world.send(path, { method, headers: { authorization } })
  const text = JSON.stringify(body)
  const length = String(Buffer.byteLength(text))
  const headers = { authorization, 'content-type': 'application/json', 'content-length': length }
  return world.send(path, { method, headers, body: text })
}

/** Changes of one run, by each API that has them. */
const CHANGES = (run: string): readonly (readonly [string, string, object?])[] => [
  ['PATCH', `/history/v1.0${W}/runs/${run}`, { displayName: 'x' }],
  ['PATCH', `/history/v1.0${W}/experiments/e/runs/${run}`, { displayName: 'x' }],
  ['POST', `/execution/v1.0${W}/experiments/e/runId/${run}/cancel`],
  ['POST', `${MLFLOW}/runs/log-metric`, { run_id: run, key: 'k', value: 1, timestamp: 1 }],
  ['POST', `${MLFLOW}/runs/log-batch`, { run_id: run, metrics: [] }],
  ['POST', `${MLFLOW}/runs/set-tag`, { run_id: run, key: 'project', value: 'churn' }],
  ['POST', `${MLFLOW}/runs/update`, { run_id: run, status: 'FINISHED' }],
  ['POST', `${MLFLOW}/runs/delete`, { run_id: run }],
]
const arrived = () => world.lab.requests().filter(({ method }) => method !== 'GET')

for (const [method, path, body] of CHANGES('fraud')) {
  t.test(`${method} ${path.replace(W, '')}: another project's is not changed`, async (t) => {
    await world.clear()
    const answer = await call('scientist', method, path, body)
    t.equal(answer.status, 403, answer.text)
    t.match(answer.text, /jobs of other projects are not changed/)
    t.same(arrived(), [], 'azure is asked whose it is, and nothing more')
    const rows = await world.settled(answer)
    t.match(rows, [{ RecordKind: 'refused', PolicyIds: ['own-jobs'] }])
  })
}

for (const [method, path, body] of CHANGES('churn')) {
  t.test(`${method} ${path.replace(W, '')}: one's own is changed as ever`, async (t) => {
    await world.clear()
    const answer = await call('scientist', method, path, body)
    t.notMatch(answer.text, /policy_refused|fact_unknown/)
    t.equal(arrived().length, 1, answer.text)
  })
}

t.test('a job that policy names is the run of its name', async (t) => {
  await world.clear()
  const metric = { run_id: 'kept', key: 'k', value: 1, timestamp: 1 }
  const answer = await call('scientist', 'POST', `${MLFLOW}/runs/log-metric`, metric)
  t.match(answer.text, /this job is kept as it is/)
  t.same(arrived(), [])
})

t.test('a run that is made is none that is changed', async (t) => {
  const answer = await call('scientist', 'POST', `${MLFLOW}/runs/create`, { experiment_id: '1' })
  t.notMatch(answer.text, /policy_refused|fact_unknown/)
})

/** Changes of the tags of a run, by each API that has them, to a project or to none. */
const RETAGS = (run: string, project: string): readonly (readonly [string, string, object])[] => [
  ['PATCH', `/history/v1.0${W}/runs/${run}`, { tags: { project } }],
  ['PATCH', `/history/v1.0${W}/experiments/e/runs/${run}`, { Tags: { project } }],
  ['PATCH', `/history/v1.0${W}/experimentids/7/runs/${run}`, { tags: { project } }],
  ['POST', `/history/v1.0${W}/runs/${run}`, { tags: { project } }],
  ['PATCH', `/history/v1.0${W}/experimentids/7/runs/${run}/tags`, { tagsToModify: { project } }],
  ['PATCH', `/history/v1.0${W}/experiments/e/runs/${run}/tags`, { project }],
  ['POST', `${MLFLOW}/runs/set-tag`, { run_id: run, key: 'project', value: project }],
  ['POST', `${MLFLOW}/runs/log-batch`, { run_id: run, tags: [{ key: 'project', value: project }] }],
  ['POST', `${MLFLOW}/runs/log-batch-async`, { run_id: run, tags: [{ key: 'project', value: project }] }],
] // prettier-ignore

t.test("one's own run is not given to another project", async (t) => {
  for (const [method, path, body] of RETAGS('churn', 'fraud')) {
    await world.clear()
    const answer = await call('scientist', method, path, body)
    t.match(answer.text, /jobs of other projects are not changed/, `${method} ${path}`)
    t.same(arrived(), [], path)
  }
  for (const [method, path, body] of [
    ['POST', `${MLFLOW}/runs/delete-tag`, { run_id: 'churn', key: 'project' }],
    ['PATCH', `/history/v1.0${W}/experimentids/7/runs/churn/tags`, { tagsToDelete: ['project'] }],
    ['DELETE', `/history/v1.0${W}/runs/churn/tags`, { tags: ['project'] }],
    ['DELETE', `/history/v1.0${W}/runs/churn/tags`, ['project']],
    ['DELETE', `/history/v1.0${W}/runs/churn/tags`, undefined],
    ['POST', `${MLFLOW}/runs/set-tag`, { runId: 'churn', key: 'project', value: 'x' }],
  ] as const) {
    await world.clear()
    const answer = await call('scientist', method, path, body)
    t.match(answer.text, /jobs of other projects are not changed/, `${method} ${path}`)
    t.same(arrived(), [], path)
  }
})

t.test('a run that is called as a part of a path is one like any other', async (t) => {
  for (const name of ['tags', 'metrics', 'runs']) {
    const properties = { jobType: 'Command', command: 'true', tags: { project: 'churn' } }
    const made = await call('service', 'PUT', `${W}/jobs/${name}${V}`, { properties })
    t.ok(made.status < 300, made.text)
    for (const path of [
      `/history/v1.0${W}/runs/${name}`,
      `/history/v1.0${W}/experiments/e/runs/${name}`,
    ]) {
      await world.clear()
      const answer = await call('scientist', 'PATCH', path, { tags: { project: 'fraud' } })
      t.match(answer.text, /jobs of other projects are not changed/, path)
      t.same(arrived(), [], path)
    }
  }
})

t.test('a change of other tags leaves the project', async (t) => {
  for (const [method, path, body] of [
    ...RETAGS('churn', 'churn'),
    ['PATCH', `/history/v1.0${W}/experimentids/7/runs/churn`, { tags: { note: 'x' } }],
    ['POST', `${MLFLOW}/runs/set-tag`, { run_id: 'churn', key: 'note', value: 'x' }],
    ['POST', `${MLFLOW}/runs/delete-tag`, { run_id: 'churn', key: 'note' }],
    ['DELETE', `/history/v1.0${W}/runs/churn/tags`, { tags: ['note'] }],
  ] as const) {
    await world.clear()
    const answer = await call('scientist', method, path, body)
    t.notMatch(answer.text, /policy_refused|fact_unknown/, `${method} ${path}`)
    t.equal(arrived().length, 1, `${path} ${answer.text}`)
  }
})

t.test('a run in the query beside that of the body is none', async (t) => {
  for (const name of ['run_id', 'run_uuid', 'RunId']) {
    await world.clear()
    const metric = { run_id: 'churn', key: 'k', value: 1, timestamp: 1 }
    const path = `${MLFLOW}/runs/log-metric?${name}=fraud`
    const answer = await call('scientist', 'POST', path, metric)
    t.match(answer.text, /a change names its run in the body, not in the query/)
    t.same(arrived(), [])
  }
})

t.test('tags that cannot be read change nothing', async (t) => {
  for (const tags of ['project=fraud', [{ project: 'fraud' }]]) {
    await world.clear()
    const answer = await call('scientist', 'PATCH', `/history/v1.0${W}/runs/churn`, { tags })
    t.match(answer.text, /the body has tags that cannot be read/)
    t.same(arrived(), [])
  }
})
