/** What answers of the data plane describe, in run history's form and in MLflow's. */
import t from 'tap'
import { classify } from '../../../src/azureml/classify.ts'
import { documentsOf, describedIn, readRun } from '../../../src/azureml/body/described.ts'
import { parseJson } from '../../../src/lib/json/document.ts'
import { readTags, tagFact } from '../../../src/azureml/body/tags.ts'
import { parseTarget } from '../../../src/azureml/target.ts'
import { WS } from '../../policy/support.ts'

const HISTORY = `/history/v1.0${WS}`
const MLFLOW = `/mlflow/v2.0${WS}/api/2.0/mlflow`
const node = (value: unknown) => parseJson(Buffer.from(JSON.stringify(value)))
const asked = (method: string, path: string) => classify(parseTarget(method, path))
const pair = (key: string, value: string) => ({ key, value })

/** Names and tags of what an answer describes; null for what does not say what it is. */
function described(method: string, path: string, answer: unknown) {
  const operation = asked(method, path)
  if (operation.tells === undefined) throw new Error('nothing can be told from this answer')
  const found = documentsOf(node(answer), operation.tells)
  if (found === null) return 'elsewhere'
  return found.documents.map((document) => {
    const entries = describedIn(document, operation)
    if (entries === null) return null
    return entries.map(({ reads, tags, above }) => ({
      names: reads.map(({ resource }) => resource.id.slice(WS.length)),
      actions: reads.map(({ action }) => action.split('/workspaces/')[1]),
      tags,
      above,
    }))
  })
}

t.test('a run is a run and a job, with its tags and what it is a part of', async (t) => {
  const names = ['/runs/one', '/jobs/one']
  const actions = ['experiments/runs/read', 'jobs/read']
  const mlflow = (tags: object[], info: object = {}) => ({
    info: { run_id: 'one', run_uuid: 'one', experiment_id: '7', ...info },
    data: { tags },
  })
  t.same(
    described('POST', `${MLFLOW}/runs/search`, {
      runs: [mlflow([pair('project', 'a'), pair('mlflow.parentRunId', 'above')])],
      next_page_token: 'x',
    }),
    [[{ names, actions, tags: ['project=a', 'mlflow.parentRunId=above'], above: 'above' }]],
  )
  t.same(described('GET', `${MLFLOW}/runs/get?run_id=one`, { run: mlflow([]) }), [
    [{ names, actions, tags: [], above: null }],
  ])
  const own = [{ names, actions, tags: ['project=a'], above: null }]
  const run = { runId: 'one', rootRunId: 'one', tags: { project: 'a' } }
  t.same(described('POST', `${HISTORY}/experiments/e/runs:query`, { value: [run] }), [own])
  t.same(described('GET', `${HISTORY}/runs/one`, run), [own])
  t.same(described('GET', `${HISTORY}/runs/one/details`, run), [own])
  t.same(described('POST', `${HISTORY}/rundata`, { runMetadata: run }), [own])
  t.match(
    described('GET', `${HISTORY}/runs/pipeline/children`, {
      value: [{ runId: 'one', rootRunId: 'pipeline', parentRunId: 'parent' }],
    }),
    [[{ tags: [], above: 'pipeline' }]],
  )
})

t.test('a run is in the experiments that call and document name', async (t) => {
  const of = (path: string, run: object) => {
    const operation = asked('POST', path)
    return describedIn(node(run), operation)?.[0]?.reads[0].resource.ancestors.map(({ id }) => id)
  }
  const above = [WS, WS.split('/providers')[0], WS.split('/resourcegroups')[0]]
  t.same(of(`${HISTORY}/experiments/churn/runs:query`, { runId: 'r', experimentId: '7' }), [
    `${WS}/experiments/churn`,
    `${WS}/experimentids/7`,
    ...above,
  ])
  t.same(of(`${HISTORY}/experimentids/7/runs:query`, { runId: 'r', experimentId: '7' }), [
    `${WS}/experimentids/7`,
    ...above,
  ])
  t.same(of(`${MLFLOW}/runs/search`, { info: { run_id: 'r', experiment_id: '7' } }), [
    `${WS}/experimentids/7`,
    ...above,
  ])
})

t.test('what does not say which run it is, or says two, is none', async (t) => {
  for (const bad of [
    {},
    1,
    null,
    'one',
    { runId: '' },
    { runId: 7 },
    { runId: '../models/m' },
    { runId: 'a/artifacts' },
    { runId: 'one', run_id: 'two' },
    { info: { run_id: 'one', run_uuid: 'two' } },
    { info: {}, run_id: 'one' },
    { info: null, runId: null },
    { runId: 'one', tags: 'project=a' },
    { info: { run_id: 'one' }, data: { tags: [pair('a', '1'), pair('a', '2')] } },
    { info: { run_id: 'one' }, data: { tags: ['a'] } },
  ])
    t.same(described('POST', `${HISTORY}/experiments/e/runs:query`, { value: [bad] }), [null], {
      bad,
    })
})

t.test('experiments go by name and by id', async (t) => {
  const names = ['/experiments/churn', '/experimentids/7']
  const entry = [
    { names, actions: ['experiments/read', 'experiments/read'], tags: ['project=a'], above: null },
  ]
  const mlflow = { name: 'churn', experiment_id: '7', tags: [pair('project', 'a')] }
  const history = { name: 'churn', experimentId: '7', tags: { project: 'a' } }
  t.same(described('POST', `${MLFLOW}/experiments/search`, { experiments: [mlflow] }), [entry])
  t.same(
    described('GET', `${MLFLOW}/experiments/get-by-name?experiment_name=churn`, {
      experiment: mlflow,
    }),
    [entry],
  )
  t.same(described('POST', `${HISTORY}/experiments:query`, { value: [history] }), [entry])
  t.same(described('GET', `${HISTORY}/experiments/churn`, history), [entry])
  for (const name of [undefined, '', 'a/b', '..', 7])
    t.same(described('GET', `${HISTORY}/experiments/churn`, { name }), [null])
})

t.test('models and their versions are those of azure resource manager', async (t) => {
  const version = (value: string | number, project: string) => ({
    name: 'm',
    version: value,
    tags: [pair('project', project)],
  })
  const expected = (one: string, project: string) => ({
    names: ['/models/m', `/models/m/versions/${one}`],
    actions: ['models/read', 'models/versions/read'],
    tags: [`project=${project}`],
    above: null,
  })
  t.same(
    described('GET', `${MLFLOW}/model-versions/search`, {
      model_versions: [version('1', 'a'), version(2, 'b')],
    }),
    [[expected('1', 'a')], [expected('2', 'b')]],
  )
  t.same(
    described('GET', `${MLFLOW}/registered-models/search`, {
      registered_models: [{ name: 'm', latest_versions: [version('1', 'b')] }],
    }),
    [
      [
        { names: ['/models/m'], actions: ['models/read'], tags: [], above: null },
        expected('1', 'b'),
      ],
    ],
  )
  for (const bad of [{ name: 'm', version: '1/2' }, { version: '1' }, { name: 'm', version: '' }])
    t.same(described('GET', `${MLFLOW}/model-versions/get?name=m`, { model_version: bad }), [null])
  t.same(
    described('GET', `${MLFLOW}/registered-models/get?name=m`, {
      registered_model: { name: 'm', latest_versions: [{}] },
    }),
    [null],
  )
})

t.test('an answer that has its documents elsewhere cannot be judged', async (t) => {
  const search = (answer: unknown) => described('POST', `${MLFLOW}/runs/search`, answer)
  t.same(search({}), [], 'MLflow leaves out what is empty')
  for (const bad of [[], 1, { runs: {} }, { runs: null }, 'x'])
    t.equal(search(bad), 'elsewhere', JSON.stringify(bad))
  t.equal(described('GET', `${MLFLOW}/runs/get?run_id=a`, {}), 'elsewhere')
  t.equal(described('GET', `${HISTORY}/runs/a`, []), 'elsewhere')
})

t.test('tags that nobody would write into a policy are told by their digest', async (t) => {
  t.equal(tagFact('a', 'b'), 'a=b')
  const long = tagFact('mlflow.log-model.history', 'x'.repeat(3_000))
  t.match(long, /^mlflow\.log-model\.history=sha256:[0-9a-f]{64}$/)
  t.not(long, tagFact('mlflow.log-model.history', 'y'.repeat(3_000)))
  t.not(tagFact('n'.repeat(3_000), 'x'), tagFact(`${'n'.repeat(2_999)}m`, 'x'))
  t.same(
    [...(readTags(node({ a: 1, b: null, c: {} })) ?? [])],
    [
      ['a', '1'],
      ['b', 'null'],
      ['c', ''],
    ],
  )
  t.equal(readRun(node({ runId: 'r', tags: { a: 'x'.repeat(5_000) } }))?.tags.length, 1)
})
