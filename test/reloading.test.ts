import { cp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { workspaceId } from '../lab/personas.ts'
import { startGateway, type Row, type World } from './support/gateway.ts'
import { eventually } from './support/eventually.ts'
import { withMetrics } from './support/trail.ts'
import { freePort } from '../lab/server/free-port.ts'

const ROOT = join(import.meta.dirname, '..')
const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`

let operatorsPort: number

/** A gateway over policies of its own, laid out as a Kubernetes ConfigMap is: everything behind one link. */
async function startWith(t: Test): Promise<{ world: World; mount: string; data: string }> {
  const mount = t.testdir({ first: {} })
  const data = join(mount, 'first')
  await cp(join(ROOT, 'policies'), data, { recursive: true })
  await cp(join(ROOT, 'lab', 'gateway', 'bindings.yaml'), join(data, 'bindings.yaml'))
  await symlink('first', join(mount, '..data'))
  const directory = join(mount, '..data')
  operatorsPort = await freePort()
  const world = await startGateway({
    gateway: {
      change: (config) => ({
        ...withMetrics(operatorsPort)(config),
        policies: { directory, bindings: join(directory, 'bindings.yaml') },
      }),
    },
  })
  t.teardown(() => world.close())
  return { world, mount, data }
}

/** Status and policy version of a call of the reader's. */
async function ask(world: World): Promise<number> {
  const authorization = `Bearer ${await world.lab.token('reader')}`
  return (await world.send(JOBS, { headers: { authorization } })).status
}

async function version(): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${operatorsPort}/readyz`)
  return ((await answer.json()) as { policyVersion: unknown }).policyVersion
}

const reloads = async (world: World): Promise<Row[]> =>
  (await world.allRecords()).filter((row) => row['Event'] === 'policy_reload')

const nthReload = (world: World, n: number): Promise<Row> =>
  eventually(`reload ${n}`, async () => (await reloads(world))[n - 1])

async function edit(file: string, change: (text: string) => string): Promise<void> {
  await writeFile(file, change(await readFile(file, 'utf8')))
}

t.test('changed bindings take effect without a restart, and the change is recorded', async (t) => {
  const { world, data } = await startWith(t)
  const before = await version()
  t.equal(await ask(world), 200)
  await edit(join(data, 'bindings.yaml'), (text) =>
    text.replace('"okta/ml-readers"', '"okta/others"'),
  )
  const { Detail } = await nthReload(world, 1)
  const after = await version()
  t.match(Detail, { trigger: 'files', outcome: 'changed', before, version: after })
  t.not(after, before)
  t.equal(await ask(world), 403)
  await edit(join(data, 'bindings.yaml'), (text) =>
    text.replace('"okta/others"', '"okta/ml-readers"'),
  )
  t.match((await nthReload(world, 2))['Detail'], { outcome: 'changed', version: before })
  t.equal(await ask(world), 200)
})

/** git-sync names a folder by its commit. */
const COMMIT = '0123456789abcdef0123456789abcdef01234567'

t.test('a swapped link is a change, as when Kubernetes renews a ConfigMap', async (t) => {
  const { world, mount, data } = await startWith(t)
  await cp(data, join(mount, COMMIT), { recursive: true })
  await edit(join(mount, COMMIT, 'bindings.yaml'), (text) =>
    text.replace('"okta/ml-readers"', '"okta/others"'),
  )
  await symlink(COMMIT, join(mount, 'next'))
  await rename(join(mount, 'next'), join(mount, '..data'))
  t.match((await nthReload(world, 1))['Detail'], { outcome: 'changed', commit: COMMIT })
  t.equal(await ask(world), 403)
  const [start] = (await world.allRecords()).filter((row) => row['Event'] === 'start')
  t.notMatch(start?.['Detail'], { commit: String }, 'the folder before was not named by one')
})

t.test('a broken file changes nothing, and log and record say so', async (t) => {
  const { world, data } = await startWith(t)
  const before = await version()
  await edit(join(data, 'templates', 'reader.cedar'), (text) => text.replace('permit', 'premit'))
  const { Detail } = await nthReload(world, 1)
  t.match(Detail, { outcome: 'kept', version: before, faults: /templates\/reader\.cedar:\d+/ })
  t.match(world.gateway.logs(), 'the last good ones stay in force')
  t.equal(await version(), before)
  t.equal(await ask(world), 200)
})

t.test('a directory that is deleted changes nothing either, and may come back', async (t) => {
  const { world, mount, data } = await startWith(t)
  const before = await version()
  await cp(data, join(mount, 'copy'), { recursive: true })
  await rm(data, { recursive: true })
  t.match((await nthReload(world, 1))['Detail'], { outcome: 'kept', faults: /does not exist/ })
  t.equal(await version(), before)
  t.equal(await ask(world), 200)
  await edit(join(mount, 'copy', 'bindings.yaml'), (text) =>
    text.replace('"okta/ml-readers"', '"okta/others"'),
  )
  await rename(join(mount, 'copy'), data)
  t.match((await nthReload(world, 2))['Detail'], { outcome: 'changed' })
  t.equal(await ask(world), 403)
})

t.test('SIGHUP has them read again at once', async (t) => {
  const { world, data } = await startWith(t)
  process.kill(world.gateway.pid, 'SIGHUP')
  await eventually('the log line', async () =>
    world.gateway.logs().includes('the policies were read again: unchanged') ? true : undefined,
  )
  t.same(await reloads(world), [], 'what changed nothing is not recorded')
  await edit(join(data, 'bindings.yaml'), (text) =>
    text.replace('"okta/ml-readers"', '"okta/others"'),
  )
  process.kill(world.gateway.pid, 'SIGHUP')
  t.match((await nthReload(world, 1))['Detail'], { outcome: 'changed' })
  t.equal(await ask(world), 403)
})
