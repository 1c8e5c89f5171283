/**
 * Floods of callers without a token: a few of each source have a record of their own, the others are counted, none is
 * lost, and the disk takes little of it.
 */
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { freePort } from '../../lab/server/free-port.ts'
import type { ConfigFile } from '../../lab/gateway/harness-config.ts'
import { startGateway, type Row, type World } from '../support/gateway.ts'
import { parseMetrics, withMetrics } from '../support/trail.ts'
import { UNIDENTIFIED_DEFAULTS } from '../audit/fixtures.ts'
import {
  badTokens,
  failedHandshakes,
  garbage,
  recorded,
  recordedOf,
  type Recorded,
} from './support/strangers.ts'

const FLOOD = 600
const { burst, perSecond } = UNIDENTIFIED_DEFAULTS
const MAX_SAMPLES = 8

let world: World
let metrics: string
let start: number
t.before(async () => {
  const port = await freePort()
  metrics = `http://127.0.0.1:${port}/metrics`
  world = await startGateway({
    gateway: {
      change(config) {
        // as it comes: without the burst that other tests need
        const { unidentified: _, sinks, ...audit } = withMetrics(port)(config).audit
        const withEvents = { ...audit, sinks: sinks.map((sink) => ({ ...sink, ocsf: true })) }
        return { ...withMetrics(port)(config), audit: withEvents } satisfies ConfigFile
      },
    },
  })
  start = performance.now()
})
t.teardown(() => world.close())

/** Own records by what the bucket can have given since the start, summaries by the seconds that passed. */
function checkBounds(t: Test, { own, summaries, total }: Recorded, count: number): void {
  const seconds = (performance.now() - start) / 1000
  t.equal(total, count, 'each is on record once')
  t.ok(own.length >= burst, 'a burst with records of its own')
  t.ok(own.length <= burst + seconds * perSecond, `${own.length} records of its own`)
  t.ok(summaries.length >= 1 && summaries.length <= seconds + 1, `${summaries.length} summaries`)
}

async function checkSummary(
  t: Test,
  row: Row | undefined,
  codes: readonly string[],
): Promise<void> {
  const found = Object.entries(row?.['RefusalCodes'] ?? {})
  t.same(found.map(([code]) => code).toSorted(), codes)
  t.equal(
    found.reduce((sum, [, count]) => sum + Number(count), 0),
    row?.['Count'],
  )
  const [first, last] = ['FirstTime', 'LastTime'].map((name) => Date.parse(String(row?.[name])))
  t.ok(Number(first) <= Number(last), 'from when to when')
  t.match(row, {
    Event: 'refused_before_identification',
    Decision: 'refuse',
    Outcome: 'denied',
    ExchangeId: '',
  })
  const ofRow = (one: Row): boolean => one['EventUid'] === row?.['EventUid']
  const shipped = (await world.rows((rows) => rows.some(ofRow))).find(ofRow)
  t.match(shipped, {
    Count: row?.['Count'],
    Ocsf: { status: 'Failure', count: row?.['Count'], src_endpoint: { ip: row?.['SourceIp'] } },
  })
}

const samplesOf = ({ summaries }: Recorded): string[] =>
  summaries.flatMap((row) => row['SampleIds'] as string[])

t.test('bad tokens from one address', async (t) => {
  const answers = await badTokens(world, FLOOD)
  t.same([...new Set(answers.map(({ status }) => status))], [401], 'all are answered')
  const found = await recorded(world, '127.0.0.1', FLOOD)
  checkBounds(t, found, FLOOD)
  await checkSummary(t, found.summaries[0], ['invalid_token'])
  const ids = new Set(answers.map(({ id }) => id))
  t.equal(ids.size, FLOOD, 'each answer has its id')
  for (const { SampleIds } of found.summaries as { SampleIds: string[] }[]) {
    t.ok(SampleIds.length <= MAX_SAMPLES)
    t.ok(
      SampleIds.every((id) => ids.has(id)),
      'samples are ids of answers',
    )
  }
  const named = new Set([...found.own.map((row) => row['ExchangeId']), ...samplesOf(found)])
  t.equal(named.size, found.own.length + samplesOf(found).length, 'no id is named twice')
  const bytes = [...found.own, ...found.summaries].reduce(
    (sum, row) => sum + JSON.stringify(row).length,
    0,
  )
  t.ok(bytes < FLOOD * 200, `${bytes} bytes for ${FLOOD} requests`)
})

t.test('garbage and failed handshakes from other addresses, each on its own account', async (t) => {
  await garbage(world, FLOOD / 4, '127.0.0.2')
  await failedHandshakes(world, FLOOD / 4, '127.0.0.3')
  for (const source of ['127.0.0.2', '127.0.0.3']) {
    const found = await recorded(world, source, FLOOD / 4)
    checkBounds(t, found, FLOOD / 4)
    await checkSummary(t, found.summaries[0], ['bad_request'])
    t.ok(found.own.every((row) => row['RecordKind'] === 'received'))
  }
  // an address that has not been heard of has its burst, whatever the others did
  const [answer] = await badTokens(world, 1, '127.0.0.4')
  const { own, summaries } = await recorded(world, '127.0.0.4', 1)
  t.equal(own[0]?.['ExchangeId'], answer?.id)
  t.equal(summaries.length, 0)
})

t.test('identified callers have a record of each request, whatever strangers do', async (t) => {
  const authorization = `Bearer ${await world.lab.token('outsider')}`
  const flood = badTokens(world, FLOOD / 4, '127.0.0.5')
  for (let call = 0; call < burst * 2; call += 1) {
    const answer = await world.send('/subscriptions?api-version=2022-12-01', {
      headers: { authorization },
    })
    const [row] = await world.settled(answer)
    t.match(row, { ExchangeId: answer.headers['x-harness-decision-id'], PrincipalKind: String })
  }
  await flood
  await recorded(world, '127.0.0.5', FLOOD / 4)
})

t.test('the commands find what is summed up', async (t) => {
  const found = await recorded(world, '127.0.0.1', FLOOD)
  const [id = ''] = samplesOf(found)
  const { configFile, config } = world.gateway
  const spool = config.audit.spool.directory
  const run = (...args: string[]) => {
    const main = resolve(import.meta.dirname, '../../src/main.ts')
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
      encoding: 'utf8',
      env: { ...process.env, ...world.lab.env },
    })
    return { status, stdout, stderr }
  }
  const explained = run('explain', '--config', configFile, '--decision', id)
  t.equal(explained.status, 1)
  t.match(explained.stderr, /before the caller was identified.* 127\.0\.0\.1, .*invalid_token \d+/)
  const cat = run('audit', 'cat', spool, '--where', `ExchangeId=${id}`, '--output', 'json')
  const rows = cat.stdout.trim().split('\n')
  t.equal(rows.length, 1)
  t.match(JSON.parse(rows[0] ?? '{}'), { RecordKind: 'summary', SourceIp: '127.0.0.1' })
  t.match(
    run('audit', 'cat', spool, '--where', 'RecordKind=summary').stdout,
    /refused ×\d+ .*refused_before_identification .*invalid_token ×\d+ from 127\.0\.0\.1/,
  )
})

t.test('metrics count each', async (t) => {
  const rows = await world.allRecords()
  const summaries = rows.filter((row) => row['RecordKind'] === 'summary')
  const counted = summaries.reduce((sum, row) => sum + Number(row['Count']), 0)
  const own = rows.filter(
    (row) =>
      ['refused', 'received'].includes(String(row['RecordKind'])) &&
      row['PrincipalId'] === undefined,
  )
  const samples = parseMetrics(await (await fetch(metrics)).text())
  const value = (name: string) => samples.get(`harness_audit_${name}`)
  t.equal(value('unidentified_total{as="count"}'), counted)
  t.equal(value('unidentified_total{as="record"}'), own.length)
  t.equal(value('unidentified_waiting'), 0)
  t.equal(value('unidentified_room'), 1)
  t.equal(value('records_total{kind="summary"}'), summaries.length)
  const refused = own.filter((row) => row['RefusalCode'] === 'invalid_token').length
  const summed = summaries.reduce(
    (sum, row) => sum + Number((row['RefusalCodes'] as Row)['invalid_token'] ?? 0),
    0,
  )
  t.equal(value('refusals_total{code="invalid_token"}'), refused + summed)
  // on disk by their own size, and with room for the line that closes a group, which can be of one record
  const all = [...own, ...summaries]
  const bytes = all.reduce((sum, row) => sum + JSON.stringify(row).length, 0)
  const share = value('unidentified_spool_bytes') ?? 0
  const most = bytes * 1.1 + all.length * 256
  t.ok(share > bytes && share < most, `${share} bytes for ${bytes} of rows`)
})

t.test('what was counted in the last second before a stop is written before the end', async (t) => {
  await badTokens(world, FLOOD, '127.0.0.6')
  t.equal((await world.gateway.stop()).code, 0)
  const rows = await world.allRecords()
  const found = await recorded(world, '127.0.0.6', FLOOD)
  t.equal(found.total, FLOOD)
  const end = rows.findLast((row) => row['Event'] === 'audit_closing')
  t.ok(Number(end?.['Seq']) > Number(found.summaries.at(-1)?.['Seq']), 'the end comes last')
  const all = rows.filter((row) => row['RecordKind'] === 'summary')
  const counted = all.reduce((sum, row) => sum + Number(row['Count']), 0)
  t.match(end?.['Detail'], { unidentified_counted: counted, unidentified_summarized: counted })
  const { config } = world.gateway
  const main = join(import.meta.dirname, '../../src/main.ts')
  const verified = spawnSync(process.execPath, [
    main,
    'audit',
    'verify',
    config.audit.spool.directory,
  ])
  t.equal(verified.status, 0, 'the chain is whole')
})

t.test('a kill loses no record, and no count that was written', async (t) => {
  await world.restart()
  const first = await badTokens(world, FLOOD, '127.0.0.7')
  await recorded(world, '127.0.0.7', FLOOD)
  const more = await badTokens(world, burst, '127.0.0.8')
  await badTokens(world, FLOOD, '127.0.0.7')
  await world.gateway.kill()
  await world.restart()
  const rows = await world.allRecords()
  const { total } = recordedOf(rows, '127.0.0.7')
  t.ok(total >= FLOOD && total <= first.length + FLOOD, `${total} of ${2 * FLOOD}`)
  const ids = new Set(recordedOf(rows, '127.0.0.8').own.map((row) => row['ExchangeId']))
  t.ok(
    more.every(({ id }) => ids.has(id)),
    'who has a record of their own had it before the answer',
  )
})
