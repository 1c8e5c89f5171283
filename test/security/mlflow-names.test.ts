/** What MLflow does not read is no name of what a call changes: the path may name it, and nothing names what is made. */
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'

const W = workspaceId()
const MLFLOW = `/mlflow/v2.0${W}/api/2.0/mlflow`
const at = W.toLowerCase()
const MINE = `
@id("mine")
@reason("for the test: this one thing alone")
@identity("ml-writer")
permit (principal, action in [Action::"read", Action::"write", Action::"delete"], resource == Model::"${at}/models/mine");

@id("mine-too")
@reason("for the test: this one thing alone")
@identity("ml-writer")
permit (principal, action in [Action::"read", Action::"write", Action::"delete"], resource == Experiment::"${at}/experimentids/7");

@id("my-run")
@reason("for the test: this one thing alone")
@identity("ml-writer")
permit (principal, action in [Action::"read", Action::"write", Action::"delete"], resource == Run::"${at}/runs/mine");
`

const policies = await ownPolicies({ 'mine.cedar': MINE })
let world: World
t.before(async () => {
  world = await startGateway({ gateway: { change: policies.change } })
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

async function call(method: string, path: string, body: object) {
  const text = JSON.stringify(body)
  const headers = {
    authorization: `Bearer ${await world.lab.token('outsider')}`,
    'content-type': 'application/json',
    'content-length': String(text.length),
  }
  return world.send(`${MLFLOW}/${path}`, { method, headers, body: text })
}

const METRIC = { key: 'k', value: 1, timestamp: 1 }

for (const [method, path, body, status] of [
  ['PATCH', 'logged-models/theirs', { name: 'mine', status: 'LOGGED_MODEL_READY' }, 403],
  ['PATCH', 'logged-models/mine', { name: 'mine' }, 403],
  ['PATCH', 'logged-models/theirs/tags', { name: 'mine', tags: [] }, 403],
  ['POST', 'logged-models/theirs/params', { name: 'mine', params: [] }, 403],
  ['DELETE', 'logged-models/theirs', { name: 'mine' }, 403],
  ['DELETE', 'logged-models/theirs/tags/x', { name: 'mine' }, 403],
  ['POST', 'logged-models', { name: 'mine', experiment_id: '7' }, 403],
  ['POST', 'experiments/create', { name: 'x', experiment_id: '7' }, 400],
  ['POST', 'runs/create', { experiment_id: '1', run_id: 'mine' }, 400],
  ['POST', 'traces', { run_id: 'mine' }, 403],
  ['DELETE', 'registered-models/delete?name=theirs', { name: 'mine' }, 400],
  ['POST', 'experiments/delete?experiment_id=8', { experiment_id: '7' }, 400],
  ['POST', 'experiments/delete?experimentId=8', { experiment_id: '7' }, 400],
  ['DELETE', 'model-versions/delete?version=2', { name: 'mine', version: '1' }, 400],
  ['POST', 'runs/log-metric?run_id=theirs', { run_id: 'mine', ...METRIC }, 400],
] as const) {
  t.test(`${method} ${path} ${JSON.stringify(body)} is refused`, async (t) => {
    await world.clear()
    const answer = await call(method, path, body)
    t.equal(answer.status, status, answer.text)
    t.same(world.lab.requests(), [])
  })
}

for (const [method, path, body] of [
  ['PATCH', 'registered-models/update', { name: 'mine', description: 'x' }],
  ['DELETE', 'model-versions/delete', { name: 'mine', version: '1' }],
  ['POST', 'experiments/update', { experiment_id: '7', new_name: 'x' }],
  ['POST', 'runs/log-metric', { run_id: 'mine', ...METRIC }],
] as const) {
  t.test(`${method} ${path} is about what its body names`, async (t) => {
    await world.clear()
    const answer = await call(method, path, body)
    t.notMatch(answer.text, /policy_refused|fact_unknown|bad_/)
    t.equal(world.lab.requests().filter((one) => one.method !== 'GET').length, 1, answer.text)
  })
}
