/**
 * The published MLflow client, alone and with Azure's plug-in, against a real MLflow server behind the gateway.
 */
import t from 'tap'
import { startGateway, type World } from '../support/gateway.ts'
import { PERSONAS, workspaceId } from '../../lab/personas.ts'
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

const file = environment(t, 'python')
const three = file === null ? null : environment(t, 'mlflow3')
const plugin3 = three === null ? null : environment(t, 'plugin3')
if (file !== null && three !== null && plugin3 !== null) {
  t.setTimeout(900_000)
  let world: World
  let shown: Shown
  t.before(async () => {
    world = await startGateway({ lab: { storage: true, mlflow: true } })
    shown = createShown(world, import.meta.url)
  })
  t.teardown(() => world.close())

  const run = async (
    t: Tap,
    script: string,
    env: Settings,
    own = file,
  ): Promise<Record<string, unknown>> => {
    await world.clear()
    const done = await runScript(own, script, env)
    t.equal(done.code, 0, `${script} ends well`, { said: said(done) })
    throughTheGateway(t, world, env)
    const { client, client_version: version } = done.result ?? {}
    await shown.add(String(client), String(version))
    return done.result ?? {}
  }
  const host = (): string => new URL(world.url).host

  for (const [major, own] of [
    ['2', file],
    ['3', three],
  ] as const) {
    t.test(
      `mlflow ${major} alone tracks runs and registers a model, with a URL and a token`,
      async (t) => {
        const env = await settings(world, 'scientist')
        const named = {
          ...env,
          LAB_NAME: `tracked-${major}`,
          MLFLOW_TRACKING_URI: `${world.url}/mlflow/v1.0${workspaceId()}`,
          MLFLOW_TRACKING_TOKEN: env['LAB_TOKEN'] ?? '',
        }
        const result = await run(t, 'mlflow_alone.py', named, own)
        t.match(result, {
          store: 'RestStore',
          experiment: `tracked-${major}`,
          found: ['depth 4'],
          loss: [1 / 4, 1 / 5, 1 / 6],
          tag: 'https://eastus.api.azureml.ms/not-to-be-touched',
          token: true,
          model: `tracked-${major}`,
        })
        t.equal(result['client'], `mlflow ${major}`)
        t.equal(String(result['version']), '1')
        t.ok(
          String(result['artifacts']).startsWith(`azureml://${host()}/mlflow/`),
          'artifacts are at the gateway, too',
        )
      },
    )
  }

  for (const [major, own] of [
    ['2', file],
    ['3', plugin3],
  ] as const) {
    t.test(
      `a person with a token goes on with a run by azureml-mlflow and mlflow ${major}, artifacts included`,
      async (t) => {
        const env = await settings(world, 'scientist')
        const token = env['LAB_TOKEN'] ?? ''
        const address = `/mlflow/v1.0${workspaceId()}`
        const before = await run(t, 'mlflow_alone.py', {
          ...env,
          LAB_NAME: `continued-${major}`,
          MLFLOW_TRACKING_URI: `${world.url}${address}`,
          MLFLOW_TRACKING_TOKEN: token,
        })
        const after = await run(
          t,
          'continue_run.py',
          {
            ...env,
            MLFLOW_TRACKING_URI: `azureml://${host()}${address}`,
            MLFLOW_TRACKING_TOKEN: token,
            MLFLOW_RUN_ID: String(before['run']),
            MLFLOW_EXPERIMENT_NAME: `continued-${major}`,
          },
          own,
        )
        t.match(after, {
          run: before['run'],
          store: 'AzureMLRestStore',
          text: 'late\n',
          metric: 1,
        })
      },
    )

    t.test(
      `a job tracks its run with azureml-mlflow and mlflow ${major}, as the identity of its cluster`,
      async (t) => {
        const { lab } = world
        const cluster = PERSONAS.get('cluster')
        const result = await run(
          t,
          'azureml_mlflow.py',
          {
            ...(await settings(world, 'cluster')),
            LAB_NAME: `job-${major}`,
            MLFLOW_TRACKING_URI: `azureml://${host()}/mlflow/v1.0${workspaceId()}`,
            // as the runtime of a job sets them on a cluster
            MSI_ENDPOINT: `${lab.urls.identity}/MSI/auth`,
            MSI_SECRET: lab.identities.secret,
            AZURE_CLIENT_ID: cluster?.kind === 'entra-compute' ? cluster.clientId : '',
          },
          own,
        )
        t.match(result, {
          store: 'AzureMLRestStore',
          notes: 'read me\n',
          later: [0.5],
          artifacts: ['model/MLmodel', 'model/weights.bin'],
          found: ['3'],
        })
        t.equal(String(result['version']), '1')
        const stored = lab.storage?.requests() ?? []
        t.ok(
          stored.some(
            ({ method, url }) => method === 'PUT' && /\/model\/weights\.bin\?.*sig=/.test(url),
          ),
          'artifacts went to storage by SAS',
        )
      },
    )
  }
  t.test('the table of clients says so', async (t) => shown.compare(t))
}
