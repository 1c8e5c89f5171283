/** What MLflow 3 has besides runs and models, by its newest client against a real MLflow server behind the gateway. */
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import {
  environment,
  runScript,
  said,
  settings,
  throughTheGateway,
  type Settings,
} from './support/published.ts'
import { createShown, type Shown } from './support/shown.ts'

const W = workspaceId()
const file = environment(t, 'mlflow3')
if (file !== null) {
  t.setTimeout(600_000)
  let world: World
  let shown: Shown
  t.before(async () => {
    world = await startGateway({ lab: { mlflow: true } })
    shown = createShown(world, import.meta.url)
  })
  t.teardown(() => world.close())

  async function env(persona: string, name: string): Promise<Settings> {
    const documented = await settings(world, persona)
    return {
      ...documented,
      LAB_NAME: name,
      MLFLOW_TRACKING_URI: `${world.url}/mlflow/v1.0${W}`,
      MLFLOW_TRACKING_TOKEN: documented['LAB_TOKEN'] ?? '',
    }
  }
  /** Calls that arrived at Azure, as method and what follows `/mlflow/`, without ids. */
  const arrived = (): ReadonlySet<string> =>
    new Set(
      world.lab.requests().map(({ method, url }) => {
        const [path = ''] = url.split('?')
        const rest = path.replace(/^.*\/workspaces\/[^/]+\/(?:api\/[\d.]+\/mlflow\/)?/, '')
        return `${method} ${rest.replaceAll(/\b(?:tr|m|d|a|er)-[0-9a-f]{16,}/g, '*')}`
      }),
    )

  t.test('traces, assessments, logged models, prompts, evaluation and data sets', async (t) => {
    await world.clear()
    const own = await env('scientist', 'three')
    const done = await runScript(file, 'mlflow_3.py', own)
    t.equal(done.code, 0, 'the script ends well', { said: said(done) })
    throughTheGateway(t, world, own)
    t.match(done.result, {
      spans: ['double', 'inner'],
      response: '42',
      source: true,
      traces: 2,
      of_run: 1,
      asked: ['4'],
      tags: { asked: '21', seen: 'yes', gone: null },
      feedback: [false, 'on second thought'],
      left: ['good'],
      models: [true],
      model: ['READY', 'final', { depth: '3' }, 1],
      prompt: ['Say hello', 1, ['three-prompt']],
      scores: { 'is_even/mean': 1 },
      datasets: [['three-data'], 1, 'small', 'a'],
      // the one that was deleted, and those of the evaluation
      after: 3,
    })
    const calls = arrived()
    for (const call of [
      'POST v1/traces',
      'POST traces',
      'GET traces/get',
      'POST traces/search',
      'PATCH traces/*/tags',
      'DELETE traces/*/tags',
      'POST traces/link-to-run',
      'POST traces/delete-traces',
      'POST traces/*/assessments',
      'GET traces/*/assessments/*',
      'PATCH traces/*/assessments/*',
      'DELETE traces/*/assessments/*',
      'POST logged-models',
      'POST logged-models/search',
      'PATCH logged-models/*/tags',
      'DELETE logged-models/*/tags/extra',
      'PATCH logged-models/*',
      'DELETE logged-models/*',
      'POST runs/log-inputs',
      'POST runs/outputs',
      'POST registered-models/alias',
      'GET registered-models/search',
      'POST datasets/create',
      'POST datasets/*/records',
      'GET datasets/*/records',
      'PATCH datasets/*/tags',
      'DELETE datasets/*',
    ])
      t.ok(calls.has(call), `${call} arrived`)
    const rows = await world.allRecords()
    const id = `${W.toLowerCase()}/traces/${String(done.result?.['trace_id'])}`
    const ofTrace = rows.filter(({ TargetResourceId }) => TargetResourceId === id)
    t.ok(ofTrace.length > 0, 'each call about the trace is recorded with its id')
    t.ok(ofTrace.every(({ ResourceType }) => ResourceType === 'Trace'))
    const model = `${W.toLowerCase()}/loggedmodels/${String(done.result?.['model_id'])}`
    t.ok(
      rows.some(
        ({ TargetResourceId, Outcome }) => TargetResourceId === model && Outcome === 'success',
      ),
    )
    await shown.add(String(done.result?.['client']), String(done.result?.['client_version']))
  })

  t.test(
    'who may only read is told so in the form of MLflow, and nothing is changed',
    async (t) => {
      await world.clear()
      const done = await runScript(file, 'mlflow_3_refused.py', await env('reader', 'three'))
      t.equal(done.code, 0, 'the script ends well', { said: said(done) })
      const refused = { code: 'PERMISSION_DENIED', message: /policy_refused/ }
      t.match(done.result, {
        read: 2,
        feedback: refused,
        tag: refused,
        model: refused,
        prompt: refused,
        webhook: { message: /"webhooks" is .* which is not served/ },
      })
      const changes = [...arrived()].filter((call) => !/^GET|search$/.test(call))
      t.same(changes, [], 'Azure saw reads alone')
      const rows = await world.allRecords()
      t.ok(
        rows.some(
          ({ RecordKind, Action }) =>
            RecordKind === 'refused' && String(Action).endsWith('experiments/runs/write'),
        ),
        'the refusal is recorded',
      )
      await shown.skip()
    },
  )

  t.test('the table of clients says so', async (t) => shown.compare(t))
}
