/**
 * With a sink down and little disk, callers without a token use their share of the spool and no more: who is identified
 * is served and recorded, and what strangers did is recorded once there is room.
 */
import t, { type Test } from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { freePort } from '../../lab/server/free-port.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type Row, type World } from '../support/gateway.ts'
import { parseMetrics, withMetrics } from '../support/trail.ts'
import { badTokens, recordedOf } from './support/strangers.ts'

const FLOOD = 1_000
const HARD_LIMIT = 1_000_000
const SOFT_LIMIT = 800_000
const SHARE = SOFT_LIMIT / 2
/** Room for records that were on their way when the share was used up, and for their summaries. */
const SLACK = 64 * 1_024
const GET = `${workspaceId()}/jobs?api-version=2024-04-01`

let world: World
let metrics: string
t.before(async () => {
  const port = await freePort()
  metrics = `http://127.0.0.1:${port}/metrics`
  world = await startGateway({
    gateway: {
      change(config) {
        const spool = {
          ...config.audit.spool,
          hardLimitBytes: HARD_LIMIT,
          softLimitBytes: SOFT_LIMIT,
          segmentBytes: 65_536,
          retentionSeconds: 0,
        }
        // nobody waits for a sink that is down
        const limits = { ...config.limits, stopMs: 2_000 }
        return withMetrics(port)({ ...config, limits, audit: { ...config.audit, spool } })
      },
    },
  })
})
t.teardown(() => world.close())

async function metric(name: string): Promise<number | undefined> {
  return parseMetrics(await (await fetch(metrics)).text()).get(`harness_audit_${name}`)
}

const events = async (name: string): Promise<Row[]> =>
  (await world.allRecords()).filter((row) => row['Event'] === name)

/** A call of somebody identified is answered, and both of its records are there. */
async function checkServed(t: Test): Promise<void> {
  const headers = { authorization: `Bearer ${await world.lab.token('scientist')}` }
  const answer = await world.send(GET, { headers })
  t.equal(answer.status, 200, answer.text)
  const rows = await world.settled(answer)
  t.same(
    rows.map((row) => row['RecordKind']),
    ['authorized', 'completed'],
  )
}

/** Strangers get their answer, and the spool grows by no more than what is in the share. */
async function checkFlood(t: Test): Promise<void> {
  const answers = await badTokens(world, FLOOD)
  t.same([...new Set(answers.map(({ status }) => status))], [401], 'nobody is told 503')
  t.equal(await metric('unidentified_room'), 0)
  const bytes = (await metric('unidentified_spool_bytes')) ?? 0
  t.ok(bytes >= SHARE && bytes < SHARE + SLACK, `${bytes} bytes of strangers`)
  t.ok(((await metric('spool_bytes')) ?? 0) < SHARE + SLACK, 'and hardly more in all')
  t.equal((await world.send('/_harness/readyz')).status, 200, 'strangers make nothing unready')
}

t.test('a flood while the sink is down', async (t) => {
  await world.fault('ingestion', { status: 503, times: 0 })
  await checkFlood(t)
  await checkServed(t)
  const rows = await world.allRecords()
  const { own, total } = recordedOf(rows, '127.0.0.1')
  t.ok(own.length < FLOOD / 2, `${own.length} records of their own`)
  t.equal(await metric('unidentified_waiting'), FLOOD - total, 'the others are counted')
  await eventually('it is on record that the share is full', async () => {
    return (await events('unidentified_share_full')).length === 1
  })
})

t.test(
  'a stop writes what was counted, and the next start knows how full the share is',
  async (t) => {
    await world.gateway.stop()
    const { own, summaries, total } = recordedOf(await world.allRecords(), '127.0.0.1')
    t.equal(total, FLOOD, `${own.length} records and ${summaries.length} summaries`)
    await world.restart()
    await checkFlood(t)
    await checkServed(t)
  },
)

t.test(
  'once the sink is back, all of it is on record, shipped, and there is room again',
  async (t) => {
    const cleared = await fetch(`${world.lab.urls.ingestion}/_lab/faults`, { method: 'DELETE' })
    t.ok(cleared.ok)
    await eventually('there is room', async () => (await metric('unidentified_room')) === 1, 90_000)
    await eventually('nothing waits', async () => (await metric('unidentified_waiting')) === 0)
    await eventually('that is on record', async () => {
      return (await events('unidentified_share_free')).length === 1
    })
    const rows = await world.rows((shipped) => {
      return recordedOf(unique(shipped), '127.0.0.1').total >= 2 * FLOOD
    })
    t.equal(recordedOf(unique(rows), '127.0.0.1').total, 2 * FLOOD, 'each once')
    await checkServed(t)
  },
)

/** A sink can have a row twice. */
const unique = (rows: readonly Row[]): Row[] => [
  ...new Map(rows.map((row) => [row['EventUid'], row])).values(),
]
