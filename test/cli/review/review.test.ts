/**
 * `access review`: rows from policies and records, and decisions carried out on the files of the bindings. On real files,
 * with git and the real recorder.
 */
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { csvOf, readCsv } from '../../../src/cli/csv.ts'
import { createDecide } from '../../../src/policy/decide.ts'
import { loadPolicy } from '../../../src/policy/load/load.ts'
import { makeSpool } from '../evidence/made-spool.ts'
import { operation, principal, SHIPPED, WS } from '../../policy/support.ts'
import { run, type Ran } from '../support/run.ts'

const NOW = Date.parse('2026-10-12T09:00:00Z')
const IN_QUARTER = Date.parse('2026-08-10T09:00:00Z')
const OWN = `
@id("metrics-for-all")
@reason("everybody may look at metrics")
@identity("ml-reader")
permit (
  principal,
  action == Action::"Microsoft.MachineLearningServices/workspaces/metrics/resource/write",
  resource
);
`
const BINDINGS = `# who may do what
identities: [ml-reader, ml-writer]
groups: { readers: okta/readers }
workspaces: { lab: ${WS} }
bindings:
  # everybody reads
  - id: readers
    template: reader
    principal: Group::"readers"
    resource: Workspace::"lab"
  - id: readers-again   # the same once more
    template: reader
    principal: Group::"readers"
    resource: Workspace::"lab"
    reason: "=1+1, \\"quoted\\""
  # nobody is this
  - { id: unused, template: data-scientist, principal: 'User::"okta/nobody"', resource: 'Workspace::"lab"' }
  - id: ending
    template: data-scientist
    principal: Group::"readers"
    resource: Workspace::"lab"
    until: 2027-01-31T00:00:00Z # of the project
# the end
`
const SEPARATE = `# of a ticket
template: data-scientist
principal: Service::"okta/robot"
resource: Workspace::"lab"
ticket: "@T-1"
`
const REQUESTS = `requests:
  - template: reader
    way: grant
    for: { default: 8h, max: 7d }
    approvers: [Group::"readers"]
`
const GIT = { PATH: process.env['PATH'], GIT_AUTHOR_NAME: 'Ann', GIT_AUTHOR_EMAIL: 'a@b.example' }
const ENV = { ...GIT, GIT_COMMITTER_NAME: 'Ann', GIT_COMMITTER_EMAIL: 'a@b.example' }

interface Made {
  readonly policies: string
  readonly folder: string
  readonly spool: string
  /** A review of the quarter, as it is given out. */
  readonly table: string
  readonly git: (...args: string[]) => string
  readonly review: (...args: string[]) => Promise<Ran>
}

/** Policies in a clone, and the records of three calls of Ann's and one of Bob's. */
async function made(t: Test): Promise<Made> {
  const folder = t.testdir({ ml: { 'bindings.d': {}, templates: {} }, spool: {} })
  const policies = join(folder, 'ml')
  for (const name of ['reader', 'data-scientist'])
    await writeFile(
      join(policies, 'templates', `${name}.cedar`),
      await readFile(join(SHIPPED, 'templates', `${name}.cedar`)),
    )
  await writeFile(join(policies, 'own.cedar'), OWN)
  await writeFile(join(policies, 'bindings.yaml'), BINDINGS)
  await writeFile(join(policies, 'requests.yaml'), REQUESTS)
  await writeFile(join(policies, 'bindings.d', 'robot.yaml'), SEPARATE)
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', folder, ...args], { env: ENV, encoding: 'utf8' })
  git('init', '-q', '-b', 'main')
  git('add', 'ml')
  git('commit', '-q', '-m', 'policies')
  const spool = join(folder, 'spool')
  const set = await loadPolicy({
    directory: policies,
    bindings: join(policies, 'bindings.yaml'),
    identities: ['ml-reader', 'ml-writer'],
    now: () => IN_QUARTER,
  })
  const decide = createDecide(set, {})
  let time = IN_QUARTER
  const recorder = await makeSpool(spool, () => (time += 60_000))
  const call = async (id: string, action: string, count: number): Promise<void> => {
    const given = {
      principal: principal({ id, issuer: 'okta', groups: ['okta/readers'] }),
      operation: operation(action),
    }
    const { decision } = decide(given.principal, given.operation, {})
    await recorder.calls(count, { ...given, decision, identity: null })
  }
  await call('okta/ann', 'workspaces/read', 3)
  await call('okta/bob', 'workspaces/jobs/write', 2)
  await recorder.close()
  const args = ['--policies', policies, '--identity', 'ml-reader', '--identity', 'ml-writer']
  const review: Made['review'] = async (command, ...more) =>
    run(['access', 'review', command ?? '', ...args, ...more], { now: () => NOW, env: ENV })
  const table = join(folder, 'review.csv')
  const started = await review('start', '--quarter', '2026Q3', '--spool', spool, '--out', table)
  t.equal(started.status, 0, started.err)
  return { policies, folder, spool, table, git, review }
}

type Row = Record<string, string>

const rowsIn = async (file: string): Promise<Row[]> =>
  readCsv(file, await readFile(file, 'utf8')).map(({ values }) => Object.fromEntries(values))

const BY = {
  decision_reason: 'the project is over',
  reviewed_by: 'entra/t/owner',
  reviewed_at: '2026-10-10',
}

/** Writes a table with decisions by what they are about, as a spreadsheet would. */
async function decided(
  { table, folder }: Made,
  decisions: Readonly<Record<string, Row>>,
  name = 'decided.csv',
): Promise<string> {
  const rows = (await rowsIn(table)).map((row) => ({ ...row, ...decisions[row['through'] ?? ''] }))
  const columns = Object.keys(rows[0] ?? {})
  const file = join(folder, name)
  const cells = rows.map((row: Row) => columns.map((column) => row[column]))
  await writeFile(file, `\uFEFF${csvOf({ columns, rows: cells }).replaceAll('\r\n', '\n')}`)
  return file
}

t.test('a row for all that permits, with who used it and who would notice', async (t) => {
  const { table, spool, review, folder } = await made(t)
  const rows = await rowsIn(table)
  t.match(
    rows.map(({ kind, through, calls, people, if_removed: removed }) => [
      kind,
      through,
      calls,
      people,
      removed,
    ]),
    [
      ['binding', 'readers', '3', '1', '0 of 5 calls would change'],
      ['binding', 'readers-again', '3', '1', '0 of 5 calls would change'],
      ['binding', 'unused', '0', '0', '0 of 5 calls would change'],
      ['binding', 'ending', '5', '2', '5 of 5 calls would change'],
      ['binding', 'robot', '0', '0', '0 of 5 calls would change'],
      ['policy', 'metrics-for-all', '0', '0', ''],
    ],
  )
  const [readers, again, , ending] = rows
  t.match(readers, {
    review: '2026Q3',
    due: '2026-10-31T00:00:00.000Z',
    principal: 'Group::"okta/readers"',
    principal_name: 'readers',
    scope_name: 'lab',
    template: 'reader',
    reviewers: 'Group::"okta/readers"',
    not_replayed: '0',
    used_by: 'okta/ann',
  })
  t.match(ending, { until: '2027-01-31T00:00:00.000Z', used_by: 'okta/ann okta/bob' })
  t.equal(again?.['reason'], '=1+1, "quoted"', 'read back as it was')
  t.match(await readFile(table, 'utf8'), `"'=1+1, ""quoted"""`, 'and no formula')

  const start = async (...more: string[]): Promise<Ran> =>
    review('start', '--spool', spool, '--out', join(folder, 'more.csv'), ...more)
  t.match(await review('start', '--quarter', '2026Q3', '--spool', spool, '--out', table), {
    status: 1,
    err: /is there already/,
  })
  t.match(await start('--quarter', '2026Q3', '--reviewer', 'Group::"readers"', '-o', 'json'), {
    status: 0,
    out: /"rows":2,"complete":true/,
  })
  t.match(await start('--quarter', '2026Q3', '--reviewer', 'Group::"others"'), {
    status: 1,
    err: /nothing is for the reviewer/,
  })
  t.match(await start('--quarter', '2026Q5'), { status: 2, err: /2026Q3/ })
  t.match(await start('--quarter', '2026Q3', '--from', '2026-07-01'), { status: 2 })
  t.match(await start('--from', '2026-07-01'), { status: 2, err: /--quarter, or/ })
  t.match(await review('start', '--quarter', '2026Q3', '--out', 'x'), { status: 2, err: /--spool/ })
})

t.test('records of a period that are not all there are said', async (t) => {
  const { spool, review, folder } = await made(t)
  const [chain = ''] = (await readdir(spool)).filter((name) => /^[0-9a-f]{8}-/.test(name))
  const segment = join(spool, chain, (await readdir(join(spool, chain)))[0] ?? '')
  const lines = (await readFile(segment, 'utf8')).split('\n')
  await writeFile(segment, lines.toSpliced(4, 1).join('\n'))
  const out = join(folder, 'more.csv')
  const ran = await review('start', '--quarter', '2026Q3', '--spool', spool, '--out', out)
  t.match(ran, { status: 0, err: /calls may be missing: chain .* lacks 1 records/ })
})

t.test('decisions are carried out, and nothing else of the files changes', async (t) => {
  const here = await made(t)
  const { policies, review } = here
  const file = await decided(here, {
    readers: { decision: 'keep', ...BY },
    'readers-again': { decision: 'remove', ...BY, decision_reason: '=twice' },
    unused: { decision: 'remove', ...BY },
    ending: { decision: 'shorten-until', new_until: '2026-10-31T00:00:00Z', ...BY },
    robot: { decision: 'remove', ...BY },
  })
  const bindings = join(policies, 'bindings.yaml')
  const dry = await review('apply', file, '--dry-run')
  t.match(dry, { status: 0, out: /4 changed, 1 kept, 1 not decided: nothing was written/ })
  t.equal(await readFile(bindings, 'utf8'), BINDINGS)
  const ran = await review('apply', file)
  t.equal(ran.status, 0, ran.err)
  t.match(ran.out, /- readers-again \(reader for Group::"okta\/readers" on .*\): removed/)
  t.match(ran.out, /~ ending .*: until 2026-10-31T00:00:00.000Z, was 2027-01-31T00:00:00.000Z/)
  t.match(ran.out, '4 changed, 1 kept, 1 not decided')
  const [before = '', after = ''] = [
    BINDINGS.split('  - id: readers-again')[0],
    BINDINGS.split('resource: \'Workspace::"lab"\' }\n')[1],
  ]
  t.equal(
    await readFile(bindings, 'utf8'),
    `${before}  # nobody is this\n${after.replace('2027-01-31T00:00:00Z', '2026-10-31T00:00:00.000Z')}`,
  )
  t.same(await readdir(join(policies, 'bindings.d')), [])
  t.match(await review('apply', file), {
    status: 1,
    err: /"readers-again": there is no such binding/,
  })
})

t.test('each way in which a row cannot count, and then nothing changes', async (t) => {
  const here = await made(t)
  const { policies, review, table, folder } = here
  const remove = { decision: 'remove', ...BY }
  const cases: readonly (readonly [string, Row, RegExp])[] = [
    ['unused', { ...remove, decision_reason: ' ' }, /"unused": it has no reason/],
    ['unused', { ...remove, decision: 'delete' }, /"decision" is one of keep, remove/],
    ['unused', { ...remove, decision: '' }, /"decision" is one of/],
    ['unused', { ...remove, reviewed_by: '' }, /nobody says who decided/],
    ['unused', { ...remove, reviewed_by: 'Ann' }, /is an id such as/],
    ['unused', { ...remove, reviewed_by: 'okta/Nobody' }, /about access of their own/],
    ['readers', { ...remove, reviewed_by: 'okta/ann' }, /about access of their own/],
    ['unused', { ...remove, reviewed_at: 'today' }, /"reviewed_at" is a day or an instant/],
    ['unused', { ...remove, reviewed_at: '2026-10-13' }, /"reviewed_at" is in the future/],
    ['unused', { ...remove, new_until: '2026-11-01T00:00:00Z' }, /belongs to the decision/],
    ['ending', { ...remove, decision: 'shorten-until' }, /it has no new end/],
    ...[
      ['2027-01-31T00:00:00Z', /not before its end, 2027-01-31/] as const,
      ['2027-02-01T00:00:00Z', /not before its end/] as const,
      ['2026-10-01T00:00:00Z', /is in the past/] as const,
      ['2026-12-01', /no time zone/] as const,
    ].map(
      ([until, why]) =>
        ['ending', { ...remove, decision: 'shorten-until', new_until: until }, why] as const,
    ),
    ['metrics-for-all', remove, /is a policy, not a binding/],
    [
      'unused',
      { ...remove, principal: 'User::"okta/other"' },
      /not what access review start wrote/,
    ],
    ['unused', { ...remove, until: '2026-12-31' }, /not what access review start wrote/],
  ]
  // a decision that is good beside it is not carried out either
  const good = { 'readers-again': remove }
  for (const [through, row, why] of cases) {
    const file = await decided(here, { ...good, [through]: row })
    t.match(await review('apply', file), { status: 1, out: '', err: why }, String(why))
    t.equal(await readFile(join(policies, 'bindings.yaml'), 'utf8'), BINDINGS)
  }
  const file = await decided(here, good)
  t.match(await review('apply', file, file), { status: 1, err: /it is in line \d+ of/ })
  const changed = BINDINGS.replace(
    'readers-again   # the same once more\n    template: reader',
    'readers-again\n    template: data-scientist',
  )
  await writeFile(join(policies, 'bindings.yaml'), changed)
  t.match(await review('apply', file), { status: 1, err: /has changed since it was given out/ })
  await writeFile(join(policies, 'bindings.yaml'), BINDINGS)
  const text = await readFile(join(policies, 'templates', 'reader.cedar'), 'utf8')
  const wider = text.replace('principal in ?principal', 'principal in  ?principal')
  t.not(wider, text)
  await writeFile(join(policies, 'templates', 'reader.cedar'), wider)
  t.match(await review('apply', file), { status: 1, err: /or its template has changed/ })
  const partly = join(folder, 'partly.csv')
  await writeFile(partly, 'a,b\r\n1,2\r\n')
  t.match(await review('apply', partly), { status: 1, err: /has no column/ })
  t.match(await review('apply', table, '--dry-run', '--branch'), { status: 2 })
})

t.test('on a branch, and the checkout stays as it is', async (t) => {
  const here = await made(t)
  const { policies, review, git } = here
  const file = await decided(here, {
    unused: { decision: 'shorten-until', new_until: '2026-12-01T00:00:00Z', ...BY },
    robot: { decision: 'remove', ...BY },
  })
  const ran = await review('apply', file, '--branch', '-o', 'json')
  t.equal(ran.status, 0, ran.err)
  const { branch, commit } = JSON.parse(ran.out)
  t.equal(git('rev-parse', branch).trim(), commit)
  t.equal(await readFile(join(policies, 'bindings.yaml'), 'utf8'), BINDINGS)
  t.equal(git('status', '--porcelain', 'ml'), '')
  t.match(
    git('show', '--stat', '--format=%B', branch),
    /access review 2026Q3[^]*the project is over/,
  )
  t.equal(
    git('diff', '--name-status', 'main', branch),
    'D\tml/bindings.d/robot.yaml\nM\tml/bindings.yaml\n',
  )
  t.match(
    git('show', `${branch}:ml/bindings.yaml`),
    /resource: 'Workspace::"lab"', until: 2026-12-01T00:00:00.000Z }/,
  )
  await writeFile(join(policies, 'bindings.yaml'), `${BINDINGS}\n`)
  t.match(await review('apply', file, '--branch', 'other'), {
    status: 1,
    err: /is not as the last commit has it/,
  })
})

t.test('files in other forms: the last binding, braces, no line break at the end', async (t) => {
  const head = `identities: [ml-reader, ml-writer]\n`
  const one = `id: a, template: reader, principal: 'User::"okta/a"', resource: 'Workspace::"${WS}"'`
  const block = `  - id: b\n    template: reader\n    principal: User::"okta/b"\n    resource: Workspace::"${WS}"`
  const forms: readonly (readonly [string, string, string | null])[] = [
    [`${head}bindings:\n${block}`, 'b', `${head}bindings:\n  []`],
    [`${head}bindings: [{ ${one} }]\n`, 'a', `${head}bindings: []\n`],
    [`${head}bindings:\n${block}\n  - { ${one} }`, 'a', `${head}bindings:\n${block}\n`],
    [`${head}bindings:\n${block}\n\n  - { ${one} }\n`, 'b', `${head}bindings:\n\n  - { ${one} }\n`],
    [`bindings:\n${block}\n  - { ${one} }\n${head}`, 'a', `bindings:\n${block}\n${head}`],
    // a list in brackets of several
    [`${head}bindings: [{ ${one} }, { ${one.replace('id: a', 'id: c')} }]\n`, 'a', null],
  ]
  for (const [text, id, wanted] of forms) {
    const here = await made(t)
    const { policies, review, spool, folder } = here
    await mkdir(join(folder, 'x'))
    await writeFile(join(policies, 'bindings.yaml'), text)
    for (const name of ['requests.yaml', 'bindings.d/robot.yaml']) await rm(join(policies, name))
    const table = join(folder, 'x', 'review.csv')
    await review('start', '--quarter', '2026Q3', '--spool', spool, '--out', table)
    const file = await decided({ ...here, table }, { [id]: { decision: 'remove', ...BY } })
    const ran = await review('apply', file)
    t.equal(ran.status, wanted === null ? 1 : 0, ran.err)
    if (wanted === null) t.match(ran.err, /in a way in which this command cannot change it/)
    t.equal(await readFile(join(policies, 'bindings.yaml'), 'utf8'), wanted ?? text)
  }
})
