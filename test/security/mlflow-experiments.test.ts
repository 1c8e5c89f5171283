/** A policy that names an experiment holds for the traces and logged models in it, whose paths do not name it. */
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'

const W = workspaceId()
const RBAC = 'Microsoft.MachineLearningServices/workspaces'
const SCIENTISTS =
  'Group::"entra/11111111-1111-4111-8111-111111111111/33333333-3333-4333-8333-333333333301"'
const POLICY = `
@id("kept")
@reason("experiment 7 is kept as it is, and not shown")
forbid (
  principal in ${SCIENTISTS},
  action in
    [Action::"${RBAC}/experiments/runs/read",
     Action::"${RBAC}/experiments/runs/write",
     Action::"${RBAC}/experiments/runs/delete",
     Action::"${RBAC}/models/read",
     Action::"${RBAC}/models/write"],
  resource in Experiment::"${W.toLowerCase()}/experimentids/7"
);
`
const V3 = `/mlflow/v1.0${W}/api/3.0/mlflow`
const V2 = `/mlflow/v1.0${W}/api/2.0/mlflow`

const policies = await ownPolicies({ 'kept.cedar': POLICY })
let world: World
t.before(async () => {
  world = await startGateway({ gateway: { change: policies.change } })
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

async function call(method: string, path: string, body?: unknown) {
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = {
    authorization: `Bearer ${await world.lab.token('scientist')}`,
    ...(text === ''
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(text.length) }),
  }
  return world.send(path, { method, headers, ...(text === '' ? {} : { body: text }) })
}

const place = (experiment_id: string) => ({
  type: 'MLFLOW_EXPERIMENT',
  mlflow_experiment: { experiment_id },
})
/** Ids end with their experiment's: what is known of one thing is not another's. */
const trace = (experiment: string) => ({
  trace: {
    trace_info: { trace_id: `t${experiment}`, trace_location: place(experiment), tags: {} },
  },
})
const model = (experiment: string) => ({
  model: { info: { model_id: `m${experiment}`, experiment_id: experiment, tags: [] } },
})

for (const experiment of ['7', '8']) {
  const [traceId, modelId] = [`t${experiment}`, `m${experiment}`]
  const ofTrace = `${V3}/traces/${traceId}`
  const ofModel = `${V2}/logged-models/${modelId}`
  for (const [path, document, method, to, body] of [
    [ofTrace, trace, 'GET', ofTrace, undefined],
    [ofTrace, trace, 'GET', `${ofTrace}/assessments/a1`, undefined],
    [ofTrace, trace, 'PATCH', `${ofTrace}/tags`, { key: 'a', value: 'b' }],
    [ofTrace, trace, 'POST', `${ofTrace}/assessments`, { assessment: { assessment_name: 'good' } }],
    [
      ofTrace,
      trace,
      'POST',
      `${V3}/traces/delete-traces`,
      { experiment_id: '1', request_ids: [traceId] },
    ],
    [ofModel, model, 'GET', ofModel, undefined],
    [ofModel, model, 'PATCH', `${ofModel}/tags`, { tags: [] }],
    [
      ofModel,
      model,
      'POST',
      `${V2}/runs/log-metric`,
      { run_id: 'r', model_id: modelId, key: 'k', value: 1 },
    ],
  ] as const) {
    // prettier-ignore
    const kept = experiment === '7'
    const name = `${method} ${to.replace(W, '')} ${kept ? 'is refused' : 'passes'}`
    t.test(name, async (t) => {
      await world.clear()
      const asked = { match: { method: 'GET', path }, body: document(experiment), times: 4 }
      await world.fault('dataPlane', asked)
      const answer = await call(method, to, body)
      t.equal(/experiment 7 is kept/.test(answer.text), kept, answer.text)
      t.equal(answer.status === 403, kept, answer.text)
      const arrived = world.lab.requests().filter((one) => one.method !== 'GET')
      t.equal(arrived.length, kept || method === 'GET' ? 0 : 1, answer.text)
    })
  }
}

t.test('what is made is in the experiment that its body names', async (t) => {
  for (const [path, body] of [
    [`${V3}/traces`, trace('7')],
    [`${V2}/traces`, { experiment_id: '7', timestamp_ms: 1 }],
    [`${V2}/logged-models`, { experiment_id: '7', name: 'm' }],
  ] as const) {
    await world.clear()
    const answer = await call('POST', path, body)
    t.match(answer.text, /experiment 7 is kept/, path)
    t.same(world.lab.requests().filter(({ method }) => method !== 'GET'), []) // prettier-ignore
  }
})

t.test('files of a trace are never where its maker wants a token to go', async (t) => {
  const evil = 'https://evil.example/x'
  const tags = { 'mlflow.artifactLocation': evil, see: evil }
  const info = { trace_id: 't9', trace_location: place('9'), tags }
  const kept = { 'mlflow.artifactLocation': `${world.url}/_score/not-served`, see: evil }
  for (const [path, body] of [
    [`${V3}/traces/t9`, { trace: { trace_info: info } }],
    [`${V3}/traces/get?trace_id=t9`, { trace: { trace_info: info } }],
    [`${V3}/traces/batchGet?trace_ids=t9&trace_ids=t10`, { traces: [{ trace_info: info }] }],
  ] as const) {
    await world.clear()
    await world.fault('dataPlane', { match: { path: path.split('?')[0] ?? '' }, body })
    const answer = await call('GET', path)
    t.equal(answer.status, 200, answer.text)
    t.match(JSON.stringify(answer.json()), JSON.stringify(kept), path)
    t.match(world.lab.requests().at(-1)?.url, path, 'the query is sent as it came')
  }
})
