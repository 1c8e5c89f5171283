/**
 * The published Python SDK `azure-ai-ml`, unchanged: the environment alone leads it to the gateway.
 */
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { startGateway, type World } from '../support/gateway.ts'
import { PERSONAS, TENANT, workspaceId } from '../../lab/personas.ts'
import { ownPolicies, type OwnPolicies } from '../support/policies.ts'
import { createShown, type Shown } from './support/shown.ts'
import {
  environment,
  runScript,
  said,
  settings,
  throughTheGateway,
  type Settings,
  type Tap,
} from './support/published.ts'

const scientist = PERSONAS.get('scientist')
const SCIENTISTS = scientist !== undefined && 'groups' in scientist ? scientist.groups : []
const MORE_GROUPS = Array.from({ length: 200 - SCIENTISTS.length }, () => randomUUID())

/** The lab binds nobody to a workspace that is not there yet. */
const MADE = `
  - id: makes-a-workspace
    template: workspace-admin
    principal: User::"entra/${TENANT}/44444444-4444-4444-8444-444444444401"
    resource: Workspace::"${workspaceId('ws-made').toLowerCase()}"
`

const file = environment(t, 'python')
if (file !== null) {
  t.setTimeout(900_000)
  let world: World
  let shown: Shown
  let policies: OwnPolicies
  t.before(async () => {
    policies = await ownPolicies({}, MADE)
    world = await startGateway({ lab: { storage: true }, gateway: policies })
    shown = createShown(world, import.meta.url)
  })
  t.teardown(async () => {
    await world.close()
    await policies.remove()
  })

  /** Runs a script as the scientist, and holds its traffic to what docs/limits.md says. */
  const run = async (
    t: Tap,
    script: string,
    more: Settings = {},
  ): Promise<{ result: Record<string, unknown>; stdout: string }> => {
    await world.clear()
    const env = { ...(await settings(world, 'scientist')), ...more }
    const done = await runScript(file, script, env)
    t.equal(done.code, 0, `${script} ends well`, { said: said(done) })
    throughTheGateway(t, world, env)
    await shown.add('azure-ai-ml', /^azure-ai-ml\/(\S+)/)
    return { result: done.result ?? {}, stdout: done.stdout }
  }
  const reached = (part: string): string[] =>
    world.lab.requests().flatMap((one) => (one.part === part ? [`${one.method} ${one.url}`] : []))

  t.test('a command job with local code and data is submitted, streamed and listed', async (t) => {
    const { result, stdout } = await run(t, 'submit_job.py')
    t.equal(result['status'], 'Completed')
    for (const step of [1, 2, 3])
      t.ok(stdout.includes(`${String(result['name'])}: step ${step} of 3`), 'the log was streamed')
    t.equal(
      result['tag'],
      'https://management.azure.com/not-to-be-touched',
      "a URL in a tag is the user's own",
    )
    t.equal((result['listed'] as string[]).length, 5)
    t.ok(
      reached('arm').filter((one) => /^GET \S*\/jobs\?/.test(one)).length >= 3,
      'over three pages of two',
    )
    t.ok(
      reached('data-plane').some((one) => one.includes('/history/')),
      'run history was asked',
    )
    const stored = world.lab.storage?.requests() ?? []
    t.ok(
      stored.some(({ method, url }) => method === 'PUT' && /\/train\.py\?.*sig=/.test(url)),
      'code went to storage by SAS',
    )
    const data = stored.find(({ method, url }) => method === 'PUT' && url.endsWith('/data.csv'))
    t.equal(
      data?.claims?.['aud'],
      'https://storage.azure.com',
      "without keys of the datastore, data went there as the person's own",
    )
  })

  t.test('a model and a data asset are registered from local files', async (t) => {
    const { result } = await run(t, 'register.py')
    t.match(result, { models: ['churn'], version: '1' })
    t.match(
      result,
      { stamped: true, kept: true, anew: true },
      'who registered it is on the version',
    )
    t.match(result['model'], /\/datastores\/workspaceblobstore\/paths\/LocalUpload\/.*\/model$/)
    t.match(result['data'], /\/LocalUpload\/.*\/table\.csv$/)
  })

  t.test(
    "a model is downloaded as the person, and nobody asks for a datastore's keys",
    async (t) => {
      const before = world.lab.storage?.requests().length ?? 0
      const { result } = await run(t, 'download.py')
      t.match(result, {
        files: ['weights.bin'],
        same: [true],
        credentials: ['NoneCredentialConfiguration', 'NoneCredentialConfiguration'],
        default: 'workspaceblobstore',
      })
      t.match(
        result['logs'],
        [`${String(result['job'])}: step 3 of 3`],
        'of workspaceartifactstore',
      )
      const read = (world.lab.storage?.requests() ?? [])
        .slice(before)
        .filter(({ method, url }) => method === 'GET' && url.endsWith('/weights.bin'))
      t.ok(read.length > 0, 'the file came from storage')
      for (const one of read) t.equal(one.claims?.['aud'], 'https://storage.azure.com')
      t.notMatch(reached('arm').join(), /listSecrets/i)
    },
  )

  t.test('an online endpoint gets a deployment, traffic and a call by identity', async (t) => {
    const { result } = await run(t, 'endpoint.py')
    t.match(result, {
      traffic: { blue: 100 },
      deployment: 'blue',
      answer: { deployment: 'blue', input: '{"data": [[1, 2, 3]]}' },
      endpoints: ['churn-online'],
    })
    t.match(String(result['state']).toLowerCase(), 'succeeded')
    t.ok(String(result['scoring']).startsWith(`${world.url}/_score/`), 'scored at the gateway')
    t.same(reached('scoring'), ['POST /score'])
  })

  t.test('a batch endpoint is called, and its jobs are listed', async (t) => {
    const { result } = await run(t, 'batch.py')
    t.ok(String(result['scoring']).startsWith(`${world.url}/_score/`), 'called at the gateway')
    t.same(result['listed'], [[result['job'], 'Running']])
    t.same(reached('scoring'), ['POST /jobs'])
    t.ok(
      reached('data-plane').some((one) => /mferp.*\/batchEndpoints\/churn-batch\/jobs/.test(one)),
      'listed by the front end',
    )
  })

  t.test('a workspace is made by its own API, and not by a template', async (t) => {
    const { result } = await run(t, 'workspaces.py', { LAB_GATEWAY: world.url })
    t.match(result['template'], /^403 tunnel_refused: /)
    t.match(result['template'], 'PUT the workspace itself')
    t.match(result, { made: 'Succeeded', shown: 'for churn', key: null, echoed: false })
    t.same(result['connection'], ['search', 'https://search.example.com'])
    t.ok(String(result['discovery']).startsWith(world.url))
    t.notMatch(reached('arm').join(), /deployments/i)
  })

  t.test(
    "a pipeline of somebody in 200 groups runs to its end; the person's own token stays here",
    async (t) => {
      // two tokens of 12 KB in one head: Entra puts no more groups into one
      const claims = { groups: [...SCIENTISTS, ...MORE_GROUPS] }
      const token = await world.lab.token('scientist', { claims })
      t.ok(token.length > 11_500, `${token.length} bytes`)
      const mine = await world.lab.token('scientist', {
        claims: { ...claims, aud: 'https://ml.azure.com' },
      })
      const { result } = await run(t, 'pipeline.py', { LAB_TOKEN: token, LAB_ML_TOKEN: mine })
      t.match(result, { status: 'Completed', steps: ['first', 'train'], type: 'pipeline' })
      const submitted = world.lab
        .requests()
        .find(
          ({ method, url }) => method === 'PUT' && url.includes(`/jobs/${String(result['name'])}`),
        )
      t.ok(submitted)
      t.notOk(submitted?.headers['x-azureml-token'], 'x-azureml-token is not handed on')
    },
  )

  t.test("labels of Microsoft's registry arrive as versions", async (t) => {
    const mine = await world.lab.token('scientist', { claims: { aud: 'https://ml.azure.com' } })
    const { result } = await run(t, 'pins.py', { LAB_ML_TOKEN: mine })
    t.match(result, {
      environment: 'azureml://registries/azureml/environments/sklearn-1.5/versions/31',
      component: 'azureml://registries/azureml/components/train_model/versions/0.0.2',
    })
  })

  t.test('who may only read is refused in words that the SDK and MLflow understand', async (t) => {
    await world.clear()
    const env = {
      ...(await settings(world, 'reader')),
      LAB_TRACKING_URI: `${world.url}/mlflow/v1.0${workspaceId()}`,
    }
    const done = await runScript(file, 'refused.py', env)
    t.equal(done.code, 0, 'the script ends well', { said: said(done) })
    t.match(done.result, {
      listed: Array,
      sdk: { status: 403, code: 'policy_refused' },
      tracking: 'PERMISSION_DENIED',
    })
    t.same([...new Set(world.lab.requests().map(({ method }) => method))], ['GET'], 'only reads')
    throughTheGateway(t, world, env)
  })

  t.test('the table of clients says so', async (t) => shown.compare(t))
}
