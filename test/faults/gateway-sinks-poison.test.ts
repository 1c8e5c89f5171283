/** One row that the sink will never take (promise 13): set aside whole, said so, and in nobody's way. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { freePort } from '../../lab/server/free-port.ts'
import { workspaceId } from '../../lab/personas.ts'
import { startGateway, type Row, type World } from '../support/gateway.ts'
import { checkTrail, parseMetrics, shippedText, withMetrics } from '../support/trail.ts'
import { eventually } from '../support/eventually.ts'

const W = workspaceId()
const VERSION = '?api-version=2024-04-01'

t.setTimeout(300_000)

const letters = async (world: World): Promise<Row[]> => {
  const { directory } = world.gateway.config.audit.spool
  const text = await readFile(`${directory}/azure-monitor.dead-letter.jsonl`, 'utf8')
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Row]))
}

t.test(
  'promise 13: a poison row among good ones is set aside and reported; the rest arrives',
  async (t) => {
    const port = await freePort()
    const world = await startGateway({ gateway: { change: withMetrics(port) } })
    t.teardown(() => world.close())
    const headers = {
      authorization: `Bearer ${await world.lab.token('scientist')}`,
      'content-type': 'application/json',
    }
    await eventually('the start is shipped', () => world.lab.ingestion.rows().length > 0)
    // all of them are to be in one page: it waits until they are there
    await world.fault('ingestion', { times: 1, status: 429, headers: { 'retry-after': '2' } })
    await fetch(`${world.lab.urls.ingestion}/_lab/refuse?kind=authorized&text=jobs%2Fpoison`)
    const names = Array.from({ length: 20 }, (_, n) => (n === 7 ? 'poison' : `good-${n}`))
    for (const name of names) {
      const body = '{"properties":{"jobType":"Command"}}'
      const path = `${W}/jobs/${name}${VERSION}`
      t.ok((await world.send(path, { method: 'PUT', headers, body })).status < 300)
    }
    const told = async (): Promise<Row | undefined> =>
      (await world.allRecords()).find((row) => row['Event'] === 'dead_letter')
    await eventually('it is on record', async () => (await told()) !== undefined, 90_000)

    const poison = (await world.allRecords()).filter(
      (row) => row['RecordKind'] === 'authorized' && row['ResourceName'] === 'poison',
    )
    t.equal(poison.length, 1)
    const uid = poison[0]?.['EventUid']
    t.match((await told())?.['Detail'], { sink: 'azure-monitor', uid, why: 'status 400' })
    const sent = poison.map((row) => JSON.parse(shippedText(world, row)) as Row)
    t.same(await letters(world), sent, 'it is kept as it was sent')
    await checkTrail(t, world, undefined, new Set([uid]))
    const metrics = parseMetrics(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text())
    const rows = 'harness_audit_sink_rows_total{sink="azure-monitor",result="dead-letter"}'
    t.equal(metrics.get(rows), 1)
    t.equal(metrics.get('harness_audit_unshipped_records{sink="azure-monitor"}'), 0)
    t.equal((await world.send('/_harness/readyz')).status, 200)

    await fetch(`${world.lab.urls.ingestion}/_lab/refuse`)
    t.equal((await letters(world)).length, 1, 'and it is set aside once')
  },
)
