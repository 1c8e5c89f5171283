/** Workspaces by their names: `login` and `env` list those that a person may use, `env` and `exec` take one. */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WORKSPACE, workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { browse } from './support/browse.ts'
import { run, start } from './support/run.ts'
import { signIn } from './support/signed-in.ts'

let world: World
t.before(async () => {
  world = await startGateway()
})
t.teardown(() => world.close())

async function signedIn(t: Test, persona = 'scientist'): Promise<Record<string, string>> {
  const home = join(t.testdir(), 'home')
  await signIn(home, world, persona)
  return { AZUREML_HARNESS_HOME: home }
}

const LISTED = new RegExp(`you may use .*:\\n(?:  .*\\n)*  ${WORKSPACE}  .*data-scientist`)

t.test('env lists what a person may use, where it does not get in the way', async (t) => {
  const env = await signedIn(t)
  const listed = await run(['env'], { env })
  t.equal(listed.status, 0)
  t.match(listed.err, LISTED)
  t.notMatch(listed.out, 'you may use')
  t.equal((await run(['env', '--workspace', workspaceId()], { env })).err, '')
  const outsider = await signedIn(t, 'outsider')
  t.match(await run(['env'], { env: outsider }), { status: 0, err: /no access to any workspace/ })
})

t.test('login lists it, too', async (t) => {
  const visits: Promise<unknown>[] = []
  const args = ['--gateway', world.url, '--issuer', 'entra', '--flow', 'browser', '--no-open']
  const { status, err } = await run(['login', ...args], {
    env: { AZUREML_HARNESS_HOME: join(t.testdir(), 'home') },
    onErr(line) {
      const [, url] = /^To sign in, open (\S+)$/.exec(line) ?? []
      if (url !== undefined) visits.push(browse(url, 'scientist', world.lab.certificates.ca))
    },
  })
  await Promise.all(visits)
  t.equal(status, 0, err)
  t.match(err, LISTED)
  t.match(err, 'next: azureml-harness exec --workspace NAME')
})

t.test('a workspace may be given by its name', async (t) => {
  const env = await signedIn(t)
  const uri = `${world.url}/mlflow/v1.0${workspaceId()}`
  const named = await run(['env', '--shell', 'json', '--workspace', WORKSPACE], { env })
  t.match(JSON.parse(named.out), { MLFLOW_TRACKING_URI: uri })
  const show = ['sh', '-c', 'echo "$MLFLOW_TRACKING_URI"']
  const ran = await start(['exec', '--workspace', WORKSPACE.toUpperCase(), '--', ...show], env)
    .ended
  t.match(ran, { status: 0, out: `${uri}\n` }, ran.err)
  const unknown = await run(['env', '--workspace', 'ws-nowhere'], { env })
  t.match(unknown, { status: 1, out: '', err: new RegExp(`"ws-nowhere".*\\b${WORKSPACE}\\b`) })
})

t.test('a gateway that cannot say it is no reason to fail', async (t) => {
  const env = await signedIn(t)
  const other = { ...env, AZUREML_HARNESS_CA: '' }
  await world.gateway.stop()
  const { status, out, err } = await run(['env'], { env: other })
  t.equal(status, 0)
  t.match(out, 'AZUREML_HARNESS_GATEWAY')
  t.match(err, /which workspaces you may use is not known: /)
})
