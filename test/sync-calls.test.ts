/**
 * No call waits for a disk on the event loop: neither requests nor what the gateway does each second (the lock's sign of
 * life, free space, cursors, the deny list, checkpoints) call the operating system about files synchronously.
 */
import { appendFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { workspaceId } from '../lab/personas.ts'
import { eventually } from './support/eventually.ts'
import { startGateway } from './support/gateway.ts'
import { syncCallsOf } from './support/sync-calls.ts'

const PATH = `${workspaceId()}/jobs/sync-calls?api-version=2024-04-01`
const JOB = JSON.stringify({ properties: { jobType: 'Command' } })
const CALLS = 50
/** Signs of life of the lock, one a second. */
const BEATS = 4

t.setTimeout(120_000)

const denyListFile = join(t.testdir({}), 'deny.txt')
writeFileSync(denyListFile, '# nobody\n')
const world = await startGateway({
  gateway: {
    execArgv: ['--import', new URL('support/sync-calls.ts', import.meta.url).href],
    change: (config) => ({ ...config, denyListFile }),
  },
})
t.teardown(() => world.close())
const headers = {
  authorization: `Bearer ${await world.lab.token('scientist')}`,
  'content-type': 'application/json',
}
const { directory } = world.gateway.config.audit.spool

async function calls(): Promise<void> {
  for (let n = 0; n < CALLS; n += 1) {
    const put = await world.send(PATH, { method: 'PUT', headers, body: JOB })
    const get = await world.send(PATH, { headers })
    if (put.status >= 300 || get.status >= 300) throw new Error(`${put.status}, ${get.status}`)
  }
}

/** Waits for something that the gateway does each second. */
async function beats(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const before = statSync(join(directory, 'lock')).mtimeMs
    await eventually(
      'the lock is renewed',
      () => statSync(join(directory, 'lock')).mtimeMs > before,
    )
  }
}

/** All records are at the sink, and its cursor says so. */
async function shipped(): Promise<void> {
  const count = (await world.allRecords()).length
  await world.rows((rows) => rows.length >= count)
}

t.test('it is the synchronous calls that are counted', async (t) => {
  const calls = await syncCallsOf(world.gateway)
  t.ok(
    calls.some((place) => place.includes('src/audit/')),
    'a start makes some',
  )
})

t.test('a warm gateway makes none', async (t) => {
  await calls()
  await shipped()
  await beats(1)
  await syncCallsOf(world.gateway)
  await calls()
  appendFileSync(denyListFile, '# still nobody\n')
  await calls()
  await shipped()
  await beats(BEATS)
  t.same(await syncCallsOf(world.gateway), [])
})

t.test('a search of records makes none', async (t) => {
  await syncCallsOf(world.gateway)
  for (const path of ['records?limit=500', 'records?format=csv', 'records/summary', 'policy']) {
    const answer = await world.send(`/_harness/api/${path}`, { headers })
    t.equal(answer.status, 200, path)
  }
  t.same(await syncCallsOf(world.gateway), [])
})
