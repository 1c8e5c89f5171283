/** `DefaultAzureCredential` of the published libraries finds the gateway's token in a child of `exec`, without code. */
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { decodeJwt } from 'jose'
import t, { type Test } from 'tap'
import {
  PERSONAS,
  RESOURCE_GROUP,
  SUBSCRIPTION,
  WORKSPACE,
  workspaceId,
} from '../../lab/personas.ts'
import { openIdentityEndpoint } from '../../src/cli/session/identity-endpoint.ts'
import { command, runCommand, said, settings } from '../clients/support/published.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { start } from './support/run.ts'
import { signIn } from './support/signed-in.ts'

t.setTimeout(300_000)

// the server behind the gateway
const hasMlflow = command('mlflow3').skip === false
const plugin = command('plugin3')

let world: World
t.before(async () => {
  world = await startGateway({ lab: { mlflow: hasMlflow, storage: hasMlflow } })
})
t.teardown(() => world.close())

/** The environment of somebody who is signed in. */
async function signedIn(t: Test): Promise<Record<string, string>> {
  const home = join(t.testdir(), 'home')
  await signIn(home, world)
  return { AZUREML_HARNESS_HOME: home }
}

const JAVASCRIPT = `
  import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning'
  import { DefaultAzureCredential } from '@azure/identity'
  const gateway = process.env.AZUREML_HARNESS_GATEWAY
  const options = { endpoint: gateway, credentialScopes: gateway + '/.default' }
  const client = new AzureMachineLearningWorkspaces(new DefaultAzureCredential(), '${SUBSCRIPTION}', options)
  const names = []
  for await (const one of client.jobs.list('${RESOURCE_GROUP}', '${WORKSPACE}')) names.push(one.name)
  process.stdout.write('listed ' + names.length)`

t.test('JavaScript: @azure/identity and @azure/arm-machinelearning, unchanged', async (t) => {
  const env = await signedIn(t)
  const child = [process.execPath, '--input-type=module', '-e', JAVASCRIPT]
  const { status, out, err } = await start(['exec', '--', ...child], env).ended
  t.equal(status, 0, err)
  t.match(out, /listed \d+/)
})

const PYTHON = `
from azure.ai.ml import MLClient
from azure.identity import DefaultAzureCredential
ml = MLClient(DefaultAzureCredential(), "${SUBSCRIPTION}", "${RESOURCE_GROUP}", "${WORKSPACE}")
print("listed", len(list(ml.jobs.list())))
`

const go = command('azidentity')
t.test('Go: azidentity and armmachinelearning, unchanged', { skip: go.skip }, async (t) => {
  const env = { ...(await signedIn(t)), ...(await settings(world, 'scientist')) }
  const { status, out, err } = await start(['exec', '--', go.file], env).ended
  t.equal(status, 0, err)
  t.match(out, /DefaultAzureCredential listed \d+\nManagedIdentityCredential listed \d+/)
})

const java = command('javaidentity')
t.test('Java: azure-identity, unchanged', { skip: java.skip }, async (t) => {
  // Java has a trust store of its own
  const store = join(world.lab.directory, 'trust.p12')
  // prettier-ignore
  const kept = await runCommand('keytool', [
    '-importcert', '-noprompt', '-alias', 'gateway', '-file', world.lab.certificates.caFile,
    '-keystore', store, '-storetype', 'PKCS12', '-storepass', 'changeit',
  ], { HOME: world.lab.directory })
  t.equal(kept.code, 0, said(kept))
  const folder = join(java.file, '..', '..')
  // prettier-ignore
  const child = [
    'java', `-Djavax.net.ssl.trustStore=${store}`, '-Djavax.net.ssl.trustStorePassword=changeit',
    '-cp', `${folder}/classes:${folder}/lib/*`, 'DefaultCredential',
  ]
  const env = { ...(await signedIn(t)), LAB_WORKSPACE_ID: workspaceId() }
  const { status, out, err } = await start(['exec', '--', ...child], env).ended
  t.equal(status, 0, err)
  t.match(out, /DefaultAzureCredential listed \d+\nManagedIdentityCredential listed \d+/)
})

/**
 * What .NET's libraries send, of which there is no runtime here: Azure.Identity's own client (AppServiceManagedIdentitySource),
 * and MSAL.NET's, which replaced it, with what it adds where a token was refused.
 */
const DOTNET = [
  '?api-version=2019-08-01&resource=',
  '?resource={}&api-version=2019-08-01',
  '?api-version=2019-08-01&resource={}&xms_cc=cp1&token_sha256_to_refresh=e3b0c44298fc1c14',
] as const

t.test('.NET: the bytes that its libraries send, and what they read of the answer', async (t) => {
  const token = 'a.b.c'
  const expiresAt = Date.UTC(2040, 0, 1)
  const gateway = 'https://gw.example.com'
  const endpoint = await openIdentityEndpoint({
    gateway,
    env: {},
    credential: async () => ({
      gateway,
      token,
      expiresAt,
      caFile: null,
      home: '',
      source: 'session' as const,
    }),
    storage: async () => ({ token: 'storage', expiresAt }),
  })
  t.teardown(() => endpoint.close())
  const { hostname, port, pathname } = new URL(endpoint.variables.get('IDENTITY_ENDPOINT') ?? '')
  const secret = endpoint.variables.get('IDENTITY_HEADER') ?? ''
  t.equal(endpoint.variables.get('IDENTITY_SERVER_THUMBPRINT'), null, 'or it is Service Fabric')
  for (const query of DOTNET) {
    for (const resource of [gateway, `${gateway}/`]) {
      const name = encodeURIComponent(resource)
      const asked = query.includes('{}') ? query.replace('{}', name) : query + name
      const bytes = await exchange(Number(port), hostname, [
        `GET ${pathname}${asked} HTTP/1.1`,
        `Host: ${hostname}:${port}`,
        `X-IDENTITY-HEADER: ${secret}`,
        'Accept: application/json',
        'User-Agent: azsdk-net-Identity/1.21.0 (.NET 10.0.0; Debian GNU/Linux 12)',
        'x-ms-client-request-id: 0f8fad5b-d9cb-469f-a165-70867728950e',
        'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
        'Connection: close',
      ])
      const [head = '', body = ''] = bytes.split('\r\n\r\n')
      t.match(head, /^HTTP\/1\.1 200 [^]*\r\ncontent-type: application\/json/i)
      const answer = JSON.parse(body) as Record<string, unknown>
      t.equal(answer['access_token'], token)
      // seconds since 1970, as text that is a number
      t.equal(answer['expires_on'], String(expiresAt / 1000))
      t.equal(answer['token_type'], 'Bearer')
    }
  }
})

/** What a server answers to these lines, until it closes. */
async function exchange(port: number, host: string, lines: readonly string[]): Promise<string> {
  const socket = connect(port, host)
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  return text(socket)
}

const MLFLOW = `
import mlflow
mlflow.set_experiment("by-exec")
with mlflow.start_run() as run:
    mlflow.log_param("depth", 3)
    mlflow.log_metric("loss", 0.25)
store = type(mlflow.tracking._tracking_service.utils._get_store()).__name__
print(store, mlflow.get_run(run.info.run_id).data.params["depth"])
`

t.test(
  'Python: azureml-mlflow, whose workspace is given by name',
  { skip: hasMlflow ? plugin.skip : command('mlflow3').skip },
  async (t) => {
    const { HTTP_PROXY = '', HTTPS_PROXY = '' } = await settings(world, 'scientist')
    const env = {
      ...(await signedIn(t)),
      HTTP_PROXY,
      HTTPS_PROXY,
      NO_PROXY: 'localhost',
      MLFLOW_DISABLE_TELEMETRY: 'true',
    }
    const args = ['--mlflow', 'azureml', '--workspace', WORKSPACE]
    const child = [plugin.file, '-c', MLFLOW]
    const { status, out, err } = await start(['exec', ...args, '--', ...child], env).ended
    t.equal(status, 0, err)
    t.match(out, /^AzureMLRestStore 3$/m)
  },
)

const python = command('python')
t.test('Python: azure-identity and azure-ai-ml, unchanged', { skip: python.skip }, async (t) => {
  // with a proxy that must not be asked, as in a company's network
  const { HTTP_PROXY = '', HTTPS_PROXY = '' } = await settings(world, 'scientist')
  const env = { ...(await signedIn(t)), HTTP_PROXY, HTTPS_PROXY, NO_PROXY: 'localhost' }
  const { status, out, err } = await start(['exec', '--', python.file, '-c', PYTHON], env).ended
  t.equal(status, 0, err)
  t.match(out, /listed \d+/)
})

const ASK = `
  const { IDENTITY_ENDPOINT, IDENTITY_HEADER, AZUREML_HARNESS_GATEWAY } = process.env
  const ask = async (resource) => {
    const url = IDENTITY_ENDPOINT + '?api-version=2019-08-01&resource=' + encodeURIComponent(resource)
    const answer = await fetch(url, { headers: { 'x-identity-header': IDENTITY_HEADER } })
    return { status: answer.status, body: await answer.json() }
  }
  const all = {
    gateway: await ask(AZUREML_HARNESS_GATEWAY + '/'),
    storage: await ask('https://storage.azure.com/'),
    arm: await ask('https://management.azure.com/'),
  }
  process.stdout.write(JSON.stringify(all))`

t.test('a person has tokens for the gateway, and for nothing else', async (t) => {
  const env = await signedIn(t)
  const child = [process.execPath, '--input-type=module', '-e', ASK]
  const { status, out, err } = await start(['exec', '--', ...child], env).ended
  t.equal(status, 0, err)
  const { gateway, storage, arm } = JSON.parse(out)
  t.match(gateway, { status: 200, body: { token_type: 'Bearer', expires_on: /^\d{10}$/ } })
  t.equal(decodeJwt(gateway.body.access_token)['name'], 'Sofia Scientist')
  t.match(storage, { status: 400, body: { message: /tokens for https:\S+ only;/ } })
  t.equal(arm.status, 400)
})

t.test('a job has those of its compute for storage, too', async (t) => {
  const persona = PERSONAS.get('cluster')
  const env = {
    MSI_ENDPOINT: `${world.lab.urls.identity}/MSI/auth`,
    MSI_SECRET: world.lab.identities.secret,
    DEFAULT_IDENTITY_CLIENT_ID: persona?.kind === 'entra-compute' ? persona.clientId : '',
    AZUREML_HARNESS_HOME: join(t.testdir(), 'home'),
    AZUREML_HARNESS_GATEWAY: world.url,
    AZUREML_HARNESS_CA: world.lab.certificates.caFile,
  }
  const child = [process.execPath, '--input-type=module', '-e', ASK]
  const { status, out, err } = await start(['exec', '--', ...child], env).ended
  t.equal(status, 0, err)
  const { gateway, storage, arm } = JSON.parse(out)
  t.match(decodeJwt(gateway.body.access_token), { xms_mirid: /cpu-cluster$/ })
  // the lab's compute gives every token for one audience: here counts that it was asked
  t.match(storage, { status: 200, body: { resource: 'https://storage.azure.com' } })
  t.equal(arm.status, 400)
})

t.test('who does not know the secret, or comes by another name, gets nothing', async (t) => {
  let asked = 0
  const endpoint = await openIdentityEndpoint({
    gateway: 'https://gw.example.com',
    env: {},
    storage: async () => {
      throw new Error('canary')
    },
    credential: async () => {
      asked += 1
      throw new Error('canary')
    },
  })
  t.teardown(() => endpoint.close())
  const url = `${endpoint.variables.get('IDENTITY_ENDPOINT')}?resource=https://gw.example.com`
  const secret = endpoint.variables.get('IDENTITY_HEADER') ?? ''
  const send = async (
    headers: Record<string, string>,
    more = '',
  ): Promise<{ status: number; body: string }> => {
    const sent = request(url + more, { headers }).end()
    const answers: IncomingMessage[] = await once(sent, 'response')
    const [answer] = answers
    if (answer === undefined) throw new Error('no answer')
    return { status: answer.statusCode ?? 0, body: await text(answer) }
  }
  t.equal((await send({})).status, 401)
  t.equal((await send({ 'x-identity-header': secret.replace(/.$/, 'x') })).status, 401)
  t.equal((await send({ 'x-identity-header': secret, host: 'evil.example' })).status, 401)
  t.equal((await send({ 'x-identity-header': secret }, '&resource=x')).status, 400)
  t.equal(asked, 0)
  const failed = await send({ 'x-identity-header': secret })
  t.equal(failed.status, 400)
  t.notMatch(failed.body, 'canary')
  t.equal(asked, 1)
})
