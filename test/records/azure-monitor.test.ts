/**
 * Records in Azure Monitor, by the gateway's API and Microsoft's own client: the same answers as of the spool, over all
 * replicas, and what is missing is said.
 */
import t from 'tap'
import { withLogReader } from '../../lab/gateway/harness-config.ts'
import { LOGS_WORKSPACE } from '../../lab/personas.ts'
import { eventually } from '../support/eventually.ts'
import { API, startInsight, V, W, type Insight, type Page } from './support.ts'

t.setTimeout(120_000)

const QUERY = { match: { path: '/v1/workspaces/' } }

let insight: Insight
let [permitted, refused, outside] = ['', '', '']
t.before(async () => {
  insight = await startInsight({
    change: (config, lab) => ({
      ...withLogReader(config),
      audit: {
        ...config.audit,
        search: {
          kind: 'azure-monitor',
          workspaceId: LOGS_WORKSPACE,
          identity: 'log-reader',
          endpoint: lab.urls.ingestion,
        },
      },
    }),
  })
  const ids: string[] = []
  for (const answer of [
    await insight.as('scientist', `${W}/jobs${V}`),
    await insight.as('scientist', `${W}/listKeys${V}`, { method: 'POST' }),
    await insight.as('outsider', `${W}/jobs${V}`),
  ]) {
    await insight.world.settled(answer)
    ids.push(String(answer.headers['x-harness-decision-id']))
  }
  ;[permitted, refused, outside] = [ids[0] ?? '', ids[1] ?? '', ids[2] ?? '']
  await insight.world.rows((rows) =>
    ids.every((id) => rows.some((row) => row['ExchangeId'] === id)),
  )
})
t.teardown(() => insight.close())

const ids = ({ value }: Page): unknown[] => value.map((row) => row['ExchangeId'])

t.test(
  'own records, and others’ where policy says so, as of the newest that arrived',
  async (t) => {
    const own = await insight.records('scientist', 'limit=500')
    t.match(own, { source: 'azure-monitor', complete: true, faults: [], from: null })
    t.ok(Date.parse(own.asOf) <= Date.now())
    t.ok(ids(own).includes(permitted) && ids(own).includes(refused))
    t.notOk(ids(own).includes(outside))
    t.equal(new Set(own.value.map((row) => row['PrincipalId'])).size, 1)
    const auditor = await insight.records('reviewer', 'limit=500')
    t.ok(ids(auditor).includes(permitted) && ids(auditor).includes(outside))
    t.notOk(auditor.value.some((row) => row['RecordKind'] === 'gateway'))
    const [last, first] = (await insight.records('reviewer', `decision=${permitted}`)).value
    t.match(last, { RecordKind: 'completed', Status: 200, DurationMs: Number })
    t.match(first, { RecordKind: 'authorized', PolicyIds: [/^data-scientist@/u], Facts: Object })
    const [row] = await insight.world.records(permitted)
    const { TimeGenerated: _, ...spooled } = row ?? {}
    t.same(first, spooled, 'a record is the same from either source')
  },
)

t.test('each filter finds what the sink has, and no more', async (t) => {
  for (const [query, holds] of [
    ['action=workspaces/jobs/read', (row) => String(row['Action']).endsWith('/jobs/read')],
    [
      `resource=${encodeURIComponent(W)}`,
      (row) => String(row['TargetResourceId']).startsWith('/subscr'),
    ],
    ['outcome=refused', (row) => row['RecordKind'] === 'refused'],
    ['outcome=permitted', (row) => row['RecordKind'] !== 'refused'],
    ['refusal=policy_refused', (row) => row['RefusalCode'] === 'policy_refused'],
    ['secrets=true', (row) => row['Secrets'] === true],
    ['secrets=false', (row) => row['Secrets'] !== true],
    ['source=127.0.0.1', (row) => row['SourceIp'] === '127.0.0.1'],
    ['since=10m', (row) => Date.parse(String(row['EventTime'])) > Date.now() - 600_000],
  ] as readonly (readonly [string, (row: Readonly<Record<string, unknown>>) => boolean])[]) {
    const { value } = await insight.records('reviewer', `${query}&limit=500`)
    t.ok(value.length > 0, query)
    t.ok(value.every(holds), `${query}: nothing else`)
  }
  t.same((await insight.records('reviewer', 'review=aaaaaaaaaaaaaaaa-1')).value, [])
})

t.test('pages go on where they ended', async (t) => {
  const until = new Date().toISOString()
  const whole = await insight.records('reviewer', `until=${until}&limit=500`)
  const found: unknown[] = []
  let path: string | null = `${API}/records?until=${until}&limit=2`
  while (path !== null) {
    const page: Page = (await insight.as('reviewer', path)).json() as Page
    found.push(...ids(page))
    path = page.nextLink === null ? null : page.nextLink.slice(insight.world.url.length)
  }
  t.same(found.slice(-4), ids(whole).slice(-4))
  t.ok(found.length >= whole.value.length && whole.value.length >= 4)
})

t.test('since when which policies are in force, of all replicas', async (t) => {
  const { world, as } = insight
  await world.rows((rows) => rows.some((row) => row['Event'] === 'start'))
  const { version } = (await as('reader', `${API}/policy`)).json() as { version: string }
  t.match((await as('reader', `${API}/policy/changes`)).json(), {
    source: 'azure-monitor',
    complete: true,
    value: [{ by: 'start', from: null, to: version, replica: String }],
  })
})

t.test('calls by hour, of what the caller may see', async (t) => {
  const summary = async (persona: string, query: string): Promise<unknown> =>
    (await insight.as(persona, `${API}/records/summary?${query}`)).json()
  const place = `resource=${encodeURIComponent(W)}`
  t.match(await summary('outsider', place), { permitted: 0, refused: 1, complete: true })
  const all = (await summary('reviewer', place)) as { permitted: number; refused: number }
  t.ok(all.permitted >= 1 && all.refused >= 2)
})

t.test('queries are of a closed set, and have no text of a caller', async (t) => {
  const evil = '" or true | union AmlHarnessAudit_CL //'
  const answer = await insight.as('reviewer', `${API}/records?who=${encodeURIComponent(evil)}`)
  t.match(answer.json(), { value: [] })
  const last = insight.world.lab.logs.queries.at(-1) ?? ''
  t.notMatch(last, /union|or true/u)
  for (const query of insight.world.lab.logs.queries) {
    t.match(query, /^AmlHarnessAuditUnique\n\| where EventTime >= datetime\(/u)
    t.match(query, /take \d+|summarize Newest/u)
  }
})

t.test('what Azure Monitor answers instead is said, and nothing of its text', async (t) => {
  const { world, as } = insight
  const ask = () => as('scientist', `${API}/records`)
  for (const [status, code] of [
    [403, 'not_ready'],
    [400, 'not_ready'],
    [500, 'not_ready'],
    [429, 'overloaded'],
  ] as const) {
    await world.fault('ingestion', {
      ...QUERY,
      times: 2,
      status,
      body: { error: { code: 'x', message: 'the query was secret-text' } },
    })
    const answer = await ask()
    t.match(answer, { status: 503, code }, String(status))
    t.ok(Number(answer.headers['retry-after']) > 0)
    t.notMatch(answer.text, /secret-text/u)
    await eventually('it is well again', async () => (await ask()).status === 200)
  }
  await world.fault('ingestion', { ...QUERY, times: 2, reset: true })
  t.match(await ask(), { status: 503 })
  await eventually('it is well again', async () => (await ask()).status === 200)
  const tables = [
    { name: 'PrimaryResult', columns: [{ name: 'EventUid', type: 'string' }], rows: [] },
  ]
  await world.fault('ingestion', {
    ...QUERY,
    times: 0,
    status: 200,
    body: { tables, error: { code: 'PartialError', message: 'secret-text' } },
  })
  const part = await ask()
  t.match(part.json(), { complete: false, value: [], faults: [/a part/u] })
  t.notMatch(part.text, /secret-text/u)
})
