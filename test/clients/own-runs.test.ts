/**
 * Projects kept apart as MLflow's own client meets it: lists without the other project's runs, refusals with the reason.
 */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { SHIPPED } from '../policy/support.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { environment, runScript, said, settings, throughTheGateway } from './support/python.ts'

const LAB_BINDINGS = join(import.meta.dirname, '..', '..', 'lab', 'bindings.yaml')
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
unless { resource is Experiment };
`

const two = environment(t, 'python')
const three = two === null ? null : environment(t, 'mlflow3')
if (two !== null && three !== null) {
  t.setTimeout(900_000)
  const directory = await mkdtemp(join(tmpdir(), 'azureml-harness-own-runs-'))
  await cp(SHIPPED, directory, { recursive: true })
  await cp(LAB_BINDINGS, join(directory, 'bindings.yaml'))
  await writeFile(join(directory, 'projects.cedar'), POLICY)
  t.teardown(() => rm(directory, { recursive: true, force: true }))

  for (const [major, own] of [
    ['2', two],
    ['3', three],
  ] as const) {
    t.test(`mlflow ${major} sees and changes what is of its caller's project`, async (t) => {
      const world: World = await startGateway({
        gateway: {
          change: (config) => ({
            ...config,
            policies: { directory, bindings: join(directory, 'bindings.yaml') },
          }),
        },
        lab: { mlflow: true },
      })
      t.teardown(() => world.close())
      const env = {
        ...(await settings(world, 'scientist')),
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
        models: ['model-a'],
        versions: ['model-a'],
      })
      const why = /^PERMISSION_DENIED: .*scientists work with what is of project a only/
      for (const name of ['untagged', 'run', 'step', 'history', 'metric', 'tag', 'delete'])
        t.match(result[name], why, name)
      for (const name of ['model', 'version']) t.match(result[name], why, name)
    })
  }
}
