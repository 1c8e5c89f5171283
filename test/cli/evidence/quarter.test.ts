/**
 * A quarter in the lab, day by day: calls, refusals, reviews, a change let through in an emergency, a change of policy, a
 * restart, somebody who is put on the deny list, a binding that ends, and a review of access. The bundle says just that,
 * says what is missing once something is taken away, and is verified with sha256sum, openssl and jq alone.
 */
import { execFile, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { appendFile, cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { csvOf, readCsv } from '../../../src/cli/csv.ts'
import { accessibilityFaults, noBrowser, openBrowser } from '../../console/browser.ts'
import { reviewIn, startReviewing, V, W } from '../../approvals/support.ts'
import { eventually } from '../../support/eventually.ts'
import { run, type Ran } from '../support/run.ts'
import { createClock } from './clock.ts'
import { GOLDEN } from './golden-quarter.ts'
import { linesOf } from './made-spool.ts'

t.setTimeout(240_000)
const exec = promisify(execFile)
const DAY = 86_400_000
const BODY = { location: 'eastus', properties: { authMode: 'AADToken' } }
const OTTO = 'entra/11111111-1111-4111-8111-111111111111/44444444-4444-4444-8444-444444444406'
const NAMES = ['scientist', 'reader', 'reviewer', 'service', 'outsider'] as const
const REVIEWERS = `
  - id: reviews-on-ws-lab
    template: release-reviewer
    principal: Group::"reviewers"
    resource: Workspace::"lab"
  - id: emergencies
    template: break-glass
    principal: Group::"scientists"
    resource: Workspace::"lab"
`

/** What the quarter left, and what it was. */
interface Left {
  readonly begin: number
  readonly folder: string
  readonly policies: string
  readonly identities: readonly string[]
  /** By persona, as records have them. */
  readonly ids: ReadonlyMap<string, string>
  readonly review: string
  readonly emergency: string
}
let left: Left
const paths = () => ({
  spool: join(left.folder, 'spool'),
  ledger: join(left.folder, 'ledger'),
  keys: join(left.folder, 'keys.json'),
  sink: join(left.folder, 'sink.jsonl'),
  drift: join(left.folder, 'drift.json'),
  decided: join(left.folder, 'decided.csv'),
  secret: join(left.folder, 'secret.pem'),
  open: join(left.folder, 'PUBLIC-KEY.pem'),
})

async function git(folder: string, ...args: string[]): Promise<string> {
  const at = new Date().toISOString()
  const env = {
    ...process.env,
    GIT_AUTHOR_NAME: 'Ann',
    GIT_AUTHOR_EMAIL: 'a@b.example',
    GIT_COMMITTER_NAME: 'Ann',
    GIT_COMMITTER_EMAIL: 'a@b.example',
    GIT_AUTHOR_DATE: at,
    GIT_COMMITTER_DATE: at,
  }
  return (await exec('git', ['-C', folder, ...args], { env })).stdout
}

t.before(async () => {
  const folder = t.testdir()
  const begin = Date.now()
  const clock = createClock(join(folder, 'clock'))
  const denied = join(folder, 'denied.txt')
  await writeFile(denied, '# nobody\n')
  const reviewing = await startReviewing({
    bindings: REVIEWERS,
    env: clock.env,
    change: (config) => ({
      ...config,
      denyListFile: denied,
      // all of the quarter is still there at its end
      audit: { ...config.audit, spool: { ...config.audit.spool, retentionSeconds: 100 * 86_400 } },
      ...(config.approvals === undefined
        ? {}
        : { approvals: { ...config.approvals, ticket: '^INC-[0-9]+$' } }),
    }),
  })
  const { world, call, policies: own } = reviewing
  await git(own, 'init', '-q', '-b', 'main')
  const commit = async (message: string): Promise<void> => {
    await git(own, 'add', '-A')
    await git(own, 'commit', '-q', '-m', message)
  }
  await commit('policies')
  const day = async (number: number): Promise<void> => clock.set(number * DAY, world.gateway)
  const read = async (persona: string, times: number): Promise<void> => {
    for (let n = 0; n < times; n += 1)
      await world.settled(await call(persona, 'GET', `${W}/jobs${V}`))
  }
  const make = async (name: string) =>
    call('scientist', 'PUT', `${W}/onlineEndpoints/${name}${V}`, BODY)
  const ids = new Map<string, string>()

  // the first month: calls, refusals, a review, an emergency
  await day(1)
  for (const name of NAMES) {
    const own = (await call(name, 'GET', '/_harness/whoami')).json()
    ids.set(name, (own as { principal: { id: string } }).principal.id)
  }
  await read('scientist', 3)
  await read('reader', 2)
  await read('outsider', 1)
  await world.settled(await call('scientist', 'DELETE', `${W}${V}`))
  const { id: review } = reviewIn(await make('of-quarter'))
  const approved = await reviewing.approve('reviewer', review)
  if (approved.status !== 200) throw new Error(approved.text)
  await world.settled(await make('of-quarter'))
  await day(20)
  const { id: broken } = reviewIn(await make('broken'))
  const claims = { auth_time: Math.floor(Date.now() / 1_000) - 5, amr: ['pwd', 'mfa'] }
  const token = await world.lab.token('scientist', { claims })
  const shown = (await call('scientist', 'GET', `/_harness/api/reviews/${broken}`)).json()
  const override = {
    verdict: 'override',
    comment: 'scoring is down',
    ticket: 'INC-1',
    shownDigest: (shown as { shownDigest: string }).shownDigest,
  }
  const said = await world.send(`/_harness/api/reviews/${broken}/verdicts`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(override),
  })
  if (said.status !== 200) throw new Error(said.text)
  await world.settled(await make('broken'))

  // the second: other policies, a restart, somebody who is to do nothing any more
  await day(40)
  const bindings = await readFile(join(own, 'bindings.yaml'), 'utf8')
  const until = new Date(begin + 60 * DAY).toISOString()
  const more = `  - id: otto-for-a-while\n    template: reader\n    principal: User::"${OTTO}"\n    resource: Workspace::"lab"\n    until: ${until}\n    reason: "=audit of models"\n    ticket: T-7\n`
  await reviewing.change({ 'bindings.yaml': bindings + more })
  await commit('otto reads until the audit is over')
  await read('outsider', 2)
  await day(45)
  await world.gateway.stop()
  await world.restart()
  await read('reader', 1)
  await day(50)
  await appendFile(denied, `principal ${ids.get('reader') ?? ''}\n`)
  await eventually(
    'they are refused',
    async () => (await call('reader', 'GET', `${W}/jobs${V}`)).status === 401,
  )

  // the third: the binding has ended
  await day(70)
  await read('outsider', 1)
  await read('scientist', 2)
  await writeFile(join(folder, 'keys.json'), (await world.send('/_harness/keys')).text)
  await world.gateway.stop()
  await cp(world.gateway.config.audit.spool.directory, join(folder, 'spool'), { recursive: true })
  await cp(reviewing.ledger, join(folder, 'ledger'), { recursive: true })
  await writeFile(join(folder, 'sink.jsonl'), linesOf(world.lab.ingestion.rows()))
  const policies = join(folder, 'clone', 'ml')
  await cp(own, policies, { recursive: true })
  const identities = Object.keys(world.gateway.config.identities)
  left = { begin, folder, policies, identities, ids, review, emergency: broken }
  await reviewing.close()
  await reviewAccess()
  await writeFile(
    paths().drift,
    JSON.stringify({
      ok: true,
      drift: [
        { identity: 'ml-writer', scope: '/s', missing: [], excess: ['*/delete'], inherited: [] },
      ],
    }),
  )
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  await writeFile(paths().secret, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  await writeFile(paths().open, publicKey.export({ type: 'spki', format: 'pem' }))
})

const period = (): string[] => [
  '--from',
  new Date(left.begin - DAY).toISOString(),
  '--to',
  new Date(left.begin + 91 * DAY).toISOString(),
]
const ofPolicies = (policies = left.policies): string[] => [
  '--policies',
  policies,
  ...left.identities.flatMap((name) => ['--identity', name]),
]
/** The day on which the quarter is looked at. */
const later = (): number => left.begin + 100 * DAY

/** On day 95 Renata takes away what the cluster has, and keeps everything else but what she forgets. */
async function reviewAccess(): Promise<void> {
  const table = join(left.folder, 'review.csv')
  const options = { now: later, env: process.env }
  const args = [...ofPolicies(), '--spool', paths().spool, ...period(), '--out', table]
  const started = await run(['access', 'review', 'start', ...args], options)
  if (started.status !== 0) throw new Error(started.err)
  const rows = readCsv(table, await readFile(table, 'utf8')).map(({ values }) => {
    const row = Object.fromEntries(values)
    const through = row['through'] ?? ''
    if (through === 'scientists-on-azureml') return row
    // by somebody else than those who have it
    const reviewer = row['principal_name'] === 'reviewers' ? 'scientist' : 'reviewer'
    return {
      ...row,
      decision: through === 'cluster-on-ws-lab' ? 'remove' : 'keep',
      decision_reason: through === 'cluster-on-ws-lab' ? 'no job runs there' : 'still needed',
      reviewed_by: left.ids.get(reviewer) ?? '',
      reviewed_at: new Date(left.begin + 95 * DAY).toISOString(),
    }
  })
  const columns = Object.keys(rows[0] ?? {})
  const cells = rows.map((row: Record<string, string>) => columns.map((name) => row[name]))
  await writeFile(paths().decided, csvOf({ columns, rows: cells }))
  const apply = ['access', 'review', 'apply', paths().decided, ...ofPolicies()]
  const applied = await run(apply, options)
  if (applied.status !== 0) throw new Error(applied.err)
  const at = new Date(left.begin + 96 * DAY).toISOString()
  const env = { ...process.env, GIT_AUTHOR_DATE: at, GIT_COMMITTER_DATE: at }
  const who = ['-c', 'user.name=Ann', '-c', 'user.email=a@b.example']
  await exec('git', ['-C', left.policies, ...who, 'commit', '-q', '-a', '-m', 'access review'], {
    env,
  })
}

type Given = Partial<ReturnType<typeof paths>> & {
  readonly policies?: string
  /** How many requests. */
  readonly sample?: number
}

async function collect(out: string, given: Given = {}): Promise<Ran> {
  const { spool, ledger, keys, sink, drift, decided, secret } = { ...paths(), ...given }
  const args = [
    'evidence',
    'collect',
    ...period(),
    ...ofPolicies(given.policies),
    '--repository',
    `--spool=${spool}`,
    `--records=${sink}`,
    `--ledger=${ledger}`,
    `--keys=${keys}`,
    `--review=${decided}`,
    `--drift=${drift}`,
    `--sign=${secret}`,
    `--sample=${given.sample ?? 25}`,
    `--out=${out}`,
  ]
  return run(args, { now: later, env: process.env })
}

const table = async (out: string, path: string): Promise<Record<string, string>[]> =>
  readCsv(path, await readFile(join(out, path), 'utf8')).map(({ values }) =>
    Object.fromEntries(values),
  )

/** Columns of a table, with personas for ids and days of the quarter for times. */
async function golden(out: string, path: string, ...columns: string[]): Promise<string[]> {
  const known: readonly (readonly [string, string])[] = [
    ...left.ids,
    ['the review', left.review],
    ['the emergency', left.emergency],
  ]
  return (await table(out, path))
    .map((row) =>
      known.reduce(
        (text, [name, id]) => text.replaceAll(id, name),
        columns.map((column) => dayIn(row[column] ?? '')).join(' | '),
      ),
    )
    .sort()
}

const dayIn = (text: string): string =>
  text.replaceAll(/\d{4}-\d{2}-\d{2}T[\d:.]+Z/g, (time) => {
    const days = Math.round((Date.parse(time) - left.begin) / DAY)
    return `day ${days}`
  })

t.test('the bundle says what the quarter was', async (t) => {
  const out = join(t.testdir(), 'q')
  const ran = await collect(out)
  t.equal(ran.status, 3, ran.err + ran.out)
  for (const [path, columns, rows] of GOLDEN)
    t.same(await golden(out, path, ...columns), rows, path)
  const decisions = await table(out, '03-access-review/decisions.csv')
  t.ok(decisions.every(({ late }) => late === 'false'))
})

t.test('a request of the sample is traced to commit, bindings, review and records', async (t) => {
  const out = join(t.testdir(), 'q')
  await collect(out, { sample: 1_000 })
  const records = (await readFile(join(out, '09-samples/records.jsonl'), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>)
  const trails = await table(out, '09-samples/trails.csv')
  const versions = await table(out, '04-policy-changes/versions.csv')
  for (const trail of trails) {
    const own = records.filter(({ ExchangeId }) => ExchangeId === trail['request'])
    t.equal(own.map(({ EventUid }) => EventUid).join(' '), trail['records'])
    const decided = own.find(({ RecordKind }) => RecordKind === trail['decision'])
    t.equal(trail['principal'], decided?.['PrincipalId'] ?? '')
    const version = versions.find((one) => one['version'] === trail['policy_version'])
    t.equal(trail['commit'], version?.['commit'] ?? '')
  }
  t.equal(trails.length, new Set(records.map(({ ExchangeId }) => ExchangeId)).size)
  for (const column of ['commit', 'binding_files', 'code', 'end_time'])
    t.ok(trails.some((trail) => trail[column] !== ''), column) // prettier-ignore
  const [release, ...more] = trails.filter(
    ({ review, reviewers, decision }) =>
      review === left.review && reviewers !== '' && decision === 'authorized',
  )
  t.match(release, { action: /onlineEndpoints\/write$/ })
  t.same(more, [])
  for (const name of release?.['documents']?.split(' ') ?? [''])
    t.ok((await stat(join(out, '05-approvals/documents', name))).isFile(), name)
})

/** The reason, if there is no jq here. */
const noJq = (): string | false =>
  spawnSync('jq', ['--version']).status === 0 ? false : 'no jq here: apt-get install jq'

t.test(
  'it is verified without the product, as its README.txt says',
  { skip: noJq() },
  async (t) => {
    const out = join(t.testdir(), 'q')
    await collect(out)
    const readme = await readFile(join(out, 'README.txt'), 'utf8')
    const lines = [...readme.matchAll(/^ {2}(\S.*)$/gmu)].map(([, line = '']) => line)
    t.equal(lines.length, 3)
    const script = ['set -eu', `cp '${paths().open}' PUBLIC-KEY.pem`, ...lines, 'rm PUBLIC-KEY.pem']
    await exec('sh', ['-c', script.join('\n')], { cwd: out })
    await appendFile(join(out, 'mapping.csv'), 'x')
    await t.rejects(exec('sh', ['-c', lines[1] ?? ''], { cwd: out }))
  },
)

t.test('the page can be read and printed by everybody', { skip: noBrowser() }, async (t) => {
  const out = join(t.testdir(), 'q')
  await collect(out)
  const browser = await openBrowser()
  t.teardown(() => browser.close())
  const page = await (await browser.person()).newPage()
  await page.goto(pathToFileURL(join(out, 'index.html')).href)
  t.same(await accessibilityFaults(page), [])
  await page.emulateMedia({ media: 'print' })
  t.same(await accessibilityFaults(page), [])
  t.equal(await page.locator('script').count(), 0)
  const text = await page.locator('body').innerText()
  t.ok(text.indexOf('nobody decided about it') < text.indexOf('AMH-01'), 'exceptions come first')
  t.match(text, /evidence for/)
  t.notMatch(text, /complian/i)
  t.match(text, 'whether those who have left could still call (--leavers)', 'what was not given')
  t.same(browser.complaints(), [])
})

t.test('each thing that is taken away is named, and nothing else', async (t) => {
  const before = new Set(GOLDEN[0]?.[2])
  let count = 0
  const taken = async (status: number, given: Given): Promise<readonly string[]> => {
    count += 1
    const out = join(t.testdirName, `without-${count}`)
    const ran = await collect(out, given)
    t.equal(ran.status, status, ran.err + ran.out)
    const now = await golden(out, 'exceptions.csv', 'kind', 'control', 'what', 'where')
    return now.filter((line) => !before.has(line))
  }
  const copyOf = async (from: string, name: string): Promise<string> => {
    const to = join(t.testdirName, name)
    await cp(from, to, { recursive: true })
    return to
  }
  t.testdir({})
  const spool = await copyOf(paths().spool, 'one-record')
  const [chain = ''] = (await readdir(spool)).filter((name) => /^[0-9a-f]{8}-/.test(name))
  const segments = (await readdir(join(spool, chain))).sort()
  t.ok(segments.length > 1, 'the restart began another segment')
  const first = join(spool, chain, segments[0] ?? '')
  const lines = (await readFile(first, 'utf8')).split('\n')
  const at = lines.findIndex((line) => line.includes('"policy_refused"'))
  const seq = Number(/"Seq":(\d+)/.exec(lines[at] ?? '')?.[1])
  await writeFile(first, lines.toSpliced(at, 1).join('\n'))
  const noRecord = (await taken(1, { spool })).join('\n')
  t.match(noRecord, new RegExp(`incomplete \\| AMH-09 \\| record ${seq}: `), 'a record')
  t.match(noRecord, `has no record ${seq} | chain ${chain}`, 'the sink has it')

  const noSegment = await copyOf(paths().spool, 'one-segment')
  await rm(join(noSegment, chain, segments[0] ?? ''))
  t.match(await taken(1, { spool: noSegment }), [
    /exception \| AMH-09 \| spool 1 \(one-segment\) has no records 1 to \d+/,
    /incomplete \| AMH-09 \| \d+ records are in exports only/,
    /incomplete \| AMH-09 \| record 1: records 1 to \d+ are missing/,
  ])

  const clone = await copyOf(join(left.folder, 'clone'), 'one-commit')
  const policies = join(clone, 'ml')
  const who = ['-c', 'user.name=Ann', '-c', 'user.email=a@b.example']
  // the second of three commits becomes a part of the third
  await exec('git', ['-C', policies, 'reset', '-q', '--soft', 'HEAD~2'])
  await exec('git', ['-C', policies, ...who, 'commit', '-q', '-m', 'both'])
  const noCommit = await taken(3, { policies })
  t.match(noCommit, [/exception \| AMH-06 \| no commit has these policies \| policy version/])

  const ledger = await copyOf(paths().ledger, 'one-verdict')
  await rm(join(ledger, 'v', left.review), { recursive: true })
  t.match(await taken(1, { ledger }), [
    /incomplete \| AMH-07 \| use 1 had 0 approvals of 1 \| ledger: .*the review/,
  ])

  const decided = join(t.testdirName, 'decided.csv')
  const text = await readFile(paths().decided, 'utf8')
  for (const id of ['cluster-on-ws-lab', 'readers-on-ws-lab']) {
    await writeFile(decided, text.replace(new RegExp(`^.*,${id},.*\r\n`, 'mu'), ''))
    t.same(await taken(1, { decided }), [
      `incomplete | AMH-12 | it is in no review of the period | binding ${id}`,
    ])
  }
  await writeFile(decided, text.replaceAll('still needed', ''))
  t.ok((await taken(3, { decided })).every((line) => line.includes('it has no reason')))
})
