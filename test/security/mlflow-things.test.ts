/**
 * Two projects in one workspace of a real MLflow 3 server: a member of one makes every call about traces, logged models,
 * prompts, data sets and scorers with the ids of the other's, in paths, bodies and links, and gets and changes nothing.
 */
import t from 'tap'
import { hasMlflow } from '../../lab/azure/mlflow.ts'
import { workspaceId } from '../../lab/personas.ts'
import { mlflow } from '../../src/azureml/dataplane/mlflow.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'

const W = workspaceId()
const RBAC = 'Microsoft.MachineLearningServices/workspaces'
const SCIENTISTS =
  'Group::"entra/11111111-1111-4111-8111-111111111111/33333333-3333-4333-8333-333333333301"'
const KINDS = ['experiments', 'experiments/runs', 'models', 'datasets/registered']
const ACTIONS = KINDS.flatMap((kind) =>
  ['read', 'write', 'delete'].map((verb) => `Action::"${RBAC}/${kind}/${verb}"`),
)
const POLICIES = `
@id("own")
@reason("members of project churn see and change what has its tag")
forbid (principal in ${SCIENTISTS}, action in [${ACTIONS.join(', ')}], resource)
when { context has tags && !context.tags.contains("project=churn") };

@id("owner")
@reason("the other project's owner")
@identity("ml-writer")
permit (principal in Group::"okta/ml-readers", action, resource);
`
/** In what the other project has, and nowhere else. */
const MARK = 'mark-of-the-other-project'

interface Things {
  readonly experiment: string
  readonly run: string
  readonly trace: string
  readonly assessment: string
  readonly model: string
  readonly prompt: string
  readonly dataset: string
}

t.setTimeout(400_000)
const skip = hasMlflow() ? false : 'there is no .venv/mlflow-3 here'
t.test('things of MLflow stay with their project', { skip }, async (t) => {
  const policies = await ownPolicies({ 'own.cedar': POLICIES })
  const world: World = await startGateway({
    gateway: { change: policies.change },
    lab: { mlflow: true },
  })
  t.teardown(async () => {
    await world.close()
    await policies.remove()
  })
  const tokens = {
    owner: await world.lab.token('reader'),
    member: await world.lab.token('scientist'),
  }
  async function call(who: keyof typeof tokens, method: string, path: string, body?: unknown) {
    const text = body === undefined ? '' : JSON.stringify(body)
    return world.send(`/mlflow/v1.0${W}/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${tokens[who]}`,
        ...(text === ''
          ? {}
          : {
              'content-type': 'application/json',
              'content-length': String(Buffer.byteLength(text)),
            }),
      },
      ...(text === '' ? {} : { body: text }),
    })
  }
  const V2 = 'api/2.0/mlflow'
  const V3 = 'api/3.0/mlflow'
  const pair = (key: string, value: string) => ({ key, value })
  /** The text at a path into an answer that went well. */
  async function made(
    who: keyof typeof tokens,
    at: string,
    path: string,
    body: unknown,
  ): Promise<string> {
    const answer = await call(who, 'POST', path, body)
    if (answer.status !== 200) throw new Error(`${path}: ${answer.text}`)
    let value: unknown = answer.json()
    for (const name of at.split('.')) value = (value as Record<string, unknown>)[name]
    return String(value)
  }
  const traceOf = (id: string, experiment: string, tags: object, metadata: object = {}) => ({
    trace: {
      trace_info: {
        trace_id: id,
        trace_location: {
          type: 'MLFLOW_EXPERIMENT',
          mlflow_experiment: { experiment_id: experiment },
        },
        request_time: '2026-01-01T00:00:00Z',
        execution_duration: '1s',
        state: 'OK',
        trace_metadata: metadata,
        tags,
      },
    },
  })
  async function make(who: keyof typeof tokens, project: string, note: string): Promise<Things> {
    const tags = [pair('project', project), pair('note', note)]
    const experiment = await made(who, 'experiment_id', `${V2}/experiments/create`, {
      name: project,
      tags,
    })
    const run = await made(who, 'run.info.run_id', `${V2}/runs/create`, {
      experiment_id: experiment,
      tags,
    })
    const trace = `tr-${project.padEnd(32, '0')}`
    await made(who, 'trace.trace_info.trace_id', `${V3}/traces`, traceOf(trace, experiment, { project, note }, { 'mlflow.sourceRun': run })) // prettier-ignore
    const feedback = {
      assessment_name: 'good',
      source: { source_type: 'HUMAN', source_id: 'x' },
      feedback: { value: note },
    }
    const assessment = await made(
      who,
      'assessment.assessment_id',
      `${V3}/traces/${trace}/assessments`,
      { assessment: feedback },
    )
    const model = await made(who, 'model.info.model_id', `${V2}/logged-models`, {
      experiment_id: experiment,
      name: project,
      source_run_id: run,
      tags,
      params: [pair('note', note)],
    })
    const prompt = `${project}-prompt`
    const isPrompt = pair('mlflow.prompt.is_prompt', 'true')
    await made(who, 'registered_model.name', `${V2}/registered-models/create`, {
      name: prompt,
      tags: [...tags, isPrompt],
    })
    await made(who, 'model_version.name', `${V2}/model-versions/create`, {
      name: prompt,
      source: 'prompt-template',
      tags: [...tags, isPrompt, pair('mlflow.prompt.text', note)],
    })
    const dataset = await made(who, 'dataset.dataset_id', `${V3}/datasets/create`, {
      name: project,
      experiment_ids: [experiment],
      tags: JSON.stringify({ project, note }),
    })
    return { experiment, run, trace, assessment, model, prompt, dataset }
  }
  const theirs = await make('owner', 'fraud', MARK)
  const mine = await make('member', 'churn', 'mine')
  const changes = () =>
    world.lab
      .requests()
      .filter(({ method, url }) => method !== 'GET' && !/search|batchGet/.test(url))
      .map(({ method, url }) => `${method} ${url.replace(/^.*mlflow\//, '')}`)

  await t.test("a member works with the project's own", async (t) => {
    for (const [method, path, body] of [
      ['GET', `${V3}/traces/${mine.trace}`],
      ['GET', `${V2}/traces/${mine.trace}/info`],
      ['GET', `${V3}/traces/${mine.trace}/assessments/${mine.assessment}`],
      ['PATCH', `${V3}/traces/${mine.trace}/tags`, pair('a', 'b')],
      ['DELETE', `${V3}/traces/${mine.trace}/tags`, { key: 'a' }],
      ['POST', `${V2}/traces/link-to-run`, { trace_ids: [mine.trace], run_id: mine.run }],
      ['POST', `${V2}/runs/log-inputs`, { run_id: mine.run, models: [{ model_id: mine.model }] }],
      ['PATCH', `${V2}/logged-models/${mine.model}/tags`, { tags: [pair('a', 'b')] }],
      ['DELETE', `${V2}/logged-models/${mine.model}/tags/a`],
      ['GET', `${V2}/logged-models/${mine.model}`],
      ['GET', `${V3}/datasets/${mine.dataset}/records`],
      ['PATCH', `${V3}/datasets/${mine.dataset}/tags`, { tags: '{"a":"b"}' }],
      ['GET', `${V3}/scorers/list?experiment_id=${mine.experiment}`],
      ['GET', `${V2}/model-versions/get?name=${mine.prompt}&version=1`],
    ] as const) {
      const answer = await call('member', method, path, body)
      t.equal(answer.status, 200, `${method} ${path} ${answer.text}`)
    }
    const all = [mine.experiment, theirs.experiment]
    for (const [path, body] of [
      [
        `${V3}/traces/search`,
        {
          locations: all.map((id) => ({
            type: 'MLFLOW_EXPERIMENT',
            mlflow_experiment: { experiment_id: id },
          })),
        },
      ],
      [`${V2}/logged-models/search`, { experiment_ids: all }],
      [`${V3}/datasets/search`, { experiment_ids: all }],
      [`${V3}/traces/batchGetInfos`, { trace_ids: [mine.trace, theirs.trace] }],
    ] as const) {
      const answer = await call('member', 'POST', path, body)
      t.equal(answer.status, 200, answer.text)
      t.match(answer.text, /churn/, path)
      t.notMatch(answer.text, /fraud/, path)
      t.match((await call('owner', 'POST', path, body)).text, MARK, `${path} has both`)
    }
  })

  await t.test('no call about the other project’s goes through', async (t) => {
    const names: Readonly<Record<string, string>> = {
      Trace: theirs.trace,
      LoggedModel: theirs.model,
      EvaluationDataset: theirs.dataset,
      _: theirs.assessment,
    }
    const query = new URLSearchParams({
      trace_id: theirs.trace, experiment_id: theirs.experiment, name: theirs.prompt, version: '1', run_id: theirs.run,
    }) // prettier-ignore
    const body = {
      trace_ids: [theirs.trace], run_id: theirs.run, trace_id: theirs.trace, experiment_id: theirs.experiment,
      experiment_ids: [theirs.experiment], model_id: theirs.model, name: theirs.prompt, version: '1', key: 'project',
      value: 'churn', request_ids: [theirs.trace], source_run_id: theirs.run,
      prompt_versions: [{ name: theirs.prompt, version: '1' }],
    } // prettier-ignore
    await world.clear()
    for (const { method, pattern } of mlflow.routes) {
      const path = pattern
        .map(({ before, kind }) => (kind === null ? before : (names[kind] ?? 'x')))
        .join('/')
      if (!/^(?:traces|logged-models|datasets|scorers|registered-models|model-versions)/.test(path))
        continue
      for (const api of [V2, V3]) {
        const answer =
          method === 'GET'
            ? await call('member', method, `${api}/${path}?${query.toString()}`)
            : await call('member', method, `${api}/${path}`, body)
        t.notMatch(answer.text, MARK, `${method} ${api}/${path}`)
      }
    }
    t.same(changes(), [], 'nothing was changed')
  })

  await t.test('nothing of theirs is linked with one’s own, nor taken over', async (t) => {
    const metric = { key: 'k', value: 1, timestamp: 1 }
    const prompts = [{ name: theirs.prompt, version: '1' }]
    for (const [method, path, body, status = 403] of [
      ['POST', `${V2}/traces/link-to-run`, { trace_ids: [theirs.trace], run_id: mine.run }],
      ['POST', `${V2}/traces/link-to-run`, { trace_ids: [mine.trace], run_id: theirs.run }],
      [
        'POST',
        `${V2}/traces/link-to-run`,
        { traceIds: [mine.trace, theirs.trace], runId: mine.run },
      ],
      ['POST', `${V2}/traces/link-prompts`, { trace_id: mine.trace, prompt_versions: prompts }],
      ['POST', `${V2}/runs/log-inputs`, { run_id: mine.run, models: [{ model_id: theirs.model }] }],
      ['POST', `${V2}/runs/outputs`, { run_id: mine.run, models: [{ modelId: theirs.model }] }],
      ['POST', `${V2}/runs/log-metric`, { run_id: mine.run, model_id: theirs.model, ...metric }],
      [
        'POST',
        `${V2}/runs/log-batch`,
        { run_id: mine.run, metrics: [{ ...metric, model_id: theirs.model }] },
      ],
      [
        'POST',
        `${V2}/model-versions/create`,
        { name: mine.prompt, source: `models:/${theirs.model}`, tags: [pair('project', 'churn')] },
      ],
      [
        'POST',
        `${V2}/model-versions/create`,
        {
          name: mine.prompt,
          source: 'x',
          model_id: theirs.model,
          tags: [pair('project', 'churn')],
        },
      ],
      [
        'POST',
        `${V2}/logged-models`,
        {
          experiment_id: mine.experiment,
          source_run_id: theirs.run,
          tags: [pair('project', 'churn')],
        },
      ],
      [
        'POST',
        `${V2}/logged-models`,
        { experiment_id: theirs.experiment, tags: [pair('project', 'churn')] },
      ],
      ['POST', `${V3}/traces`, traceOf('tr-1', theirs.experiment, { project: 'churn' })],
      [
        'POST',
        `${V3}/traces`,
        traceOf('tr-2', mine.experiment, { project: 'churn' }, { 'mlflow.sourceRun': theirs.run }),
      ],
      ['POST', `${V3}/traces`, traceOf(theirs.trace, mine.experiment, { project: 'churn' })],
      ['POST', `${V3}/traces`, traceOf('tr-3', mine.experiment, {})],
      [
        'POST',
        `${V3}/datasets/${mine.dataset}/add-experiments`,
        { experiment_ids: [theirs.experiment] },
      ],
      [
        'POST',
        `${V3}/datasets/create`,
        { name: 'x', tags: '{"project":"churn"}', experiment_ids: [theirs.experiment] },
      ],
      [
        'POST',
        `${V3}/traces/delete-traces`,
        { experiment_id: mine.experiment, max_timestamp_millis: 9, request_ids: [mine.trace] },
      ],
      // one's own is not given away
      ['PATCH', `${V3}/traces/${mine.trace}/tags`, pair('project', 'fraud')],
      ['PATCH', `${V2}/logged-models/${mine.model}/tags`, { tags: [pair('project', 'fraud')] }],
      ['PATCH', `${V3}/datasets/${mine.dataset}/tags`, { tags: '{"project":"fraud"}' }],
      ['DELETE', `${V3}/datasets/${mine.dataset}/tags/project`, undefined],
      // the path and the body name two
      ['PATCH', `${V2}/logged-models/${mine.model}`, { model_id: theirs.model, status: 2 }, 400],
      // what the gateway alone writes
      ['PATCH', `${V3}/traces/${mine.trace}/tags`, pair('harness.principal', 'x')],
      [
        'PATCH',
        `${V2}/logged-models/${mine.model}/tags`,
        { tags: [pair('harness.principal', 'x')] },
      ],
      [
        'POST',
        `${V2}/logged-models/${mine.model}/params`,
        { params: [pair('harness.principal', 'x')] },
      ],
      ['PATCH', `${V3}/datasets/${mine.dataset}/tags`, { tags: '{"harness.principal":"x"}' }],
      [
        'POST',
        `${V3}/traces/${mine.trace}/assessments`,
        { assessment: { assessment_name: 'x', metadata: { 'harness.principal': 'x' } } },
      ],
      [
        'PATCH',
        `${V3}/traces/${mine.trace}/tags`,
        JSON.stringify(pair('harness.principal', 'x')),
        400,
      ],
      ['POST', 'v1/traces', { resourceSpans: [] }],
    ] as const) {
      // prettier-ignore
      await world.clear()
      const answer = await call('member', method, path, body)
      t.equal(answer.status, status, `${method} ${path} ${JSON.stringify(body)} ${answer.text}`)
      t.same(changes(), [], path)
      t.notMatch(answer.text, MARK)
    }
    for (const [path, what] of [
      [`${V3}/traces/${theirs.trace}`, theirs.trace],
      [`${V2}/logged-models/${theirs.model}`, theirs.model],
    ] as const) {
      const seen = await call('owner', 'GET', path)
      t.match(seen.text, what, 'it is there as it was')
      t.match(seen.text, MARK)
    }
  })

  await t.test('filters would tell of what is hidden', async (t) => {
    const experiment_ids = [theirs.experiment]
    const locations = [{ type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: theirs.experiment } }] // prettier-ignore
    await world.clear()
    for (const [path, body] of [
      ['traces/search', { locations, filter: `tags.note LIKE '${MARK.slice(0, 4)}%'` }],
      ['traces/search', { locations, order_by: ['execution_time_ms DESC'] }],
      [
        'traces/search',
        { locations: [{ type: 'INFERENCE_TABLE', inference_table: { full_table_name: 'x' } }] },
      ],
      ['logged-models/search', { experiment_ids, filter: "params.note = 'x'" }],
      ['logged-models/search', { experiment_ids, order_by: [{ field_name: 'metrics.loss' }] }],
      ['logged-models/search', { experiment_ids, datasets: [{ dataset_name: 'x' }] }],
      ['datasets/search', { experiment_ids, filter_string: "tags.note LIKE 'm%'" }],
      ['traces/metrics', { experiment_ids }],
      [
        'traces/calculate-filter-correlation',
        { experiment_ids, filter_string1: 'x', filter_string2: 'y' },
      ],
    ] as const) {
      // prettier-ignore
      const answer = await call('member', 'POST', `${V3}/${path}`, body)
      t.equal(answer.status, 403, `${path} ${JSON.stringify(body)} ${answer.text}`)
    }
    t.same(world.lab.requests(), [])
  })
})
