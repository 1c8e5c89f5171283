/**
 * SDK v1 (`azureml-core`) as far as it goes: told where the gateway is by Azure's metadata document and discovery.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import { TENANT } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { createShown, type Shown } from './support/shown.ts'
import { environment, runScript, said, settings, throughTheGateway } from './support/published.ts'

/** Like `az login`, it lists subscriptions first: the policy of docs/clients.md. */
const DOCUMENT = await readFile(new URL('../../docs/clients.md', import.meta.url), 'utf8')
const LOGIN = /```cedar\n(@id\("az-login"\)[^]*?)```/.exec(DOCUMENT)?.[1] ?? ''

const file = environment(t, 'v1')
if (file !== null) {
  t.setTimeout(600_000)
  let world: World
  let shown: Shown
  let home: string
  t.before(async () => {
    home = await mkdtemp(join(tmpdir(), 'azureml-harness-v1-'))
    const directory = join(home, 'policies')
    await cp(new URL('../../policies', import.meta.url), directory, { recursive: true })
    await writeFile(join(directory, 'az-login.cedar'), LOGIN)
    const change = (config: ConfigFile): ConfigFile => ({
      ...config,
      policies: { ...config.policies, directory },
    })
    world = await startGateway({ lab: { storage: true }, gateway: { change } })
    shown = createShown(world, import.meta.url)
  })
  t.teardown(async () => {
    await world.close()
    await rm(home, { recursive: true, force: true })
  })

  t.test(
    'an experiment, its runs and a model; what is not served is refused by name',
    async (t) => {
      const env = await settings(world, 'scientist')
      const done = await runScript(file, 'sdk_v1.py', env)
      t.equal(done.code, 0, 'sdk_v1.py ends well', { said: said(done) })
      const { result } = done
      t.match(result, {
        workspace: 'ws-lab',
        audiences: [world.url],
        files: ['outputs/notes.txt'],
        found: result?.['run'],
        runs: [result?.['run']],
        model: 1,
        tags: ['a', 'b'],
        stamped: true,
        models: ['v1'],
        refused: {
          workspaces: 'unknown_operation',
          computes: 'unknown_operation',
          datastores: 'secrets_refused',
          environments: 'bad_path',
          download: 'was not found',
        },
      })
      const stored = world.lab.storage?.requests() ?? []
      t.ok(
        stored.some(({ method, url }) => method === 'PUT' && /\/notes\.txt\?.*sig=/.test(url)),
        'the file of the run went to storage by SAS',
      )
      throughTheGateway(t, world, env)
      await shown.add('azureml-core', String(result?.['version']))
    },
  )

  t.test('who may only read starts no run', async (t) => {
    await world.clear()
    // SDK v1 reads the tenant in the token, which Okta's have only if they are told to
    const token = await world.lab.token('reader', { claims: { tid: TENANT } })
    const env = { ...(await settings(world, 'reader')), LAB_TOKEN: token }
    const done = await runScript(file, 'sdk_v1.py', env)
    t.not(done.code, 0)
    const rows = (await world.allRecords()).filter(({ RecordKind }) => RecordKind === 'refused')
    t.match(rows.at(-1), { RefusalCode: 'policy_refused', Effect: 'write' }, said(done))
    t.same([...new Set(world.lab.requests().map(({ method }) => method))], ['GET'], 'only reads')
    throughTheGateway(t, world, env)
    await shown.skip()
  })

  t.test('the table of clients says so', async (t) => shown.compare(t))
}
