/**
 * Runs of two projects in one workspace, through the gateway: what of them a member of one project sees and may touch.
 */
import t, { type Test } from 'tap'
import { workspaceId } from '../../../lab/personas.ts'
import { startGateway, type World } from '../../support/gateway.ts'
import { ownPolicies } from '../../support/policies.ts'

const W = workspaceId()
const HISTORY = `/history/v1.0${W}`
const MLFLOW = `/mlflow/v2.0${W}/api/2.0/mlflow`
const SCIENTISTS =
  'Group::"entra/11111111-1111-4111-8111-111111111111/33333333-3333-4333-8333-333333333301"'
const ACTION = 'Action::"Microsoft.MachineLearningServices/workspaces'

/** Scientists see jobs of project a only: said of jobs, so that it holds for runs. And they change no others. */
const PROJECTS = `
@id("own-runs")
@reason("scientists see runs of project a only")
forbid (principal in ${SCIENTISTS}, action == ${ACTION}/jobs/read", resource is Job)
when { context has tags && !context.tags.contains("project=a") };

@id("own-changes")
@reason("scientists change runs of project a only")
forbid (principal in ${SCIENTISTS}, action == ${ACTION}/experiments/runs/write", resource)
when { context has tags && !context.tags.contains("project=a") };
`

let world: World
const policies = await ownPolicies({ 'projects.cedar': PROJECTS })
t.before(async () => {
  world = await startGateway({
    gateway: { change: policies.change },
    lab: { pageSize: 2 },
  })
  for (const [name, project] of [
    ['a1', 'a'],
    ['b1', 'b'],
    ['b2', 'b'],
    ['b3', 'b'],
    ['a2', 'a'],
  ] as const) {
    const properties = { jobType: 'Command', experimentName: 'shared', tags: { project } }
    const path = `${W}/jobs/${name}?api-version=2024-04-01`
    await call('PUT', path, { properties }, 'service')
  }
  for (const [child, parent] of [
    ['a1-step', 'a1'],
    ['b1-step', 'b1'],
    ['a1-step-inner', 'a1-step'],
  ] as const) {
    const body = { runId: child, parentRunId: parent, tags: { step: child } }
    await call('PATCH', `${HISTORY}/experiments/shared/runs/${child}`, body, 'service')
  }
})
t.teardown(async () => {
  await world.close()
  await policies.remove()
})

async function call(method: string, path: string, body?: unknown, persona = 'scientist') {
  const token = await world.lab.token(persona)
  const text = body === undefined ? '' : JSON.stringify(body)
  return world.send(path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': String(text.length),
    },
    body: text,
  })
}

const refused = (t: Test, answer: Awaited<ReturnType<typeof call>>, why: RegExp): void => {
  t.equal(answer.status, 403)
  t.match(answer.json(), { error: { code: 'policy_refused', message: why } })
}
const OWN = /scientists see runs of project a only/

interface Page {
  readonly value: readonly { readonly runId: string }[]
  readonly continuationToken?: string
}

t.test('lists of runs leave the other project out, over pages', async (t) => {
  const query = `${HISTORY}/experiments/shared/runs:query`
  const names: string[] = []
  const pages: number[] = []
  let continuationToken: string | undefined
  do {
    const answer = await call('POST', query, { top: 2, continuationToken })
    t.equal(answer.status, 200)
    const page = answer.json() as Page
    pages.push(page.value.length)
    names.push(...page.value.map(({ runId }) => runId))
    ;({ continuationToken } = page)
    const [, last] = await world.settled(answer)
    t.equal(last?.['ItemsLeftOut'], 2 - page.value.length, 'the record counts what was left out')
  } while (continuationToken !== undefined)
  t.same(names, ['a1', 'a2', 'a1-step', 'a1-step-inner'])
  t.same(pages, [1, 0, 2, 1])
})

t.test('a service that no policy keeps to a project sees all of them', async (t) => {
  const answer = await call('POST', `${HISTORY}/experiments/shared/runs:query`, {}, 'service')
  t.same(
    (answer.json() as Page).value.map(({ runId }) => runId),
    ['a1', 'b1'],
  )
})

t.test('parts of a job are whose the job is', async (t) => {
  const own = await call('GET', `${HISTORY}/runs/a1/children`)
  t.match(own.json(), { value: [{ runId: 'a1-step' }] })
  const other = await call('GET', `${HISTORY}/runs/b1/children`)
  t.same((other.json() as Page).value, [])
  t.equal((await call('GET', `${HISTORY}/runs/a1-step-inner`)).status, 200)
  refused(t, await call('GET', `${HISTORY}/runs/b1-step`), OWN)
  // Resource Manager says nothing of them but their names
  const arm = (name: string) => call('GET', `${W}/jobs/${name}?api-version=2024-04-01`)
  t.match((await arm('a1-step')).json(), { name: 'a1-step', properties: null })
  t.equal((await arm('a1-step-inner')).status, 200)
  refused(t, await arm('b1-step'), OWN)
})

t.test('one run is refused by what its document says', async (t) => {
  t.match((await call('GET', `${HISTORY}/runs/a1`)).json(), { runId: 'a1' })
  for (const path of [
    'runs/b1',
    'experiments/shared/runs/b1',
    'experimentids/7/runs/b1',
    'runs/b1-step',
  ])
    refused(t, await call('GET', `${HISTORY}/${path}`), OWN)
  t.match((await call('POST', `${HISTORY}/rundata`, { runId: 'a1' })).json(), {
    runMetadata: { runId: 'a1' },
  })
  refused(t, await call('POST', `${HISTORY}/rundata`, { runId: 'b1' }), OWN)
})

t.test('what has no tags of its own is judged by the run that it is of', async (t) => {
  const bodyless = [
    ['POST', 'metric/v2.0', (run: string) => `runs/${run}/full`],
    ['POST', 'metric/v2.0', (run: string) => `runs/${run}/list`],
    ['GET', 'history/v1.0', (run: string) => `runs/${run}/serviceinstances/0`],
    ['GET', 'history/v1.0', (run: string) => `experiments/shared/runs/${run}/artifacts`],
    [
      'GET',
      'history/v1.0',
      (run: string) => `experiments/shared/runs/${run}/artifacts/contentinfo`,
    ],
    ['GET', 'artifact/v2.0', (run: string) => `artifacts/ExperimentRun/dcid.${run}`],
    ['GET', 'artifact/v2.0', (run: string) => `artifacts/ExperimentRun/dcid.${run}/contentinfo`],
  ] as const
  for (const [method, family, rest] of bodyless) {
    for (const run of ['b1', 'b1-step']) {
      await world.clear()
      refused(
        t,
        await call(method, `/${family}${W}/${rest(run)}`, method === 'POST' ? {} : undefined),
        OWN,
      )
      const asked = world.lab.requests().map(({ url }) => url)
      t.ok(
        asked.every((url) => /\/history\/v1\.0\/.+\/runs\/[\w-]+$/.test(url)),
        'nothing but the run itself was asked for',
        { asked },
      )
    }
    const own = await call(
      method,
      `/${family}${W}/${rest('a1')}`,
      method === 'POST' ? {} : undefined,
    )
    t.not(own.status, 403, `${rest('a1')}: ${own.text}`)
  }
  const query = `${MLFLOW}/metrics/get-history?metric_key=loss&run_id=`
  t.match((await call('GET', `${query}b1`)).json(), {
    error_code: 'PERMISSION_DENIED',
    message: OWN,
  })
  t.equal((await call('GET', `${query}a1`)).status, 404, "Azure's own answer")
})

t.test('what cannot be told from others is refused', async (t) => {
  const cannot = /nothing tells whose this is/
  for (const [method, path, body] of [
    ['POST', `${HISTORY}/experiments/shared/runs/runIds`, { runIds: ['a1'] }],
    ['POST', `${HISTORY}/experiments/shared/metrics:query`, {}],
    ['POST', `${HISTORY}/batchrundata`, {}],
    ['PATCH', `${HISTORY}/experiments/shared/batch/runs`, { runs: [] }],
    ['POST', `/metric/v2.0${W}/azuremonitor/list`, {}],
  ] as const)
    refused(t, await call(method, path, body), cannot)
  t.equal((await call('HEAD', `${HISTORY}/runs/a1`)).status, 200)
  t.equal((await call('HEAD', `${HISTORY}/runs/b1`)).status, 403)
  t.match((await call('GET', `${MLFLOW}/metrics/get-history-bulk-interval?run_ids=a1`)).json(), {
    message: cannot,
  })
  // MLflow ignores a run's id there: it is not what the call is about
  const info = { request_id: 'b1', tags: [{ key: 'project', value: 'b' }] }
  await world.fault('dataPlane', {
    match: { path: `${MLFLOW}/traces/b1/info` },
    body: { trace_info: info },
    times: 2,
  })
  for (const [method, path, body, why] of [
    ['GET', 'metrics/get-history-bulk-interval?run_ids=b1&run_id=a1', undefined, cannot],
    ['GET', 'traces/b1/info?run_id=a1', undefined, /scientists see runs of project a only/],
    ['GET', 'traces?experiment_ids=2&run_id=a1', undefined, /"run_id" would tell of it/],
    ['POST', 'traces', { experiment_id: '2', run_id: 'a1' }, /scientists change runs/],
    ['PATCH', 'traces/b1/tags', { key: 'k', value: 'v', run_id: 'a1' }, /scientists change runs/],
  ] as const) {
    const answer = await call(method, `${MLFLOW}/${path}`, body)
    t.match([answer.status, answer.json()], [403, { message: why }], path)
  }
})

t.test('the record and the answer say who refused, and why', async (t) => {
  const batch = await call('POST', `${HISTORY}/batchrundata`, {})
  const why = /^policy tells what is one's own from others', and nothing tells whose this is$/
  t.match(batch.json(), {
    error: { additionalInfo: [{ info: { policyIds: ['own-runs'] } }] },
  })
  t.match(await world.settled(batch), [
    { RecordKind: 'refused', Decision: 'refuse', PolicyIds: ['own-runs'], Reason: why },
  ])
  const screened = await call('GET', `${HISTORY}/runs/b1`)
  t.match(await world.settled(screened), [
    { RecordKind: 'authorized', Decision: 'permit' },
    {
      RecordKind: 'completed',
      Decision: 'refuse',
      PolicyIds: ['own-runs'],
      Reason: OWN,
      Outcome: 'denied',
      UpstreamStatus: 200,
    },
  ])
})

t.test('a change is judged by the run that it changes', async (t) => {
  const why = /scientists change runs of project a only/
  refused(
    t,
    await call('PATCH', `${HISTORY}/runs/b1`, { runId: 'b1', tags: { project: 'a' } }),
    why,
  )
  refused(t, await call('DELETE', `${HISTORY}/runs/b1-step/tags`), why)
  t.equal((await call('DELETE', `${HISTORY}/runs/a1-step/tags`)).status, 204)
  const tag = (run: object) =>
    call('POST', `${MLFLOW}/runs/set-tag`, { ...run, key: 'k', value: 'v' })
  const other = await tag({ run_id: 'b1' })
  t.match(other.json(), { error_code: 'PERMISSION_DENIED', message: why })
  const [row] = await world.settled(other)
  t.equal(row?.['RunId'], 'b1', 'the record names the run')
  t.equal((await tag({ run_id: 'a1' })).status, 200)
  t.equal((await tag({ run_uuid: 'a1', run_id: 'a1' })).status, 200)
  for (const [body, code] of [
    [{ run_id: 'a1', runId: 'b1' }, /names no run, or two/],
    [{ run_uuid: 'b1', run_id: 'a1' }, /names no run, or two/],
    [{ run_id: '../models/m' }, /names no run, or two/],
    [{ run_id: 7 }, /names no run, or two/],
    [{}, /nothing tells whose this is/],
  ] as const)
    t.match((await tag(body)).json(), { message: code }, JSON.stringify(body))
})

t.test('a run that is made is judged by the tags that it is made with', async (t) => {
  const create = (body: object) => call('POST', `${MLFLOW}/runs/create`, body)
  const tagged = (value: string) => ({
    experiment_id: '0',
    tags: [{ key: 'project', value }],
  })
  t.equal((await create(tagged('a'))).status, 200)
  t.match((await create(tagged('b'))).json(), { message: /change runs of project a only/ })
  t.match((await create({ experiment_id: '0' })).json(), {
    message: /change runs of project a only/,
  })
  t.match((await create({ tags: 'project=a' })).json(), { message: /tags that cannot be read/ })
  const fresh = { runId: 'fresh', tags: { project: 'a' } }
  t.equal((await call('PATCH', `${HISTORY}/experiments/shared/runs/fresh`, fresh)).status, 200)
  refused(
    t,
    await call('PATCH', `${HISTORY}/experiments/shared/runs/foreign`, { runId: 'foreign' }),
    /change runs of project a only/,
  )
})

t.test('a run in the query is one run, and stands nowhere else', async (t) => {
  const history = `${MLFLOW}/metrics/get-history?metric_key=x`
  for (const query of ['&run_id=a1&run_uuid=b1', '&run_id=a%20b', '&run_id=', '&run_id=..'])
    t.match((await call('GET', history + query)).json(), { message: /names no run, or two/ }, query)
  const both = await call('GET', `${history}&run_id=a1`, { run_id: 'b1' })
  t.equal(both.code, 'bad_request', 'a GET with a body is refused at the door')
})
