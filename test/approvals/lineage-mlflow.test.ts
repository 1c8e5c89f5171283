/** Models of a real MLflow server: stamped when they are registered, and their metrics beside those of what serves. */
import t from 'tap'
import { hasMlflow } from '../../lab/azure/mlflow.ts'
import { PERSONAS, TENANT } from '../../lab/personas.ts'
import { RELEASE, reviewIn, startReviewing, V, W, type Reviewing } from './support.ts'

const BINDINGS = `
  - id: reviews-on-ws-lab
    template: release-reviewer
    principal: Group::"reviewers"
    resource: Workspace::"lab"
  - id: reviewers-write-jobs
    template: data-scientist
    principal: Group::"reviewers"
    resource: Workspace::"lab"
`
const DEPLOYMENTS = RELEASE.replace(/,\s+Action::"[^"]+\/models\/write"/, '')
const skip = hasMlflow() ? false : 'there is no .venv/mlflow-3 here'

let reviewing: Reviewing
let call: Reviewing['call']
t.before(async () => {
  reviewing = await startReviewing({
    bindings: BINDINGS,
    files: { 'release.cedar': DEPLOYMENTS },
    lab: { mlflow: true },
  })
  call = reviewing.call
})
t.teardown(() => reviewing.close())
t.setTimeout(240_000)

const idOf = (name: string): string => {
  const persona = PERSONAS.get(name)
  return persona?.kind === 'entra-user' ? `entra/${TENANT}/${persona.oid}` : ''
}
const codeOf = (answer: { json(): unknown }): string | undefined =>
  (answer.json() as { error?: { code?: string }; message?: string }).error?.code ??
  /^[a-z_]+/.exec((answer.json() as { message?: string }).message ?? '')?.[0]
const at = async (persona: string, method: string, path: string, body?: object) =>
  call(
    persona,
    method,
    `/mlflow/v1.0${W}/api/2.0/mlflow/${path}`,
    body,
    // Node sends the body of a DELETE with a length, or not at all
    body === undefined ? {} : { 'content-length': String(Buffer.byteLength(JSON.stringify(body))) },
  )

t.test('a version and a logged model of MLflow are stamped', { skip }, async (t) => {
  const registered = await at('reviewer', 'POST', 'registered-models/create', { name: 'flow' })
  t.equal(registered.status, 200, registered.text)
  const body = { name: 'flow', source: 'dbfs:/m', tags: [{ key: 'a', value: '1' }] }
  const made = await at('reviewer', 'POST', 'model-versions/create', body)
  t.equal(made.status, 200, made.text)
  interface Flow {
    readonly model_version: { readonly tags: readonly { key: string; value: string }[] }
  }
  const read = async (number: string) =>
    (await at('scientist', 'GET', `model-versions/get?name=flow&version=${number}`)).json() as Flow
  const { tags } = (await read('1')).model_version
  const valueOf = (all: typeof tags, key: string) => all.find((one) => one.key === key)?.value
  t.equal(valueOf(tags, 'harness.principal'), idOf('reviewer'))
  t.equal(valueOf(tags, 'a'), '1')
  for (const path of ['set-tag', 'delete-tag']) {
    const method = path === 'set-tag' ? 'POST' : 'DELETE'
    const change = { name: 'flow', version: '1', key: 'harness.principal', value: 'x' }
    const answer = await at('scientist', method, `model-versions/${path}`, change)
    t.match(answer.text, 'policy_refused')
  }
  // as MLflow's client copies a version, with its tags
  const copy = { name: 'flow', source: 'models:/flow/1', tags }
  const copied = await at('scientist', 'POST', 'model-versions/create', copy)
  t.equal(copied.status, 200, copied.text)
  const again = (await read('2')).model_version.tags
  t.equal(valueOf(again, 'harness.principal'), idOf('scientist'))
  t.equal(again.filter(({ key }) => key === 'harness.principal').length, 1)
  const other = { name: 'flow', source: 'dbfs:/m', Tags: [] }
  t.equal(codeOf(await at('scientist', 'POST', 'model-versions/create', other)), 'bad_body')
})

t.test('metrics of this version beside those of the one that serves', { skip }, async (t) => {
  async function trained(name: string, metrics: Readonly<Record<string, number>>) {
    const made = await at('scientist', 'POST', 'runs/create', { experiment_id: '0' })
    const run = (made.json() as { run: { info: { run_id: string } } }).run.info.run_id
    for (const [key, value] of Object.entries(metrics))
      await at('scientist', 'POST', 'runs/log-metric', { run_id: run, key, value, timestamp: 1 })
    const version = { properties: { modelUri: `runs:/${run}/model`, jobName: run } }
    const path = `${W}/models/${name}/versions/1${V}`
    const answer = await call('scientist', 'PUT', path, version)
    t.equal(answer.status, 201, answer.text)
  }
  await trained('before', { accuracy: 0.9, loss: 0.25 })
  await trained('after', { accuracy: 0.95, f1: 0.5 })
  const endpoint = { location: 'eastus', properties: { authMode: 'AADToken' } }
  async function released(path: string, body: object) {
    const { id } = reviewIn(await call('scientist', 'PUT', path, body))
    await reviewing.approve('reviewer', id)
    const answer = await call('scientist', 'PUT', path, body)
    t.ok(answer.status < 300, answer.text)
  }
  const place = `${W}/onlineEndpoints/compared`
  await released(`${place}${V}`, endpoint)
  const body = (model: string) => ({
    location: 'eastus',
    properties: { model, endpointComputeType: 'Managed' },
  })
  interface Shown {
    readonly shown: {
      readonly metrics?: readonly { serves: string | null; values: object[]; notes: string[] }[]
    }
  }
  const metricsOf = async (path: string, given: object) => {
    const { id } = reviewIn(await call('scientist', 'PUT', path, given))
    const answer = await call('reviewer', 'GET', `/_harness/api/reviews/${id}`)
    return (answer.json() as Shown).shown.metrics
  }
  const blue = `${place}/deployments/blue${V}`
  const first = await metricsOf(blue, body('azureml:before:1'))
  t.match(first, [{ serves: null, notes: ['nothing serves now'] }])
  await released(blue, body('azureml:before:1'))
  const compared = {
    serves: /models\/before\/versions\/1$/,
    notes: [],
    values: [
      { name: 'accuracy', now: 0.9, next: 0.95 },
      { name: 'f1', now: null, next: 0.5 },
      { name: 'loss', now: 0.25, next: null },
    ],
  }
  t.match(await metricsOf(blue, body('azureml:after:1')), [compared], 'in its place')
  await released(`${place}${V}`, { ...endpoint, properties: { traffic: { blue: 100 } } })
  const green = `${place}/deployments/green${V}`
  t.match(await metricsOf(green, body('azureml:after:1')), [compared], 'beside the traffic')
  await released(green, body('azureml:after:1'))
  const traffic = { ...endpoint, properties: { traffic: { green: 100 } } }
  t.match(await metricsOf(`${place}${V}`, traffic), [compared], 'in its traffic')
  t.match(
    await metricsOf(green, body('azureml:none:1')),
    [{ values: [{}, {}], notes: ['this version: no job is known that made it'] }],
    'what is not there is said in words',
  )
})
