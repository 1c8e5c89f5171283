/**
 * Projects kept apart as MLflow's own client meets it: lists without the other project's runs, refusals with the reason.
 */
import t, { type Test } from 'tap'
import type { LabOptions } from '../../lab/lab.ts'
import { PERSONAS, workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { ownPolicies } from '../support/policies.ts'
import { environment, runScript, said, settings, throughTheGateway } from './support/published.ts'

const SCIENTISTS =
  'Group::"entra/11111111-1111-4111-8111-111111111111/33333333-3333-4333-8333-333333333301"'
const POLICY = `
@id("own-things")
@reason("scientists work with what is of project a only")
forbid (
  principal in ${SCIENTISTS},
  action in [Action::"read", Action::"write", Action::"delete"],
  resource
)
when { context has tags && !context.tags.contains("project=a") }
unless { resource is Experiment || resource is Workspace };
`

/** Tells everything apart for everybody, and forbids nothing of what the scripts do. */
const WIDE = `
@id("others")
@reason("what is of project b is for project b")
forbid (principal, action in [Action::"read", Action::"write", Action::"delete"], resource)
when { context has tags && context.tags.contains("project=b") };
`

const two = environment(t, 'python')
const three = two === null ? null : environment(t, 'mlflow3')
if (two !== null && three !== null) {
  t.setTimeout(900_000)
  const file: Test = t
  /** A lab and a gateway with one more policy than are shipped. */
  const start = async (during: Test, policy: string, lab: Partial<LabOptions>): Promise<World> => {
    const policies = await ownPolicies({ 'projects.cedar': policy })
    const world = await startGateway({ gateway: { change: policies.change }, lab })
    during.teardown(async () => {
      await world.close()
      await policies.remove()
    })
    return world
  }

  let apart: World | null = null
  for (const [major, own] of [
    ['2', two],
    ['3', three],
  ] as const) {
    t.test(`mlflow ${major} sees and changes what is of its caller's project`, async (t) => {
      const world = (apart ??= await start(file, POLICY, { mlflow: true }))
      await world.clear()
      const env = {
        ...(await settings(world, 'scientist')),
        LAB_NAME: `shared-${major}`,
        MLFLOW_TRACKING_URI: `${world.url}/mlflow/v1.0${workspaceId()}`,
        LAB_SCIENTIST_TOKEN: await world.lab.token('scientist'),
        LAB_SERVICE_TOKEN: await world.lab.token('service'),
      }
      const done = await runScript(own, 'own_runs.py', env)
      t.equal(done.code, 0, 'the script ends well', { said: said(done) })
      throughTheGateway(t, world, env)
      const result = done.result ?? {}
      t.same(result['found'], ['a1', 'a1-step', 'a2', 'a2-step'], 'parts are whose the run is')
      t.ok(Number(result['pages']) >= 4, 'over pages')
      t.same(result['frame'], ['a1', 'a1-step', 'a2', 'a2-step', 'mine'])
      t.match(result, {
        late: [2],
        mine: { depth: '3' },
        models: [`shared-${major}-a`],
        versions: [`shared-${major}-a`],
      })
      const why = /^PERMISSION_DENIED: .*scientists work with what is of project a only/
      for (const name of ['untagged', 'run', 'step', 'history', 'metric', 'tag', 'delete'])
        t.match(result[name], why, name)
      for (const name of ['model', 'version']) t.match(result[name], why, name)
    })
  }

  t.test("azure-ai-ml finds the steps of its caller's jobs, and no others", async (t) => {
    const world = (apart ??= await start(file, POLICY, { mlflow: true }))
    await world.clear()
    const token = await world.lab.token('service')
    const put = async (method: string, path: string, body: object): Promise<void> => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const answer = await world.send(path, { method, headers, body: JSON.stringify(body) })
      t.ok(answer.status < 300, answer.text)
    }
    for (const project of ['a', 'b']) {
      await put('PUT', `${workspaceId()}/jobs/job-${project}?api-version=2024-04-01`, {
        properties: { jobType: 'Pipeline', tags: { project } },
      })
      const step = `/history/v1.0${workspaceId()}/experiments/Default/runs/job-${project}-step`
      const parentRunId = `job-${project}`
      await put('PATCH', step, { runId: `${parentRunId}-step`, parentRunId, tags: {} })
    }
    const env = {
      ...(await settings(world, 'scientist')),
      LAB_OWN_JOB: 'job-a',
      LAB_OWN_STEP: 'job-a-step',
      LAB_OTHER_JOB: 'job-b',
      LAB_OTHER_STEP: 'job-b-step',
    }
    const done = await runScript(two, 'parts.py', env)
    t.equal(done.code, 0, 'the script ends well', { said: said(done) })
    throughTheGateway(t, world, env)
    const why = /^403: [\s\S]*scientists work with what is of project a only/
    t.match(done.result, {
      step: 'job-a-step',
      steps: ['job-a-step'],
      other: why,
      job: why,
      listed: ['job-a'],
    })
  })

  t.test('who is kept from nothing that is theirs does not notice', async (t) => {
    const world = await start(t, WIDE, { mlflow: true, storage: true })
    const base = await settings(world, 'scientist')
    const job = await runScript(two, 'submit_job.py', base)
    t.equal(job.code, 0, 'azure-ai-ml ends well', { said: said(job) })
    t.match(job.result, { status: 'Completed' }, 'submitted, streamed and read again')
    t.equal(((job.result ?? {})['listed'] as string[]).length, 5)
    const cluster = PERSONAS.get('cluster')
    const tracking = {
      ...(await settings(world, 'cluster')),
      LAB_NAME: 'job',
      MLFLOW_TRACKING_URI: `azureml://${new URL(world.url).host}/mlflow/v1.0${workspaceId()}`,
      MSI_ENDPOINT: `${world.lab.urls.identity}/MSI/auth`,
      MSI_SECRET: world.lab.identities.secret,
      AZURE_CLIENT_ID: cluster?.kind === 'entra-compute' ? cluster.clientId : '',
    }
    const plugIn = await runScript(two, 'azureml_mlflow.py', tracking)
    t.equal(plugIn.code, 0, 'azureml-mlflow ends well', { said: said(plugIn) })
    t.match(plugIn.result, { notes: 'read me\n', later: [0.5], found: ['3'] })
    throughTheGateway(t, world, tracking)
  })
}
