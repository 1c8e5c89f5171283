/** A sink that fails in each of its ways while requests go on: nothing is lost, nothing is made up. */
import t from 'tap'
import { startGateway } from '../support/gateway.ts'
import { freePort } from '../../lab/server/free-port.ts'
import { checkTrail, parseMetrics, withMetrics } from '../support/trail.ts'
import type { Fault } from '../../lab/server/faults.ts'
import { workspaceId } from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'

const JOB = `${workspaceId()}/jobs/j?api-version=2024-04-01`

t.setTimeout(300_000)

const FAULTS: readonly (readonly [string, readonly Fault[]])[] = [
  ['resets', [{ times: 2, reset: true }]],
  ['takes rows and resets before it says so', [{ times: 2, reset: true, after: true }]],
  ['answers 429 with Retry-After', [{ times: 2, status: 429, headers: { 'retry-after': '1' } }]],
  ['answers 429 without', [{ times: 2, status: 429 }]],
  [
    'answers 413 for more rows than one',
    [
      // so that there are more rows than one
      { times: 1, status: 429, headers: { 'retry-after': '1' } },
      { times: 2, status: 413 },
    ],
  ],
  ['answers 500', [{ times: 2, status: 500, body: 'no' }]],
  ['answers 503', [{ times: 1, status: 503 }]],
  [
    'rejects a batch that has more rows than one',
    [
      { times: 1, status: 429, headers: { 'retry-after': '1' } },
      { times: 1, status: 400 },
    ],
  ],
]

t.test('promise 12: each failure costs time, and no row', async (t) => {
  const world = await startGateway()
  t.teardown(() => world.close())
  const headers = {
    authorization: `Bearer ${await world.lab.token('scientist')}`,
    'content-type': 'application/json',
  }
  await eventually('the start is shipped', () => world.lab.ingestion.rows().length > 0)
  for (const [name, faults] of FAULTS) {
    await t.test(`a sink that ${name}`, async (t) => {
      for (const fault of faults) await world.fault('ingestion', fault)
      for (let n = 0; n < 20; n += 1) {
        const body = '{"properties":{"jobType":"Command"}}'
        const { status } = await world.send(JOB, { method: 'PUT', headers, body })
        t.ok(status < 300)
      }
      await world.send(JOB)
      const armed = `${world.lab.urls.ingestion}/_lab/faults`
      await eventually('it has failed as often as it was told to', async () => {
        const list = (await (await fetch(armed)).json()) as { left: number }[]
        return list.every(({ left }) => left === 0)
      })
      await checkTrail(t, world)
    })
  }
})

t.test(
  'the metrics endpoint tells of the spool, the disk, the sinks and the refusals',
  async (t) => {
    const port = await freePort()
    const world = await startGateway({ gateway: { change: withMetrics(port) } })
    t.teardown(() => world.close())
    const headers = { authorization: `Bearer ${await world.lab.token('scientist')}` }
    await world.settled(await world.send(JOB, { headers }))
    await world.send(JOB)
    await checkTrail(t, world)
    // the sink has the rows before the gateway has its answer
    const metrics = await eventually('nothing is left to ship', async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/metrics`)
      t.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
      const read = parseMetrics(await answer.text())
      return read.get('harness_audit_unshipped_records{sink="azure-monitor"}') === 0 && read
    })
    const value = (name: string): number => metrics.get(`harness_audit_${name}`) ?? NaN
    t.ok(value('spool_bytes') > 1_000)
    t.ok(value('spool_segments') >= 1)
    t.ok(value('disk_free_bytes') > 0)
    t.equal(value('ready'), 1)
    t.equal(value('owed_outcomes'), 0)
    t.ok(value('sync_seconds_count') > 0)
    t.equal(value('sync_seconds_bucket{le="+Inf"}'), value('sync_seconds_count'))
    t.ok(value('sync_seconds_sum') > 0)
    t.equal(value('refusals_total{code="missing_token"}'), 1)
    t.equal(
      value('outcomes_total{outcome="failed"}') + value('records_total{kind="refused"}') > 0,
      true,
    )
    t.ok(value('records_total{kind="authorized"}') >= 1)
    t.ok(value('sink_rows_total{sink="azure-monitor",result="accepted"}') > 0)
    t.ok(value('oldest_unshipped_seconds{sink="azure-monitor"}') >= 0)
    t.equal(value('unshipped_records{sink="azure-monitor"}'), 0)
    t.equal(value('sink_state{sink="azure-monitor",state="ok"}'), 1)
  },
)
