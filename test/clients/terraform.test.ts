/**
 * Terraform as far as the metadata document goes: it finds the gateway by `metadata_host` and asks for its tokens.
 *
 * The rest of Terraform (storage accounts, its providers) is not Azure Machine Learning and not served.
 */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startGateway, type World } from '../support/gateway.ts'
import { RESOURCE_GROUP, SUBSCRIPTION, TENANT } from '../../lab/personas.ts'
import { runCommand, said, settings } from './support/published.ts'

t.setTimeout(300_000)
let world: World
t.before(async () => {
  world = await startGateway({ lab: { storage: true } })
})
t.teardown(() => world.close())

t.test('the document is one object with what go-azure-sdk insists on', async (t) => {
  const answer = await world.send('/metadata/endpoints?api-version=2022-09-01')
  t.equal(answer.status, 200)
  t.match(JSON.parse(answer.text), {
    name: 'AzureMLHarness',
    resourceManager: `${world.url}/`,
    microsoftGraphResourceId: 'https://graph.microsoft.com/',
    authentication: { tenant: 'common', identityProvider: 'AAD', audiences: [world.url] },
  })
})

t.test('what the provider asks at its start is answered as the documents say', async (t) => {
  const authorization = `Bearer ${await world.lab.token('scientist')}`
  const subscription = `/subscriptions/${SUBSCRIPTION}`
  for (const [method, path, code] of [
    ['GET', `${subscription}/providers`, 'unknown_operation'],
    ['POST', `${subscription}/providers/Microsoft.Storage/register`, 'unknown_operation'],
    [
      'POST',
      `${subscription}/providers/Microsoft.MachineLearningServices/register`,
      'policy_refused',
    ],
    ['PUT', `${subscription}/resourceGroups/rg-new`, 'method_not_allowed'],
    ['GET', `${subscription}/resourceGroups/${RESOURCE_GROUP}`, 'policy_refused'],
    [
      'PUT',
      `${subscription}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/s`,
      'unknown_operation',
    ],
  ] as const) {
    const answer = await world.send(`${path}?api-version=2022-09-01`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(method === 'PUT' ? { body: '{}' } : {}),
    })
    t.equal(answer.code, code, `${method} ${path}: ${answer.text}`)
  }
})

// it is no package of npm or PyPI, so there is nothing that could install it here
const found = spawnSync('terraform', ['version'], { stdio: 'ignore' }).status === 0
const skip = found ? false : 'there is no terraform on PATH'
t.test('terraform init finds the gateway and asks for its tokens', { skip }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'azureml-harness-terraform-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const { lab } = world
  const backend = {
    metadata_host: new URL(world.url).host,
    subscription_id: SUBSCRIPTION,
    tenant_id: TENANT,
    resource_group_name: RESOURCE_GROUP,
    storage_account_name: 'labstorage',
    container_name: 'state',
    key: 'state',
    use_msi: true,
    msi_endpoint: `${lab.urls.identity}/msi/token`,
    lookup_blob_endpoint: true,
  }
  const main = { terraform: { backend: { azurerm: backend } } }
  await writeFile(join(folder, 'main.tf.json'), JSON.stringify(main))
  const done = await runCommand('terraform', ['init', '-input=false', '-no-color'], {
    ...(await settings(world, 'scientist')),
    HOME: folder,
    CHECKPOINT_DISABLE: '1',
  })
  t.not(done.code, 0, 'the account of its state is not served here', { said: said(done) })
  const asked = lab.parts.get('identity')?.journal.entries() ?? []
  t.ok(
    asked.some(({ url }) => url.includes(`resource=${encodeURIComponent(`${world.url}/`)}`)),
    'a token for the gateway was asked for',
  )
  t.same(lab.storage?.egress.tried(), [], 'nothing else was asked for')
})
