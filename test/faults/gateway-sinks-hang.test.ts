/** A sink that leaves the gateway waiting, before or within its answer: given up after half a minute; nothing is lost. */
import t from 'tap'
import type { Fault } from '../../lab/server/faults.ts'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway } from '../support/gateway.ts'
import { checkTrail } from '../support/trail.ts'
import { eventually } from '../support/eventually.ts'

const JOB = `${workspaceId()}/jobs/j?api-version=2024-04-01`

t.setTimeout(300_000)
// these tests mostly wait, so they run at the same time
t.jobs = 5

const FAULTS: readonly (readonly [string, Fault])[] = [
  ['never answers', { hang: true }],
  ['takes the rows and never answers', { hang: true, after: true }],
  [
    'says 200 and hangs in the middle',
    { raw: 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"half":', hold: true },
  ],
  [
    'takes the rows, says 200 and hangs in the middle',
    { raw: 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"half":', hold: true, after: true },
  ],
  ['hangs within the head of its answer', { raw: 'HTTP/1.1 204 No Content\r\nx-ms-', hold: true }],
]

for (const [what, fault] of FAULTS) {
  t.test(
    `promise 11: a sink that ${what}: all comes, and once by its key`,
    { buffered: true },
    async (t) => {
      const world = await startGateway()
      t.teardown(() => world.close())
      const headers = {
        authorization: `Bearer ${await world.lab.token('scientist')}`,
        'content-type': 'application/json',
      }
      await eventually('the start is shipped', () => world.lab.ingestion.rows().length > 0)
      await world.fault('ingestion', fault)
      for (let n = 0; n < 20; n += 1) {
        const body = '{"properties":{"jobType":"Command"}}'
        const { status } = await world.send(JOB, { method: 'PUT', headers, body })
        t.ok(status < 300, 'calls go on')
      }
      t.equal((await world.send('/_harness/readyz')).status, 200, 'the spool is there for that')
      await eventually(
        'that the sink fails is on record',
        async () => (await world.allRecords()).some((row) => row['Event'] === 'sink_failing'),
        90_000,
      )
      await checkTrail(t, world)
      const uids = world.lab.ingestion.rows().map((row) => row['EventUid'])
      if (fault.after === true)
        t.ok(new Set(uids).size < uids.length, 'what it took without saying so came again')
    },
  )
}
