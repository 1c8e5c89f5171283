/**
 * The published Azure CLI: the gateway as a cloud that it was told of, and calls by `az rest`.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startGateway, type World } from '../support/gateway.ts'
import { PERSONAS, workspaceId } from '../../lab/personas.ts'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import { createShown } from './support/shown.ts'
import {
  environment,
  runCommand,
  said,
  settings,
  throughTheGateway,
  type Settings,
  type Tap,
} from './support/published.ts'

/** `az login` lists subscriptions, which no binding on a workspace reaches: the policy of docs/clients.md. */
const DOCUMENT = await readFile(new URL('../../docs/clients.md', import.meta.url), 'utf8')
const LOGIN = /```cedar\n(@id\("az-login"\)[^]*?)```/.exec(DOCUMENT)?.[1] ?? ''

const file = environment(t, 'az')
if (file !== null) {
  t.setTimeout(600_000)
  let world: World
  let home: string
  t.before(async () => {
    home = await mkdtemp(join(tmpdir(), 'azureml-harness-az-'))
    const directory = join(home, 'policies')
    await cp(new URL('../../policies', import.meta.url), directory, { recursive: true })
    await writeFile(join(directory, 'az-login.cedar'), LOGIN)
    const change = (config: ConfigFile): ConfigFile => ({
      ...config,
      policies: { ...config.policies, directory },
    })
    world = await startGateway({ lab: { storage: true }, gateway: { change } })
  })
  t.teardown(async () => {
    // a process that az leaves behind writes into it for a moment
    await rm(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 })
    await world.close()
  })

  /** Runs `az` and gives what it printed as JSON; null if it printed nothing. */
  const az = async (t: Tap, env: Settings, ...args: string[]): Promise<unknown> => {
    const done = await runCommand(file, [...args, '--output', 'json'], {
      ...env,
      HOME: home,
      AZURE_CORE_COLLECT_TELEMETRY: 'false',
    })
    t.equal(done.code, 0, `az ${args.slice(0, 2).join(' ')} ends well`, { said: said(done) })
    return done.stdout.trim() === '' ? null : (JSON.parse(done.stdout) as unknown)
  }
  /** `az` keeps what it knows of clouds and accounts here: each test begins anew. */
  const settled = async (persona: string, name: string): Promise<Record<string, string>> => {
    const { ARM_CLOUD_METADATA_URL: _, ...env } = await settings(world, persona)
    return { ...env, AZURE_CONFIG_DIR: join(home, name) }
  }
  const job = {
    properties: {
      jobType: 'Command',
      command: 'python train.py',
      environmentId: 'azureml:sklearn:1',
      computeId: 'azureml:cpu-cluster',
    },
  }
  const jobs = `${workspaceId()}/jobs`
  const version = 'api-version=2024-04-01'

  t.test('a registered cloud and a token of its own: az rest writes and reads', async (t) => {
    await world.clear()
    const env = await settled('scientist', 'registered')
    // prettier-ignore
    await az(
      t, env, 'cloud', 'register', '--name', 'AzureMLHarness',
      '--endpoint-resource-manager', world.url,
      '--endpoint-active-directory', 'https://login.microsoftonline.com',
      '--endpoint-active-directory-resource-id', world.url,
      '--endpoint-active-directory-graph-resource-id', 'https://graph.windows.net/',
    )
    await az(t, env, 'cloud', 'set', '--name', 'AzureMLHarness')
    const token = [
      '--skip-authorization-header',
      '--headers',
      `Authorization=Bearer ${env['LAB_TOKEN'] ?? ''}`,
    ]
    const put = ['rest', '--method', 'put', '--uri', `${jobs}/by-az?${version}`]
    const made = await az(t, env, ...put, '--body', JSON.stringify(job), ...token)
    t.match(made, { name: 'by-az', properties: { jobType: 'Command' } })
    const listed = await az(
      t,
      env,
      'rest',
      '--method',
      'get',
      '--uri',
      `${jobs}?${version}`,
      ...token,
    )
    t.match(listed, { value: [{ name: 'by-az' }] })
    throughTheGateway(t, world, env)
  })

  t.test('the metadata document alone, and the login of a cluster: az rest reads', async (t) => {
    await world.clear()
    const cluster = PERSONAS.get('cluster')
    const clientId = cluster?.kind === 'entra-compute' ? cluster.clientId : ''
    const env = {
      ...(await settled('cluster', 'metadata')),
      ARM_CLOUD_METADATA_URL: `${world.url}/metadata/endpoints?api-version=2019-05-01`,
      MSI_ENDPOINT: `${world.lab.urls.identity}/MSI/auth`,
      MSI_SECRET: world.lab.identities.secret,
      DEFAULT_IDENTITY_CLIENT_ID: clientId,
    }
    t.match(await az(t, env, 'cloud', 'show'), {
      name: 'AzureMLHarness',
      endpoints: { resourceManager: `${world.url}/`, activeDirectoryResourceId: world.url },
    })
    // prettier-ignore
    await az(t, env, 'login', '--identity', '--client-id', clientId, '--allow-no-subscriptions')
    const got = await az(t, env, 'rest', '--method', 'get', '--uri', `${jobs}/by-az?${version}`)
    t.match(got, { name: 'by-az' })
    throughTheGateway(t, world, env)
  })

  t.test('the table of clients says so', async (t) => {
    const shown = createShown(world, import.meta.url)
    const done = await runCommand(file, ['version', '--output', 'json'], { HOME: home })
    const { 'azure-cli': version } = JSON.parse(done.stdout) as Record<string, string>
    await shown.add('az', String(version))
    shown.compare(t)
  })
}
