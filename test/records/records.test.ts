/**
 * Records by the gateway's API: each caller's own, those of others where policy says so; filters, pages and forms.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../cli/support/run.ts'
import { signIn } from '../cli/support/signed-in.ts'
import { isSegment } from '../support/gateway.ts'
import { readCsv } from './read-csv.ts'
import { API, startInsight, V, W, type Insight, type Page } from './support.ts'

t.setTimeout(120_000)

let insight: Insight
/** Decision ids of a permitted and a refused call of the scientist's, and of one of the outsider's. */
let [permitted, refused, outside] = ['', '', '']
t.before(async () => {
  insight = await startInsight()
  const { world, as } = insight
  const ids: string[] = []
  for (const answer of [
    await as('scientist', `${W}/jobs${V}`),
    await as('scientist', `${W}/listKeys${V}`, { method: 'POST' }),
    await as('outsider', `${W}/jobs${V}`),
  ]) {
    await world.settled(answer)
    ids.push(String(answer.headers['x-harness-decision-id']))
  }
  ;[permitted, refused, outside] = [ids[0] ?? '', ids[1] ?? '', ids[2] ?? '']
})
t.teardown(() => insight.close())

const ids = ({ value }: Page): unknown[] => value.map((row) => row['ExchangeId'])
const principals = ({ value }: Page): unknown[] => [
  ...new Set(value.map((row) => row['PrincipalId'])),
]

t.test('everybody sees their own records, and says so themselves in the record', async (t) => {
  const page = await insight.records('scientist')
  t.match(page, { source: 'spool', complete: true, faults: [], next: null })
  t.ok(Date.parse(page.asOf) <= Date.now() && Date.parse(page.from ?? '') <= Date.parse(page.asOf))
  t.equal(principals(page).length, 1)
  t.ok(ids(page).includes(permitted) && ids(page).includes(refused))
  t.notOk(ids(page).includes(outside))
  const times = page.value.map((row) => Date.parse(String(row['EventTime'])))
  t.same(
    times,
    times.toSorted((one, other) => other - one),
    'the newest first',
  )
  const own = page.value.find((row) => row['ExchangeId'] === refused)
  t.match(own, { RecordKind: 'refused', Decision: 'refuse', RefusalCode: String })
  for (const name of ['PolicyIds', 'Facts', 'PrincipalGroups', 'IdentityName', 'EventUid', 'Seq'])
    t.notOk(
      page.value.some((row) => name in row),
      `no ${name}`,
    )
  const again = await insight.as('scientist', `${API}/records?who=me&refusal=policy_refused`)
  t.match((await insight.world.settled(again))[0], {
    Action: 'AzureMLHarness/records/read',
    Decision: 'permit',
    ResourceType: 'Gateway',
    Body: { filters: ['who', 'refusal'] },
  })
})

t.test('those of others where policy says so, whole, and of nowhere else', async (t) => {
  const page = await insight.records('reviewer', 'limit=500')
  t.ok(ids(page).includes(permitted) && ids(page).includes(outside))
  const { value } = await insight.records('reviewer', `decision=${permitted}`)
  t.same(
    value.map((row) => row['RecordKind']),
    ['completed', 'authorized'],
  )
  t.match(value[1], { PolicyIds: [/^data-scientist@/u], IdentityName: String, EventUid: String })
  for (const { RecordKind: kind, PrincipalId: who, TargetResourceId: id } of page.value) {
    t.not(kind, 'gateway', 'events of the gateway are of no workspace')
    t.ok(String(id).startsWith(W.toLowerCase()) || String(who).endsWith('402'), String(id))
  }
})

t.test('each filter, alone and with others', async (t) => {
  const scientist = String((await insight.records('scientist')).value[0]?.['PrincipalId'])
  const workspace = encodeURIComponent(W)
  for (const [query, holds] of [
    [`who=${encodeURIComponent(scientist)}`, (row) => row['PrincipalId'] === scientist],
    ['action=workspaces/jobs/read', (row) => String(row['Action']).endsWith('/jobs/read')],
    [`resource=${workspace}`, (row) => String(row['TargetResourceId']).startsWith('/subscr')],
    [`workspace=${workspace}`, (row) => String(row['TargetResourceId']).startsWith('/subscr')],
    ['workspace=lab', (row) => String(row['TargetResourceId']).startsWith('/subscr')],
    ['outcome=refused', (row) => row['RecordKind'] === 'refused'],
    ['outcome=permitted', (row) => ['authorized', 'completed'].includes(String(row['RecordKind']))],
    ['refusal=policy_refused', (row) => row['RefusalCode'] === 'policy_refused'],
    ['secrets=true', (row) => row['Secrets'] === true],
    ['secrets=false', (row) => row['Secrets'] !== true],
    ['source=127.0.0.1', (row) => row['SourceIp'] === '127.0.0.1'],
    ['since=10m', (row) => Date.parse(String(row['EventTime'])) > Date.now() - 600_000],
    [
      `outcome=refused&who=${encodeURIComponent(scientist)}`,
      (row) => row['RecordKind'] === 'refused' && row['PrincipalId'] === scientist,
    ],
  ] as readonly (readonly [string, (row: Readonly<Record<string, unknown>>) => boolean])[]) {
    const { value } = await insight.records('reviewer', `${query}&limit=500`)
    t.ok(value.length > 0, query)
    t.ok(value.every(holds), `${query}: nothing else`)
  }
  for (const query of ['source=192.0.2.1', 'until=1d&since=2d', 'review=aaaaaaaaaaaaaaaa-1'])
    t.same((await insight.records('reviewer', query)).value, [], query)
})

t.test('pages go on where they ended, by token and by link', async (t) => {
  const until = new Date().toISOString()
  // records are on the disk in their order: with those of a later call, all of before are there
  await insight.world.settled(await insight.as('reviewer', `${API}/records?limit=1`))
  const whole = await insight.records('reviewer', `until=${until}&limit=500`)
  const found: unknown[] = []
  let path: string | null = `${API}/records?until=${until}&limit=2`
  while (path !== null) {
    const page: Page = (await insight.as('reviewer', path)).json() as Page
    t.ok(page.value.length <= 2)
    found.push(...ids(page))
    path = page.nextLink === null ? null : page.nextLink.slice(insight.world.url.length)
  }
  t.same(found, ids(whole))
  t.ok(found.length > 2)
})

t.test('as CSV and JSON lines, by format and by what is accepted', async (t) => {
  const asked = `${API}/records?decision=${permitted}`
  const bearer = { authorization: `Bearer ${await insight.world.lab.token('reviewer')}` }
  const table = await insight.as('reviewer', `${asked}&format=csv`)
  t.match(table.headers, {
    'content-type': /^text\/csv/u,
    'content-disposition': 'attachment; filename="records.csv"',
    'x-content-type-options': 'nosniff',
    'x-harness-source': 'spool',
    'x-harness-complete': 'true',
    'cache-control': 'no-store',
  })
  const rows = readCsv(table.text)
  t.equal(rows.length, 2)
  t.ok(rows.every(({ ExchangeId }) => ExchangeId === permitted))
  const lines = await insight.world.send(asked, {
    headers: { ...bearer, accept: 'application/x-ndjson' },
  })
  const parsed = lines.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object)
  t.same(parsed, (await insight.records('reviewer', `decision=${permitted}`)).value)
  const csv = await insight.world.send(asked, { headers: { ...bearer, accept: 'text/csv' } })
  t.equal(csv.text, table.text)
  const json = await insight.world.send(asked, { headers: { ...bearer, accept: '*/*' } })
  t.match(json.headers['content-type'], /^application\/json/u)
})

t.test('permitted and refused by hour, of what the caller may see', async (t) => {
  const summary = async (persona: string, query: string) =>
    (await insight.as(persona, `${API}/records/summary?${query}`)).json() as {
      readonly permitted: number
      readonly refused: number
      readonly complete: boolean
      readonly value: readonly { readonly hour: string }[]
    }
  const of = await summary('reviewer', `resource=${encodeURIComponent(W)}&refusal=policy_refused`)
  t.match(of, { permitted: 0, complete: true })
  t.ok(of.refused >= 1)
  t.match(of.value[0]?.hour, /:00:00\.000Z$/u)
  const own = await summary('outsider', `resource=${encodeURIComponent(W)}`)
  t.match(own, { permitted: 0, refused: 1 }, 'and nobody counts what others did')
})

t.test('policies, bindings with their end and last use, to those who may', async (t) => {
  const policy = async (persona: string) =>
    (await insight.as(persona, `${API}/policy`)).json() as {
      readonly bindings: readonly Readonly<Record<string, unknown>>[]
      readonly templates: readonly { readonly id: string }[]
      readonly version: string
    }
  const operator = await policy('reader')
  t.ok(operator.bindings.length >= 8)
  const ending = operator.bindings.find(({ id }) => id === 'scientists-for-a-while')
  t.match(ending, {
    template: 'reader',
    principal: { type: 'Group', name: 'scientists' },
    resource: { type: 'Workspace', name: 'lab' },
    until: '2999-01-01T00:00:00.000Z',
    inForce: true,
    reason: 'a project',
  })
  const used = operator.bindings.find(({ id }) => id === 'scientists-on-ws-lab')
  t.ok(Date.parse(String(used?.['lastUse'])) <= Date.now(), 'it has been used')
  t.equal(operator.bindings.find(({ id }) => id === 'cluster-on-ws-lab')?.['lastUse'], null)
  const own = await policy('scientist')
  t.equal(own.version, operator.version)
  t.same(
    own.bindings.map(({ id }) => id),
    ['scientists-on-ws-lab', 'scientists-on-azureml', 'scientists-for-a-while'],
  )
  t.same(
    own.templates.map(({ id }) => id).toSorted(),
    ['data-scientist', 'public-registry', 'reader'],
    'other names are not told',
  )
  t.match(await policy('outsider'), { bindings: [], templates: [] })
})

t.test('who can do what, as a grid, to those who may read policies there', async (t) => {
  const path = `${API}/policy/who-can?on=lab&action=workspaces/jobs/read,workspaces/jobs/write,AzureMLHarness/records/read`
  const grid = (await insight.as('reviewer', path)).json() as {
    readonly actions: readonly string[]
    readonly value: readonly {
      readonly principal: Readonly<Record<string, string>>
      readonly may: readonly string[]
    }[]
  }
  t.equal(grid.actions.length, 3)
  const mayOf = (name: string) =>
    grid.value.find(({ principal }) => principal['name'] === name)?.may
  t.same(mayOf('scientists'), ['permit', 'permit', 'refuse'])
  t.same(mayOf('reviewers')?.[2], 'permit')
  t.match(await insight.as('scientist', path), { status: 403, code: 'policy_refused' })
  t.match(
    await insight.as(
      'reviewer',
      path.replace('lab', encodeURIComponent(W.replace('ws-lab', 'ws-other'))),
    ),
    {
      status: 403,
    },
  )
})

t.test('the state in words, for operators alone', async (t) => {
  const answer = await insight.as('reader', `${API}/state`)
  t.match(answer.json(), {
    status: 'ready',
    says: 'the gateway takes calls',
    records: 'spool',
    parts: [{ name: 'audit', ok: true, says: 'works' }, { name: 'identity' }, { name: 'tokens' }],
    spool: { records: Number, bytes: Number, durability: 'fsync', says: /records so far/u },
    sinks: [{ name: 'azure-monitor', kind: 'azure-monitor', required: true, says: String }],
    issuers: [{ name: 'entra', says: /tokens are verified/u }, { name: 'okta' }],
  })
  const { identities } = answer.json() as {
    readonly identities: readonly { readonly name: string }[]
  }
  t.ok(identities.some((one) => one.name === 'ml-reader'))
  for (const persona of ['scientist', 'reviewer', 'outsider'])
    t.match(await insight.as(persona, `${API}/state`), { status: 403, code: 'policy_refused' })
})

t.test('`audit search` asks with the same filters, in each form', async (t) => {
  const home = join(t.testdir(), 'home')
  await signIn(home, insight.world, 'reviewer')
  const search = (...args: string[]) =>
    run(['audit', 'search', ...args], {
      env: { ...insight.world.lab.env, AZUREML_HARNESS_HOME: home },
    })
  const table = await search('--decision', permitted)
  t.equal(table.status, 0, table.err)
  t.match(table.err, /^records of this replica, since .*, as of [^;]*\n$/u)
  t.equal(table.out.trim().split('\n').length, 2, 'one request is one line')
  t.match(table.out, /success +200 .*jobs\/read/u)
  const json = await search('--decision', permitted, '--output', 'json')
  t.match(JSON.parse(json.out), {
    source: 'spool',
    complete: true,
    value: [{ RecordKind: 'completed' }, { RecordKind: 'authorized' }],
  })
  const tsv = await search('--outcome', 'refused', '--workspace', 'lab', '--output', 'tsv')
  t.ok(
    tsv.out
      .trim()
      .split('\n')
      .every((one) => one.split('\t')[2] === 'refused'),
  )
  const few = await search('--limit', '1', '--output', 'json')
  t.match(few.err, /there are more than these 1/u)
  t.match(await search('--since', 'yesterday'), { status: 1, err: /"since"/u })
  t.match(await search('--outcome', 'maybe'), { status: 2 })
  const other = join(t.testdirName, 'other')
  await signIn(other, insight.world, 'outsider')
  const refusedTo = await run(['audit', 'search', '--who', 'okta/00u1reader'], {
    env: { ...insight.world.lab.env, AZUREML_HARNESS_HOME: other },
  })
  t.equal(refusedTo.status, 1)
})

t.test(
  'a segment that was tampered with is said, and the edited record is not shown',
  async (t) => {
    const { directory } = insight.world.gateway.config.audit.spool
    const names = (await readdir(directory, { recursive: true })).filter(isSegment)
    const path = join(directory, names[0] ?? '')
    const text = await readFile(path, 'utf8')
    t.match(text, refused)
    // of the same length, so that what follows stands where it stood
    await writeFile(
      path,
      text.replaceAll(
        refused,
        refused.replace(/^./u, (one) => (one === '0' ? '1' : '0')),
      ),
    )
    const page = await insight.records('reviewer', 'limit=500')
    t.equal(page.complete, false)
    t.match(page.faults[0], /^segment .*: the group is not what was written/u)
    t.notOk(ids(page).includes(refused))
    t.ok(ids(page).includes(outside), 'all others are')
  },
)
