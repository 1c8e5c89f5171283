/** Programs find the gateway by their environment: on a person's machine, and inside a job on Azure ML compute. */
import { spawnSync } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import t, { type Test } from 'tap'
import {
  PERSONAS,
  RESOURCE_GROUP,
  SUBSCRIPTION,
  WORKSPACE,
  workspaceId,
} from '../../lab/personas.ts'
import { createNetwork } from '../../src/cli/sign-in/network.ts'
import { quote } from '../../src/cli/session/quote.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { run, start } from './support/run.ts'
import { signIn } from './support/signed-in.ts'

const SHOW = `process.stdout.write(JSON.stringify(process.env))`
const isCluster = (row: Readonly<Record<string, unknown>>): boolean =>
  String(row['PrincipalId']).endsWith('44444444-4444-4444-8444-444444444405')
const node = (code: string): string[] => ['exec', '--', process.execPath, '-e', code]
const CALL = `
  const url = process.env.AZUREML_HARNESS_GATEWAY + process.argv[1]
  const headers = { authorization: 'Bearer ' + process.env.MLFLOW_TRACKING_TOKEN }
  process.stdout.write(String((await fetch(url, { headers })).status))`

let world: World
t.before(async () => {
  world = await startGateway()
})
t.teardown(() => world.close())

/** A home in which a persona is signed in. */
async function signedIn(t: Test, persona = 'scientist', ca = true): Promise<string> {
  const home = join(t.testdir(), 'home')
  await signIn(home, world, persona, ca ? world.lab.certificates.caFile : null)
  return home
}

/** What an Azure ML job finds in its environment: its runtime's variables, and its managed identity. */
function jobEnv(clientId: string): Record<string, string> {
  return {
    MSI_ENDPOINT: `${world.lab.urls.identity}/MSI/auth`,
    MSI_SECRET: world.lab.identities.secret,
    DEFAULT_IDENTITY_CLIENT_ID: clientId,
    AZUREML_ARM_SUBSCRIPTION: SUBSCRIPTION,
    AZUREML_ARM_RESOURCEGROUP: RESOURCE_GROUP,
    AZUREML_ARM_WORKSPACE_NAME: WORKSPACE,
    MLFLOW_TRACKING_URI: `azureml://eastus.api.azureml.ms/mlflow/v1.0${workspaceId()}`,
    MLFLOW_TRACKING_TOKEN: 'the-run-token',
    MLFLOW_TRACKING_USERNAME: 'somebody',
    MLFLOW_TRACKING_PASSWORD: 'something',
    MLFLOW_RUN_ID: 'run-1',
    MLFLOW_EXPERIMENT_NAME: 'experiment-1',
  }
}

const cluster = (): string => {
  const persona = PERSONAS.get('cluster')
  return persona?.kind === 'entra-compute' ? persona.clientId : ''
}

t.test('a child of exec sees the gateway in its environment', async (t) => {
  const home = await signedIn(t)
  const env = { AZUREML_HARNESS_HOME: home, KEPT: 'yes' }
  const args = ['exec', '--workspace', workspaceId(), '--', process.execPath, '-e', SHOW]
  const { status, out, err } = await start(args, env).ended
  t.equal(status, 0, err)
  const seen = JSON.parse(out) as Record<string, string>
  t.match(seen, {
    KEPT: 'yes',
    ARM_CLOUD_METADATA_URL: `${world.url}/metadata/endpoints?api-version=2019-05-01`,
    AZUREML_CURRENT_CLOUD: 'AzureMLHarness',
    REGISTRY_DISCOVERY_ENDPOINT_URL: `${world.url}/`,
    MLFLOW_TRACKING_URI: `${world.url}/mlflow/v1.0${workspaceId()}`,
    REQUESTS_CA_BUNDLE: join(home, 'ca-bundle.pem'),
    SSL_CERT_FILE: join(home, 'ca-bundle.pem'),
    NODE_EXTRA_CA_CERTS: world.lab.certificates.caFile,
  })
  t.equal(decodeJwt(seen['MLFLOW_TRACKING_TOKEN'] ?? '')['name'], 'Sofia Scientist')
})

t.test('the bundle of certificates holds the usual authorities and the own one', async (t) => {
  const home = await signedIn(t)
  const env = { AZUREML_HARNESS_HOME: home }
  await start(['env'], env).ended
  const file = join(home, 'ca-bundle.pem')
  const text = await readFile(file, 'utf8')
  t.ok(text.includes(world.lab.certificates.ca.trim()))
  t.ok(text.split('BEGIN CERTIFICATE').length > 50)
  t.equal((await stat(file)).mode & 0o777, 0o600)
  const network = await createNetwork(file, new AbortController().signal)
  t.teardown(() => network.close())
  t.equal((await network.fetch(`${world.url}/_harness/livez`)).status, 200)
})

t.test('without a private authority no variable about certificates is set', async (t) => {
  const home = await signedIn(t, 'scientist', false)
  const { out } = await run(['env', '--shell', 'json'], { env: { AZUREML_HARNESS_HOME: home } })
  const seen = JSON.parse(out) as Record<string, unknown>
  t.same(Object.keys(seen), [
    'AZUREML_HARNESS_GATEWAY',
    'ARM_CLOUD_METADATA_URL',
    'AZUREML_CURRENT_CLOUD',
    'REGISTRY_DISCOVERY_ENDPOINT_URL',
  ])
})

t.test('in a job the runtime’s MLflow variables are replaced and its run is kept', async (t) => {
  const env = {
    ...jobEnv(cluster()),
    AZUREML_HARNESS_HOME: join(t.testdir(), 'home'),
    AZUREML_HARNESS_GATEWAY: world.url,
    AZUREML_HARNESS_CA: world.lab.certificates.caFile,
  }
  const { status, out, err } = await start(['exec', '--', process.execPath, '-e', SHOW], env).ended
  t.equal(status, 0, err)
  const seen = JSON.parse(out) as Record<string, string>
  t.equal(
    seen['MLFLOW_TRACKING_URI'],
    `azureml://${new URL(world.url).host}/mlflow/v1.0${workspaceId()}`,
  )
  t.match(decodeJwt(seen['MLFLOW_TRACKING_TOKEN'] ?? ''), {
    azp: cluster(),
    xms_mirid: /cpu-cluster$/,
  })
  t.match(seen, { MLFLOW_RUN_ID: 'run-1', MLFLOW_EXPERIMENT_NAME: 'experiment-1' })
  t.notOk('MLFLOW_TRACKING_USERNAME' in seen)
  t.notOk('MLFLOW_TRACKING_PASSWORD' in seen)
})

t.test('a job calls the gateway under its compute’s managed identity', async (t) => {
  const env = {
    ...jobEnv(cluster()),
    AZUREML_HARNESS_HOME: join(t.testdir(), 'home'),
    AZUREML_HARNESS_CA: world.lab.certificates.caFile,
  }
  const path = `${workspaceId()}/jobs?api-version=2024-04-01`
  const call = [process.execPath, '--input-type=module', '-e', CALL, path]
  const ran = await start(['exec', '--gateway', world.url, '--', ...call], env).ended
  t.match(ran, { status: 0, out: '200' }, ran.err)
  t.ok((await world.rows((rows) => rows.some(isCluster))).length > 0)
})

t.test(
  'a job without a home of its own keeps its files in a private temporary place',
  async (t) => {
    const temporary = t.testdir({ blocked: '' })
    const env = {
      ...jobEnv(cluster()),
      HOME: join(temporary, 'blocked'),
      TMPDIR: temporary,
      AZUREML_HARNESS_GATEWAY: world.url,
      AZUREML_HARNESS_CA: world.lab.certificates.caFile,
    }
    const { status, out, err } = await start(node(SHOW), env).ended
    t.equal(status, 0, err)
    const bundle = (JSON.parse(out) as Record<string, string>)['REQUESTS_CA_BUNDLE'] ?? ''
    t.ok(bundle.startsWith(`${temporary}/azureml-harness-`))
    t.equal((await stat(join(bundle, '..'))).mode & 0o777, 0o700)
  },
)

t.test('a person’s sign-in goes before the compute’s identity', async (t) => {
  const home = await signedIn(t)
  const env = { ...jobEnv(cluster()), AZUREML_HARNESS_HOME: home }
  const { out } = await run(['token', '--json'], { env })
  t.equal((JSON.parse(out) as { source: string }).source, 'session')
})

t.test('a managed identity that gives no token is an error with its reason', async (t) => {
  const home = join(t.testdir(), 'home')
  const around = { AZUREML_HARNESS_HOME: home, AZUREML_HARNESS_GATEWAY: world.url }
  const unknown = await run(['token'], { env: { ...jobEnv('nobody'), ...around } })
  t.match(unknown, {
    status: 1,
    out: '',
    err: /no identity nobody[\s\S]*DEFAULT_IDENTITY_CLIENT_ID/,
  })
  const wrong = await run(['token'], {
    env: { ...jobEnv(cluster()), ...around, MSI_SECRET: 'canary' },
  })
  t.match(wrong, { status: 1, out: '', err: /status 401/ })
  t.notMatch(wrong.err, 'canary')
  const far = { ...jobEnv(cluster()), ...around, MSI_ENDPOINT: 'http://169.254.1.1/x' }
  t.match(await run(['token'], { env: far }), {
    status: 1,
    err: /neither https nor on this machine/,
  })
  const nowhere = { ...jobEnv(cluster()), AZUREML_HARNESS_HOME: home }
  t.match(await run(['token'], { env: nowhere }), { status: 1, err: /no gateway is named/ })
})

t.test('exec ends as its command ends', async (t) => {
  const env = { AZUREML_HARNESS_HOME: await signedIn(t) }
  t.equal((await start(node('process.exit(42)'), env).ended).status, 42)
  const killed = await start(node('process.kill(process.pid, "SIGKILL")'), env).ended
  t.equal(killed.status, 128 + 9)
  t.match(await start(['exec', '--', 'no-such-command-here'], env).ended, {
    status: 127,
    err: /no command "no-such-command-here"/,
  })
  t.equal((await start(['exec', '--', import.meta.filename], env).ended).status, 126)
  const help = await start(['exec', '--', process.execPath, '--help'], env).ended
  t.match(help, { status: 0, out: /Usage: node / })
})

t.test('signals go on to the command, more than one of them', async (t) => {
  const env = { AZUREML_HARNESS_HOME: await signedIn(t) }
  const code = `
    process.on('SIGINT', () => process.stdout.write('interrupted '))
    process.on('SIGHUP', () => process.stdout.write('hung up '))
    process.on('SIGTERM', () => { process.stdout.write('terminated'); process.exit(7) })
    setInterval(() => {}, 1000)
    process.stdout.write('ready ')`
  const child = start(['exec', '--', process.execPath, '-e', code], env)
  await child.saw('ready')
  child.kill('SIGINT')
  await child.saw('interrupted')
  child.kill('SIGHUP')
  await child.saw('hung up')
  child.kill('SIGTERM')
  t.match(await child.ended, { status: 7, out: 'ready interrupted hung up terminated' })
})

t.test('exec says what is missing before it runs anything', async (t) => {
  const home = join(t.testdir(), 'home')
  const env = { AZUREML_HARNESS_HOME: home }
  t.match(await run(['exec', '--', 'true'], { env }), { status: 1, err: /login --gateway/ })
  t.match(await run(['exec', 'true'], { env }), { status: 2, err: /after "--"/ })
  t.match(await run(['exec', '--nonsense', '--', 'true'], { env }), { status: 2 })
  t.match(await run(['exec', '--mlflow', 'x', '--', 'true'], { env }), { status: 2 })
  t.match(await run(['env', '--shell', 'fish'], { env }), { status: 2, err: /powershell/ })
  t.match(await run(['env', '--workspace', '/subscriptions/x; rm -rf /'], { env }), {
    status: 2,
    err: /not the ARM id/,
  })
})

const python3 =
  spawnSync('python3', ['--version']).error === undefined
    ? {}
    : { skip: 'there is no python3 on this machine' }

const NASTY = new Map([
  ['PLAIN', 'https://ml.contoso.example/'],
  ['NASTY', `'; echo "$HOME" \`id\` $(id) \\ ‘typographic’ é 𝕏 %PATH% !x`],
  ['GONE', null],
])

t.test('values come through a shell as they are', async (t) => {
  const script = `GONE=there\n${quote(NASTY, 'sh')}\nexec "$0" -e 'process.stdout.write(JSON.stringify(process.env))'`
  const { stdout } = spawnSync('sh', ['-c', script, process.execPath], { encoding: 'utf8' })
  const seen = JSON.parse(stdout) as Record<string, string>
  t.equal(seen['NASTY'], NASTY.get('NASTY'))
  t.equal(seen['PLAIN'], NASTY.get('PLAIN'))
  t.notOk('GONE' in seen)
})

t.test('values come through a Python cell as they are', python3, async (t) => {
  const cell = `${quote(NASTY, 'notebook')}\nimport json\nprint(json.dumps([os.environ["NASTY"], os.environ.get("GONE")]))`
  t.match(cell, /^[ -~\n]*$/, 'in ASCII, whatever the notebook’s encoding')
  const python = spawnSync('python3', ['-'], {
    input: cell,
    encoding: 'utf8',
    env: { ...process.env, GONE: 'there', PYTHONUTF8: '1' },
  })
  t.same(JSON.parse(python.stdout), [NASTY.get('NASTY'), null], python.stderr)
})

t.test('values for PowerShell stand between quotes that nothing in them can end', async (t) => {
  const [plain, nasty, gone] = quote(NASTY, 'powershell').split('\n')
  t.equal(plain, `$Env:PLAIN = 'https://ml.contoso.example/'`)
  t.ok(nasty?.startsWith(`$Env:NASTY = '''; echo "$HOME"`))
  t.ok(nasty?.includes('‘‘typographic’’'))
  t.equal(gone, 'Remove-Item Env:GONE -ErrorAction SilentlyContinue')
})

t.test('a value with control characters is refused in every form', async (t) => {
  for (const shell of ['sh', 'powershell', 'notebook', 'json'] as const)
    t.throws(() => quote(new Map([['A', 'x\ny']]), shell), { name: 'Problem' })
})
