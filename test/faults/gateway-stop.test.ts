/** SIGTERM: promise 20 and promise 21, through the whole gateway. */
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { spawnGateway } from '../../lab/gateway/gateway.ts'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type World } from '../support/gateway.ts'
import { checkShipped, checkTrail, openIntents } from '../support/trail.ts'
import { eventually } from '../support/eventually.ts'

const WRITERS = 8

// a sink that hangs is waited for as long as an operator lets it: 25 s
t.setTimeout(300_000)

/** Changes, as fast as they are answered, until told to stop; resolves with how many were answered. */
function load(world: World, token: string): { stop: () => Promise<number> } {
  const stop = new AbortController()
  let answered = 0
  const writer = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await world
        .send(`${workspaceId()}/jobs/j-${randomUUID()}?api-version=2024-04-01`, {
          method: 'PUT',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: '{"properties":{"jobType":"Command"}}',
        })
        .then(() => (answered += 1))
        // the port is closed by now
        .catch(() => new Promise((done) => setTimeout(done, 20)))
    }
  }
  const all = Array.from({ length: WRITERS }, writer)
  return {
    async stop() {
      stop.abort()
      await Promise.all(all)
      return answered
    },
  }
}

t.test(
  'promise 20: SIGTERM under load with a slow sink: what runs ends, all is shipped, and the status is 0',
  async (t) => {
    const world = await startGateway()
    t.teardown(() => world.close())
    await world.fault('ingestion', { times: 0, delayMs: 400 })
    const writers = load(world, await world.lab.token('scientist'))
    await eventually('load', () => world.lab.requests().length > 50)
    const exit = await world.gateway.stop()
    t.ok((await writers.stop()) > 0)
    t.same(exit, { code: 0, signal: null })
    const rows = await world.allRecords()
    t.same(openIntents(rows), [], 'nothing is left open')
    await checkTrail(t, world)
    const events = rows.filter((row) => row['RecordKind'] === 'gateway').map((row) => row['Event'])
    for (const event of ['audit_opened', 'start', 'stop', 'audit_closing', 'checkpoint'])
      t.ok(events.includes(event), `promise 21: ${event} is on record`)
    t.equal(events.at(-1), 'checkpoint', 'the last record signs the number of all before it')
  },
)

t.test(
  'promise 20: SIGTERM with a sink that hangs: what is left is counted, the status is 1, the next start ships it',
  async (t) => {
    const world = await startGateway()
    t.teardown(() => world.close())
    const token = await world.lab.token('scientist')
    await eventually('the start is shipped', () => world.lab.ingestion.rows().length > 0)
    await world.fault('ingestion', { times: 0, hang: true })
    const writers = load(world, token)
    await eventually('load', () => world.lab.requests().length > 20)
    await writers.stop()
    const exit = await world.gateway.stop()
    t.same(exit, { code: 1, signal: null })
    const said = /(\d+) records are still in the spool/.exec(world.gateway.logs())?.[1]
    const have = new Set(world.lab.ingestion.rows().map((row) => row['EventUid']))
    const left = (await world.allRecords()).filter((row) => !have.has(row['EventUid'])).length
    t.equal(Number(said), left, 'and the number is the right one')
    const cleared = await fetch(`${world.lab.urls.ingestion}/_lab/faults`, { method: 'DELETE' })
    t.ok(cleared.ok)
    await world.restart()
    await checkShipped(t, world)
    await checkTrail(t, world)
  },
)

t.test('promise 21: a sink that fails and comes back is on record', async (t) => {
  const world = await startGateway()
  t.teardown(() => world.close())
  await world.fault('ingestion', { times: 2, status: 500 })
  await world.send(`${workspaceId()}/jobs?api-version=2024-04-01`)
  const events = async (): Promise<unknown[]> =>
    (await world.allRecords()).map((row) => row['Event'])
  await eventually('sink_ok', async () => (await events()).includes('sink_ok'))
  t.ok((await events()).includes('sink_failing'))
})

t.test('one spool has one writer: a second gateway does not start', async (t) => {
  const world = await startGateway()
  t.teardown(() => world.close())
  const second = spawnGateway(world.lab, { configFile: `${world.lab.directory}/second.yaml` })
  await t.rejects(second, { message: /is in use by process/ })
})
