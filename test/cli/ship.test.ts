/** `audit ship`: a replica is killed and does not come back; what its spool has reaches the sink. */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { readSpool, startGateway, type World } from '../support/gateway.ts'
import { eventually } from '../support/eventually.ts'
import { start, type Ran } from './support/run.ts'

t.setTimeout(120_000)
const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`
const JOB = `${workspaceId()}/jobs/a?api-version=2024-04-01`

let world: World
t.before(async () => {
  world = await startGateway()
})
t.teardown(() => world.close())

const ship = (spool: string, ...args: string[]): Promise<Ran> =>
  start(['audit', 'ship', spool, '--config', world.gateway.configFile, ...args], world.lab.env)
    .ended

const atSink = (): Set<unknown> =>
  new Set((world.lab.ingestion.rows() as Record<string, unknown>[]).map((row) => row['EventUid']))

t.test('a spool that a gateway runs on is refused', async (t) => {
  const { status, err, out } = await ship(world.gateway.config.audit.spool.directory)
  t.equal(status, 1)
  t.match(err, /lock|in use|another/)
  t.equal(out, '')
})

t.test('what is no spool is refused, and none is made there', async (t) => {
  const empty = t.testdir({ spool: {} })
  for (const name of ['spool', 'missing']) {
    const { status, err } = await ship(join(empty, name))
    t.equal(status, 1)
    t.match(err, name === 'spool' ? /no audit chain in ".*spool"/ : /missing" does not exist/)
  }
})

t.test(
  'records of a replica that was killed reach the sink, with an end for each call',
  async (t) => {
    const spool = world.gateway.config.audit.spool.directory
    const headers = {
      authorization: `Bearer ${await world.lab.token('scientist')}`,
      'content-type': 'application/json',
    }
    // nothing is shipped, and a call is under way, when it is killed
    await world.fault('ingestion', { status: 503, times: 1_000_000 })
    t.equal((await world.send(JOBS, { headers })).status, 200)
    await world.fault('upstream', { delayMs: 10_000 })
    const body = JSON.stringify({ properties: { jobType: 'Command' } })
    const asked = world.send(JOB, { method: 'PUT', headers, body }).catch(() => null)
    await eventually('Azure has the call', () =>
      world.lab.requests().some(({ method }) => method === 'PUT'),
    )
    await world.gateway.kill()
    await asked
    const left = join(t.testdir(), 'spool')
    await cp(spool, left, { recursive: true })

    const slow = await ship(left, '--timeout', '1')
    t.equal(slow.status, 1)
    t.match(slow.out, /azure-monitor.*\d+ records are not shipped/)
    t.match(slow.err, /azure-monitor/)

    await fetch(`${world.lab.urls.ingestion}/_lab/faults`, { method: 'DELETE' })
    const done = await ship(left, '--output', 'json')
    t.equal(done.status, 0, done.err)
    t.same(JSON.parse(done.out), { sink: 'azure-monitor', kind: 'azure-monitor', unshipped: 0 })
    const rows = await readSpool(left)
    const found = atSink()
    t.ok(rows.length > 0 && rows.every((row) => found.has(row['EventUid'])), 'each record is there')
    const put = rows.filter((row) => row['Method'] === 'PUT')
    t.same(
      put.map((row) => [row['RecordKind'], row['Outcome']]),
      [
        ['authorized', undefined],
        ['completed', 'unknown'],
      ],
    )
    const again = await ship(left)
    t.equal(again.status, 0, 'and once more does no harm')
    await world.restart()
  },
)
