/** A child of `exec` gets the person's own tokens for storage, where the operators and the issuer let it. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import t, { type Test } from 'tap'
import { DATASTORE_CONTAINER, STORAGE_HOST } from '../../lab/azure/storage.ts'
import { spawnGateway } from '../../lab/gateway/gateway.ts'
import { withStorageTokens } from '../../lab/gateway/harness-config.ts'
import { PERSONAS, RESOURCE_GROUP, SUBSCRIPTION, TENANT, WORKSPACE } from '../../lab/personas.ts'
import { command, settings } from '../clients/support/published.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { browse } from './support/browse.ts'
import { run, start } from './support/run.ts'

t.setTimeout(120_000)
const python = command('python')

let world: World
t.before(async () => {
  world = await startGateway({
    lab: { storage: python.skip === false },
    gateway: { change: withStorageTokens },
  })
})
t.teardown(() => world.close())

type Name = 'entra' | 'okta'

/** Signs in through the browser flow; the environment of who has done so. */
async function signIn(
  t: Test,
  gateway = world.url,
  issuer: Name = 'entra',
  persona = 'scientist',
): Promise<Record<string, string>> {
  const env = { AZUREML_HARNESS_HOME: join(t.testdir(), 'home') }
  const { ca, caFile } = world.lab.certificates
  const visits: Promise<unknown>[] = []
  const args = ['--gateway', gateway, '--issuer', issuer, '--flow', 'browser', '--no-open']
  const ran = await run(['login', ...args, '--ca', caFile], {
    env,
    onErr(line) {
      const [, url] = /^To sign in, open (\S+)$/.exec(line) ?? []
      if (url !== undefined) visits.push(browse(url, persona, ca))
    },
  })
  await Promise.all(visits)
  t.equal(ran.status, 0, ran.err)
  return env
}

const ASK = `
  const { IDENTITY_ENDPOINT, IDENTITY_HEADER, AZUREML_HARNESS_GATEWAY } = process.env
  const ask = async (resource) => {
    const url = IDENTITY_ENDPOINT + '?api-version=2019-08-01&resource=' + encodeURIComponent(resource)
    const answer = await fetch(url, { headers: { 'x-identity-header': IDENTITY_HEADER } })
    return { status: answer.status, body: await answer.json() }
  }
  const names = ['https://storage.azure.com/', 'https://storage.azure.com', AZUREML_HARNESS_GATEWAY]
    .concat('https://management.azure.com', 'https://storage.azure.com.evil.example', 'https://vault.azure.net')
  const all = []
  for (const name of names) all.push(await ask(name))
  process.stdout.write(JSON.stringify(all))`

interface Answered {
  readonly status: number
  readonly body: Readonly<Record<string, string>>
}

async function ask(t: Test, env: Record<string, string>): Promise<readonly Answered[]> {
  const child = [process.execPath, '--input-type=module', '-e', ASK]
  const { status, out, err } = await start(['exec', '--', ...child], env).ended
  t.equal(status, 0, err)
  return JSON.parse(out) as readonly Answered[]
}

const sessionOf = async (env: Record<string, string>): Promise<Record<string, unknown>> => {
  const text = await readFile(join(env['AZUREML_HARNESS_HOME'] ?? '', 'sessions.json'), 'utf8')
  return (JSON.parse(text) as [Record<string, unknown>])[0]
}

t.test('a person who is signed in at Entra ID has tokens of their own for storage', async (t) => {
  const env = await signIn(t)
  const before = await sessionOf(env)
  const [storage, again, gateway, arm, foreign, vault] = await ask(t, env)
  t.match(storage, { status: 200, body: { token_type: 'Bearer', expires_on: /^\d{10}$/ } })
  const persona = PERSONAS.get('scientist')
  t.match(decodeJwt(storage?.body['access_token'] ?? ''), {
    aud: 'https://storage.azure.com',
    iss: `https://sts.windows.net/${TENANT}/`,
    oid: persona?.kind === 'entra-user' ? persona.oid : '',
    scp: 'user_impersonation',
  })
  t.same(again, storage, 'asked for once')
  const own = decodeJwt(gateway?.body['access_token'] ?? '')
  t.not(own.aud, 'https://storage.azure.com')
  for (const other of [arm, foreign, vault])
    t.match(other, { status: 400, body: { message: /and for nothing else;/ } })
  const after = await sessionOf(env)
  t.equal(after['accessToken'], before['accessToken'], 'the sign-in at the gateway stays')
  t.same(after['scopes'], before['scopes'])
  t.type(after['refreshToken'], 'string')
})

t.test('without the operators, or with another issuer, there is none, in words', async (t) => {
  const closed = await spawnGateway(world.lab, {
    configFile: join(world.lab.directory, 'closed.yaml'),
    spool: join(world.lab.directory, 'closed'),
  })
  t.teardown(() => closed.stop())
  const own =
    /your sign-in gives tokens for https:\S+ only; .*AzureCliCredential.*issuers\[\].cli.storage/
  for (const [gateway, issuer, persona] of [
    [closed.url, 'entra', 'scientist'],
    [world.url, 'okta', 'reader'],
  ] as const) {
    const [storage] = await ask(t, await signIn(t, gateway, issuer, persona))
    t.match(storage, { status: 400, body: { message: own } }, issuer)
  }
})

t.test('a token that an issuer gives for something else goes nowhere', async (t) => {
  const env = await signIn(t)
  const file = join(env['AZUREML_HARNESS_HOME'] ?? '', 'sessions.json')
  // an issuer that ignores what is asked for: this profile names no scope
  const text = (await readFile(file, 'utf8')).replace('"profile": "entra"', '"profile": "oidc"')
  await writeFile(file, text)
  const [storage] = await ask(t, env)
  t.match(storage, { status: 400, body: { message: /gave a token that is not for/ } })
  t.notMatch(JSON.stringify(storage), /eyJ/)
})

t.test('without anything to renew a sign-in with, it says to sign in again', async (t) => {
  const env = await signIn(t)
  const file = join(env['AZUREML_HARNESS_HOME'] ?? '', 'sessions.json')
  const sessions = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>[]
  await writeFile(file, JSON.stringify(sessions.map((one) => ({ ...one, refreshToken: null }))))
  const [storage] = await ask(t, env)
  t.match(storage, { status: 400, body: { message: /sign in again: azureml-harness login/ } })
})

const DOWNLOAD = `
from pathlib import Path
from tempfile import TemporaryDirectory
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Model
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobClient

credential = DefaultAzureCredential()
blob = BlobClient("https://${STORAGE_HOST}", "${DATASTORE_CONTAINER}", "exec/hello.txt", credential=credential)
print("blob", blob.download_blob().readall().decode())
ml = MLClient(credential, "${SUBSCRIPTION}", "${RESOURCE_GROUP}", "${WORKSPACE}")
with TemporaryDirectory() as folder:
    file = Path(folder, "weights.bin")
    file.write_bytes(b"weights" * 1000)
    ml.models.create_or_update(Model(name="by-exec", version="1", path=str(file), type="custom_model"))
with TemporaryDirectory() as folder:
    ml.models.download("by-exec", version="1", download_path=folder)
    files = [one for one in Path(folder).rglob("*") if one.is_file()]
    print("model", [one.read_bytes() == b"weights" * 1000 for one in files])
`

t.test(
  'azure-storage-blob and azure-ai-ml read data and models with DefaultAzureCredential',
  { skip: python.skip },
  async (t) => {
    await world.lab.storage?.azurite.putBlob(DATASTORE_CONTAINER, 'exec/hello.txt', 'hello')
    const { HTTP_PROXY = '', HTTPS_PROXY = '' } = await settings(world, 'scientist')
    const env = { ...(await signIn(t)), HTTP_PROXY, HTTPS_PROXY, NO_PROXY: 'localhost' }
    const child = [python.file, '-c', DOWNLOAD]
    const { status, out, err } = await start(['exec', '--', ...child], env).ended
    t.equal(status, 0, err)
    t.match(out, /^blob hello$/m)
    t.match(out, /^model \[True\]$/m)
    const reads = (world.lab.storage?.requests() ?? []).filter(
      ({ method, url }) => method === 'GET' && /hello\.txt|weights\.bin/.test(url),
    )
    t.ok(reads.length >= 2)
    const persona = PERSONAS.get('scientist')
    const oid = persona?.kind === 'entra-user' ? persona.oid : ''
    for (const { claims } of reads) t.match(claims, { aud: 'https://storage.azure.com', oid })
  },
)
