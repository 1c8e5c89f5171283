/** A sink that says no in a way that only a person can change: held, seen, asked again half a minute later; nothing is lost. */
import t from 'tap'
import { freePort } from '../../lab/server/free-port.ts'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway } from '../support/gateway.ts'
import { checkTrail, parseMetrics, withMetrics } from '../support/trail.ts'
import { eventually } from '../support/eventually.ts'

const JOB = `${workspaceId()}/jobs/j?api-version=2024-04-01`

t.setTimeout(300_000)
// these tests mostly wait, so they run at the same time
t.jobs = 4

for (const [what, status] of [
  ['does not know the identity', 401],
  ['refuses the role', 403],
  ['does not know the rule', 404],
  ['sends elsewhere', 302],
] as const) {
  t.test(`a sink that ${what} (${status}) is held, and gets all`, { buffered: true }, async (t) => {
    const port = await freePort()
    const world = await startGateway({ gateway: { change: withMetrics(port) } })
    t.teardown(() => world.close())
    const headers = {
      authorization: `Bearer ${await world.lab.token('scientist')}`,
      'content-type': 'application/json',
    }
    await eventually('the start is shipped', () => world.lab.ingestion.rows().length > 0)
    await world.fault('ingestion', {
      times: 1,
      status,
      headers: { location: 'https://elsewhere.example/' },
    })
    const put = async (): Promise<number> => {
      const body = '{"properties":{"jobType":"Command"}}'
      return (await world.send(JOB, { method: 'PUT', headers, body })).status
    }
    t.ok((await put()) < 300)
    const metrics = async () =>
      parseMetrics(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())
    const held = 'harness_audit_sink_state{sink="azure-monitor",state="held"}'
    await eventually('held', async () => (await metrics()).get(held) === 1)
    t.ok(((await metrics()).get('harness_audit_unshipped_records{sink="azure-monitor"}') ?? 0) > 0)
    t.equal((await world.send('/_harness/readyz')).status, 200, 'the spool is there for that')
    t.ok((await put()) < 300, 'calls go on')
    await checkTrail(t, world)
    const events = async (): Promise<unknown[]> =>
      (await world.allRecords()).map((row) => row['Event'])
    t.ok((await events()).includes('sink_held'), 'that it was held is on record')
    await eventually('that it is well, too', async () => (await events()).includes('sink_ok'))
  })
}
