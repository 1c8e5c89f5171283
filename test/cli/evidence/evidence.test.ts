/**
 * `evidence`: a gateway serves, is reviewed and stops; a bundle is made of what it left, and each thing that is taken
 * away afterwards is found.
 */
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { appendFile, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { workspaceId } from '../../../lab/personas.ts'
import { csvOf } from '../../../src/cli/csv.ts'
import { readCsv } from '../../../src/cli/csv.ts'
import { CONTROLS } from '../../../src/cli/evidence/controls/controls.ts'
import { reviewIn, startReviewing, V, W, type Reviewing } from '../../approvals/support.ts'
import { run, type Ran, type RunOptions } from '../support/run.ts'

t.setTimeout(180_000)
const exec = promisify(execFile)
const JOBS = `${workspaceId()}/jobs?api-version=2024-04-01`
const FROM = new Date(Date.now() - 60_000).toISOString()
const TO = new Date(Date.now() + 3_600_000).toISOString()
const BODY = { location: 'eastus', properties: { authMode: 'AADToken' } }

/** What a gateway left. */
let left: {
  readonly spool: string
  readonly ledger: string
  readonly keys: string
  readonly policies: string
  readonly person: string
  readonly review: string
}
let identities: string[]

async function git(folder: string, ...args: string[]): Promise<void> {
  const env = {
    ...process.env,
    GIT_AUTHOR_NAME: 'Ann',
    GIT_AUTHOR_EMAIL: 'a@b.example',
    GIT_COMMITTER_NAME: 'Ann',
    GIT_COMMITTER_EMAIL: 'a@b.example',
  }
  await exec('git', ['-C', folder, ...args], { env })
}

t.before(async () => {
  const reviewing: Reviewing = await startReviewing()
  const { world, call, ledger } = reviewing
  const folder = t.testdir({ policies: {} })
  const { directory } = world.gateway.config.policies
  identities = Object.keys(world.gateway.config.identities)
  const policies = join(folder, 'policies')
  await cp(directory, policies, { recursive: true })
  await cp(
    world.gateway.config.policies.bindings ?? join(directory, 'bindings.yaml'),
    join(policies, 'bindings.yaml'),
  )
  await git(folder, 'init', '-q', '-b', 'main')
  await git(folder, 'add', 'policies')
  await git(folder, 'commit', '-q', '-m', 'policies')

  const headers = { authorization: `Bearer ${await world.lab.token('scientist')}` }
  await world.settled(await world.send(JOBS, { headers }))
  await world.settled(await world.send(JOBS.replace('/jobs?', '?'), { method: 'DELETE', headers }))
  const path = `${W}/onlineEndpoints/of-quarter${V}`
  const { id } = reviewIn(await call('scientist', 'PUT', path, BODY))
  const review = `/_harness/api/reviews/${id}`
  const { shownDigest } = (await call('reviewer', 'GET', review)).json() as { shownDigest: string }
  const verdict = { verdict: 'approve', shownDigest, comment: '=fine' }
  const approve = await call('reviewer', 'POST', `${review}/verdicts`, verdict)
  if (approve.status !== 200) throw new Error(approve.text)
  const made = await call('scientist', 'PUT', path, BODY)
  if (made.status !== 201) throw new Error(made.text)
  await world.settled(made)
  const keys = join(folder, 'keys.json')
  await writeFile(keys, (await world.send('/_harness/keys')).text)
  await world.gateway.stop()
  const spool = join(folder, 'spool')
  await cp(world.gateway.config.audit.spool.directory, spool, { recursive: true })
  await cp(ledger, join(folder, 'ledger'), { recursive: true })
  const rows = await world.allRecords()
  const person = String(rows.find((row) => row['Method'] === 'DELETE')?.['PrincipalId'])
  left = { spool, ledger: join(folder, 'ledger'), keys, policies, person, review: id }
  await reviewing.close()
})

interface Given {
  readonly spool?: string
  readonly ledger?: string
  readonly policies?: string
  readonly more?: readonly string[]
}

async function collect(
  out: string,
  { spool, ledger, policies, more = [] }: Given = {},
  options: RunOptions = {},
): Promise<Ran> {
  const args = [
    'evidence',
    'collect',
    '--from',
    FROM,
    '--to',
    TO,
    '--spool',
    spool ?? left.spool,
    '--out',
    out,
    '--policies',
    policies ?? left.policies,
    '--repository',
    ...identities.flatMap((name) => ['--identity', name]),
    '--ledger',
    ledger ?? left.ledger,
    '--keys',
    left.keys,
    ...more,
  ]
  return run(args, options)
}

/** Rows of a table of the bundle, by their columns. Python reads it, as another program. */
async function table(out: string, path: string): Promise<readonly Record<string, string>[]> {
  const program =
    'import csv,json,sys; print(json.dumps(list(csv.DictReader(open(sys.argv[1], newline="", encoding="utf-8")))))'
  const { stdout } = await exec('python3', ['-c', program, join(out, path)])
  return JSON.parse(stdout) as Record<string, string>[]
}

const copyOf = async (t: Test, from: string): Promise<string> => {
  const to = join(t.testdir(), 'copy')
  await cp(from, to, { recursive: true })
  return to
}

t.test('each of the steps says how far it is, if it takes long', async (t) => {
  const out = join(t.testdir(), 'slow')
  const seen = new Set<string>()
  let time = Date.now()
  const terminal: RunOptions = {
    // a clock by which everything takes long
    now: () => (time += 2_000),
    progress: (line) => line !== null && seen.add(line.replace(/: .*/, '')),
  }
  const { status, err } = await collect(out, {}, terminal)
  t.equal(status, 3, err)
  t.match(await run(['evidence', 'verify', out], terminal), { status: 0 })
  t.same(
    [...seen],
    [
      'checking documents',
      'reading commits',
      'reading records',
      'checking records',
      'reading the sample',
      'checking files',
    ],
  )
})

t.test('a whole quarter is proved complete, and says what to look at', async (t) => {
  const out = join(t.testdir(), 'q3')
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const [secret, open] = [join(t.testdirName, 'secret.pem'), join(t.testdirName, 'public.pem')]
  await writeFile(secret, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  await writeFile(open, publicKey.export({ type: 'spki', format: 'pem' }))
  const ran = await collect(out, { more: ['--sign', secret, '--output', 'json'] })
  t.equal(ran.status, 3, ran.err + ran.out)
  const told = JSON.parse(ran.out)
  t.match(told, { out, incomplete: 0 })

  const exceptions = await table(out, 'exceptions.csv')
  t.equal(exceptions.length, told.exceptions)
  t.ok(exceptions.every(({ kind }) => kind === 'exception'))
  t.ok(exceptions.some(({ what }) => what === 'nobody used it in the period'))
  t.match(await table(out, '04-policy-changes/versions.csv'), [
    { author: 'Ann', subject: 'policies', commit: /^[0-9a-f]{40}$/ },
  ])
  t.match(await table(out, '05-approvals/reviews.csv'), [
    { review: left.review, state: 'used', uses: '1' },
  ])
  t.match(await table(out, '05-approvals/verdicts.csv'), [
    { review: left.review, verdict: 'approve', comment: "'=fine" },
  ])
  t.match(await table(out, '05-approvals/uses.csv'), [{ outcome: 'success', status: '201' }])
  const denials = await table(out, '06-denials/by-code.csv')
  t.ok(denials.some(({ code, refused }) => code === 'policy_refused' && refused === '1'))
  t.ok(denials.some(({ code }) => code === 'approval_required'))
  const people = await table(out, '06-denials/by-principal.csv')
  t.match(
    people.find(({ principal }) => principal === left.person),
    { refused: '2' },
  )
  const used = (await table(out, '01-access/access.csv')).filter(
    ({ calls_in_period: calls }) => calls !== '0',
  )
  t.ok(used.length > 0 && used.every(({ last_call: last }) => last !== ''))
  t.match(await table(out, '07-integrity/chains.csv'), [
    { verified: 'valid', missing: '0', first_seq: '1', unsigned: '1' },
  ])
  t.equal((await table(out, 'mapping.csv')).length, CONTROLS.length)
  const html = await readFile(join(out, 'index.html'), 'utf8')
  for (const { id } of CONTROLS) t.match(html, id)
  t.ok((await readFile(join(out, '09-samples', 'records.jsonl'), 'utf8')).split('\n').length > 5)

  const files = await readdir(out, { recursive: true })
  for (const path of files.filter((name) => name.endsWith('.csv'))) {
    const lines = await readFile(join(out, path.replace(/csv$/, 'jsonl')), 'utf8')
    const rows = lines
      .split('\n')
      .slice(0, -1)
      .map((line) => Object.entries(JSON.parse(line) as object))
    t.same(
      rows.map((row) => row.map(([name, value]) => [name, String(value)])),
      readCsv(path, await readFile(join(out, path), 'utf8')).map(({ values }) => [...values]),
      path,
    )
  }

  // without the program that made it
  await exec('sha256sum', ['--check', '--quiet', 'sha256sums.txt'], { cwd: out })
  await exec(
    'openssl',
    [
      'pkeyutl',
      '-verify',
      '-pubin',
      '-inkey',
      open,
      '-rawin',
      '-in',
      'manifest.json',
      '-sigfile',
      'manifest.json.sig',
    ],
    { cwd: out },
  )
  t.match(await run(['evidence', 'verify', out, '--key', open]), { status: 0, out: /0 faults/ })
  // the documents are verified where they lie
  const documents = join(out, '05-approvals', 'documents')
  t.ok((await readdir(documents)).length > 0)
})

t.test('every change of a bundle is found', async (t) => {
  const out = join(t.testdir(), 'q3')
  await collect(out)
  const verify = async (...more: string[]) => run(['evidence', 'verify', out, ...more])
  t.match(await verify(), { status: 0 })
  const file = join(out, '06-denials', 'by-code.csv')
  const text = await readFile(file)
  await appendFile(file, 'x,1,1,,\r\n')
  t.match(await verify(), { status: 1, out: /by-code\.csv is not what was collected/ })
  await rm(file)
  t.match(await verify(), { status: 1, out: /by-code\.csv is missing/ })
  await writeFile(file, text)
  await writeFile(join(out, 'more.csv'), '')
  t.match(await verify(), { status: 1, out: /more\.csv is not in the manifest/ })
  await rm(join(out, 'more.csv'))
  const { publicKey } = generateKeyPairSync('ed25519')
  const key = join(t.testdirName, 'public.pem')
  await writeFile(key, publicKey.export({ type: 'spki', format: 'pem' }))
  t.match(await verify('--key', key), { status: 1, out: /it is not signed/ })
  const manifest = join(out, 'manifest.json')
  const whole = await readFile(manifest, 'utf8')
  await writeFile(manifest, whole.replace(/"path": "[^"]*"/, '"path": "../../etc/passwd"'))
  t.match(await verify(), { status: 1, out: /is no manifest/ })
  await writeFile(manifest, '{')
  t.match(await verify(), { status: 1, out: /is no manifest/ })
  t.match(await run(['evidence', 'verify', t.testdirName]), {
    status: 1,
    err: /has no manifest\.json/,
  })
})

t.test('what is taken away is found, and the bundle is not complete', async (t) => {
  const out = join(t.testdir(), 'out')
  const incomplete = async (given: Given): Promise<string> => {
    await rm(out, { recursive: true, force: true })
    const { status, err } = await collect(out, given)
    t.equal(status, 1, err)
    return (await table(out, 'exceptions.csv'))
      .filter(({ kind }) => kind === 'incomplete')
      .map(({ what, where }) => `${what} (${where})`)
      .join('\n')
  }

  const [chain = ''] = (await readdir(left.spool)).filter((name) => /^[0-9a-f]{8}-/.test(name))
  const segmentOf = async (spool: string): Promise<string> => {
    const names = (await readdir(join(spool, chain))).sort()
    return join(spool, chain, names.at(-1) ?? '')
  }
  const noRecord = await copyOf(t, left.spool)
  const file = await segmentOf(noRecord)
  const lines = (await readFile(file, 'utf8')).split('\n')
  const at = lines.findIndex((line) => line.includes('"policy_refused"'))
  await writeFile(file, lines.toSpliced(at, 1).join('\n'))
  t.match(await incomplete({ spool: noRecord }), /chain /, 'a record')

  const noEnd = await copyOf(t, left.spool)
  const cut = await segmentOf(noEnd)
  const stopped = lines.findIndex((line) => line.includes('"audit_closing"'))
  const group = lines.slice(0, stopped).findLastIndex((line) => line.startsWith('{"group"'))
  await writeFile(cut, `${lines.slice(0, group + 1).join('\n')}\n`)
  t.match(await incomplete({ spool: noEnd }), /the gateway had not stopped/, 'the end')

  const noCommit = await copyOf(t, join(left.policies, '..'))
  await appendFile(join(noCommit, 'policies', 'bindings.yaml'), '\n')
  await git(noCommit, 'commit', '-q', '-a', '--amend', '-m', 'others')
  await rm(out, { recursive: true, force: true })
  t.equal((await collect(out, { policies: join(noCommit, 'policies') })).status, 3)
  t.ok(
    (await table(out, 'exceptions.csv')).some(
      ({ what }) => what === 'no commit has these policies',
    ),
  )

  const noVerdict = await copyOf(t, left.ledger)
  await rm(join(noVerdict, 'v', left.review), { recursive: true })
  t.match(await incomplete({ ledger: noVerdict }), /use 1 had 0 approvals of 1/, 'a verdict')

  const noReview = await copyOf(t, left.ledger)
  for (const kind of ['r', 'v', 'u', 'o'])
    for (const name of await readdir(join(noReview, kind)).catch(() => []))
      if (name.includes(left.review)) await rm(join(noReview, kind, name), { recursive: true })
  t.match(await incomplete({ ledger: noReview }), /not in the ledger/, 'a review')
})

t.test('people who have left, and times that nothing is of', async (t) => {
  const out = join(t.testdir(), 'out')
  const leavers = join(t.testdirName, 'leavers.txt')
  await writeFile(
    leavers,
    `# who and when\n${left.person}, 2026-01-31T17:00:00Z\nentra/nobody 2026-02-01\n`,
  )
  await collect(out, { more: ['--leavers', leavers] })
  t.match(await table(out, '02-access-changes/leavers.csv'), [
    { principal: left.person, after_leaving: 'true' },
    { principal: 'entra/nobody', after_leaving: 'false', last_permitted_call: '' },
  ])
  t.ok(
    (await table(out, 'exceptions.csv')).some(
      ({ control, where }) => control === 'AMH-05' && where === left.person,
    ),
  )
  await writeFile(leavers, `${left.person} last week\n`)
  t.match(await collect(join(t.testdirName, 'b'), { more: ['--leavers', leavers] }), {
    status: 1,
    err: /line 1/,
  })

  const early = await collect(join(t.testdirName, 'c'), {
    more: ['--from', '2020-01-01', '--to', '2020-04-01'],
  })
  t.equal(early.status, 1)
  t.match(early.out, /there is no record of the period/)
  t.match(await collect(join(t.testdirName, 'd'), { more: ['--from', TO, '--to', FROM] }), {
    status: 2,
    err: /--from must be before --to/,
  })
  t.match(await collect(join(t.testdirName, 'd'), { more: ['--from', 'monday'] }), {
    status: 2,
    err: /--from takes/,
  })
  t.match(await collect(out), { status: 1, err: /is there already/ })
  t.match(await collect(join(t.testdirName, 'e'), { spool: t.testdirName }), {
    status: 1,
    err: /no audit chain/,
  })
  await t.rejects(stat(join(t.testdirName, 'e')), 'nothing was made')
})

t.test('the same seed chooses the same sample, another one another', async (t) => {
  const ids = async (name: string, seed: string): Promise<string[]> => {
    const out = join(t.testdirName, name)
    await collect(out, { more: ['--sample', '2', '--seed', seed] })
    const text = await readFile(join(out, '09-samples', 'records.jsonl'), 'utf8')
    const rows = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>)
    return [...new Set(rows.map((row) => row['ExchangeId'] ?? ''))].sort()
  }
  await mkdir(t.testdir(), { recursive: true })
  const one = await ids('a', 'x')
  t.equal(one.length, 2)
  t.same(await ids('b', 'x'), one)
  const others = await Promise.all(
    ['1', '2', '3', '4', '5', '6'].map((seed) => ids(`s${seed}`, seed)),
  )
  t.ok(others.some((other) => other.join() !== one.join()))
})

t.test('a value never becomes a formula', (t) => {
  const columns = ['a']
  for (const value of ['=1+1', '+1', '-1', '@x', '\t=1', '\r=1'])
    t.match(csvOf({ columns, rows: [[value]] }), `'${value[0]}`)
  t.equal(
    csvOf({ columns, rows: [['a"b,c\nd'], [null], [-1], [true]] }),
    'a\r\n"a""b,c\nd"\r\n\r\n-1\r\ntrue\r\n',
  )
  t.end()
})
