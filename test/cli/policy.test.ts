import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { EXIT } from '../../src/cli/io.ts'
import { run as runArgs, type Ran } from './support/run.ts'
import { spoolText } from './support/spool-text.ts'
import { SHIPPED, SUB, WS, writePolicies } from '../policy/support.ts'

// too long for `npm run test:quick`
t.setTimeout(300_000)

type Words = readonly string[]
const explain: Words = ['explain']
const policyCheck: Words = ['policy', 'check']
const policyDiff: Words = ['policy', 'diff']
const policyMatrix: Words = ['policy', 'matrix']
const policySchema: Words = ['policy', 'schema']
const policyTest: Words = ['policy', 'test']

const run = (command: Words, ...args: string[]): Promise<Ran> => runAt(0, command, ...args)

async function runAt(now: number, command: Words, ...args: string[]): Promise<Ran> {
  const { status, out, err } = await runArgs([...command, ...args], {
    cwd: SHIPPED,
    now: () => now,
  })
  return { status, out: out.trimEnd(), err: err.trimEnd() }
}

const IDS = ['--identity', 'ml-reader', '--identity', 'ml-writer']
const HERE = ['--policies', '.', ...IDS]

t.test('policy check says that the shipped policies are sound, or all that is wrong', async (t) => {
  const sound = await run(policyCheck, ...HERE)
  t.equal(sound.status, EXIT.ok)
  t.match(sound.out, 'readers-on-lab (reader) is inherited by every workspace in ResourceGroup')
  t.match(JSON.parse((await run(policyCheck, ...HERE, '--json')).out), {
    ok: true,
    faults: [],
    notes: [],
  })
  const noted = await writePolicies(t, {
    'late.cedar':
      '@id("late") @reason("r")\nforbid (principal, action in Action::"read", resource)\nunless { context has tags };',
  })
  const notes = await run(policyCheck, '--policies', noted.directory, ...IDS)
  t.equal(notes.status, EXIT.ok)
  t.match(notes.out, /note: late\.cedar:1: late refuses reads before Azure has answered/)
  const { directory } = await writePolicies(t, {
    'a.cedar': 'permit (principal, action, resource);\npermit',
  })
  const bad = await run(policyCheck, '--policies', directory, ...IDS)
  t.equal(bad.status, EXIT.failed)
  t.match(bad.err, 'a.cedar:1')
  t.match(bad.err, 'a.cedar:2')
  const json = await run(policyCheck, '--policies', directory, ...IDS, '--json')
  t.match(JSON.parse(json.out), { ok: false, faults: [{ file: 'a.cedar', line: 1 }] })
  t.equal((await run(policyCheck)).status, EXIT.usage)
  t.equal((await run(policyCheck, '--policies', '.', '--config', 'x')).status, EXIT.usage)
})

t.test('policies, identities and issuers are taken from the configuration', async (t) => {
  const directory = t.testdir({ 'harness.yaml': 'policies: 1' })
  const config = join(directory, 'harness.yaml')
  t.match(await run(policyCheck, '--config', config), {
    status: EXIT.failed,
    err: /harness\.yaml has .*faults/,
  })
  const example = join(SHIPPED, '..', 'config', 'harness.yaml')
  const sound = await run(policyCheck, '--config', example)
  t.equal(sound.status, EXIT.ok, sound.err)
})

t.test(
  'policy test runs the cases and fails if one is not as expected, or if there is none',
  async (t) => {
    const shipped = await run(policyTest, ...HERE)
    t.equal(shipped.status, EXIT.ok)
    t.match(shipped.err, /^\d+ passed, 0 failed/)
    const suite = `workspace: ${WS}\nprincipals: { me: {} }\ncases: [{ who: me, does: workspaces/read, decision: permit }]\n`
    const files = { 'x.tests.yaml': suite }
    const { directory } = await writePolicies(t, files)
    const wrong = await run(policyTest, '--policies', directory, ...IDS)
    t.equal(wrong.status, EXIT.failed)
    t.match(wrong.err, 'x.tests.yaml: me workspaces/read on Workspace: refuse')
    t.match(JSON.parse((await run(policyTest, '--policies', directory, ...IDS, '--json')).out), {
      file: 'x.tests.yaml',
    })
    await writeFile(join(directory, 'x.tests.yaml'), 'nonsense: true\n')
    t.equal((await run(policyTest, '--policies', directory, ...IDS)).status, EXIT.failed)
    const none = await writePolicies(t, {})
    t.equal((await run(policyTest, '--policies', none.directory, ...IDS)).status, EXIT.failed)
  },
)

t.test('the committed schema and matrix are what the commands print', async (t) => {
  const schema = await run(policySchema)
  t.equal(await readFile(join(SHIPPED, 'schema.cedarschema'), 'utf8'), `${schema.out}\n`)
  const matrix = await run(policyMatrix, ...HERE)
  const page = await readFile(join(SHIPPED, '..', 'docs', 'policy-matrix.md'), 'utf8')
  t.ok(page.endsWith(`\n${matrix.out}\n`), 'npm: azureml-harness policy matrix')
})

const REQUEST = `PUT ${WS}/jobs/train?api-version=2024-04-01`

async function principalFile(t: Test, groups: readonly string[]): Promise<string> {
  const directory = t.testdir({ 'me.json': JSON.stringify({ id: 'okta/me', groups }) })
  return join(directory, 'me.json')
}

t.test('explain says who, what, why and what would have to change', async (t) => {
  const me = await principalFile(t, ['okta/ml-readers'])
  const refused = await run(
    explain,
    ...HERE,
    '--principal',
    me,
    '--request',
    REQUEST,
    '--facts',
    '{"instanceCount": 2}',
  )
  t.equal(refused.status, EXIT.ok)
  for (const words of [
    'refuse (policy_refused)',
    'User::"okta/me"',
    'jobs/write',
    'the role data-scientist',
  ]) {
    t.match(refused.out, words)
  }
  const read = await run(
    explain,
    ...HERE,
    '--principal',
    me,
    '--request',
    REQUEST.replace('PUT', 'GET'),
  )
  for (const words of [
    'reader@readers-on-lab',
    'templates/reader.cedar:',
    'inherited',
    'identity: ml-reader',
    'redact',
  ]) {
    t.match(read.out, words)
  }
  const keys = `POST ${WS}/listKeys?api-version=2024-04-01`
  t.match(
    (await run(explain, ...HERE, '--principal', me, '--request', keys)).out,
    'adding a permit does not help',
  )
  const json = await run(explain, ...HERE, '--principal', me, '--request', REQUEST, '--json')
  t.match(JSON.parse(json.out), { verdict: 'refuse', rules: [] })
  t.equal((await run(explain, ...HERE, '--principal', me)).status, EXIT.usage)
  const asked = [...HERE, '--principal', me, '--request']
  t.equal((await run(explain, ...asked, 'GET /nowhere')).status, EXIT.failed)
  t.equal((await run(explain, ...asked, REQUEST, '--facts', '[]')).status, EXIT.failed)
})

const ROW = {
  PrincipalId: 'okta/me',
  PrincipalKind: 'user',
  PrincipalIssuer: 'okta',
  Action: 'Microsoft.MachineLearningServices/workspaces/jobs/read',
  Effect: 'read',
  Family: 'arm',
  ResourceType: 'Job',
  TargetResourceId: `${WS}/jobs/train`,
  Workspace: WS,
  Decision: 'permit',
  PolicyIds: ['reader@readers-on-lab'],
  PolicyVersion: 'earlier',
  Reason: 'readers may look',
}

t.test(
  'explain of a write without its facts says which is asked, and how to give it',
  async (t) => {
    const { directory } = await writePolicies(t, {
      'a.cedar': `@id("all") @reason("r") @identity("ml-writer")
permit (principal, action in [Action::"read", Action::"write"], resource);
@id("own") @reason("jobs are of project churn")
forbid (principal, action in Action::"write", resource)
when { context has tags && !context.tags.contains("project=churn") };`,
      'me.json': JSON.stringify({ id: 'okta/me', groups: [] }),
    })
    const me = join(directory, 'me.json')
    const asked = ['--policies', directory, ...IDS, '--principal', me, '--request', REQUEST]
    const untold = await run(explain, ...asked)
    t.match(untold.out, /^refuse \(fact_unknown\): policy asks for "tags" here/)
    t.match(untold.out, /change {2}tell that fact with --facts, as in --facts '\{"tags"/)
    t.match((await run(explain, ...asked, '--facts', '{"tags":["project=churn"]}')).out, /^permit/)
  },
)

t.test('explain finds a recorded decision by its id', async (t) => {
  const text = spoolText([
    ['authorized', ROW],
    ['completed', ROW],
    ['received', { Event: 'x' }],
  ])
  const spool = t.testdir({ '0000010000-000001.jsonl': text })
  const found = await run(explain, ...HERE, '--decision', 'd-0', '--spool', spool)
  t.equal(found.status, EXIT.ok)
  t.match(found.err, 'the policies have changed since')
  t.match(found.out, 'recorded  permit by reader@readers-on-lab')
  t.match(found.out, 'permit: ')
  const { version } = JSON.parse((await run(policyCheck, ...HERE, '--json')).out)
  const same = t.testdir({
    '0000010000-000001.jsonl': spoolText([
      ['authorized', { ...ROW, PolicyVersion: version, PrincipalGroups: ['okta/ml-readers'] }],
      ['authorized', { ...ROW, PolicyVersion: version, PolicyIds: ['reader@gone'] }],
    ]),
  })
  const byId = (id: string): Promise<Ran> =>
    run(explain, ...HERE, '--decision', id, '--spool', same, '--json')
  t.match(JSON.parse((await byId('d-0')).out), {
    verdict: 'permit',
    recorded: { verdict: 'permit', policies: ['reader@readers-on-lab'], version },
    reproduced: true,
  })
  t.match(JSON.parse((await byId('d-1')).out), { verdict: 'refuse', reproduced: false })
  const unsure = await run(explain, ...HERE, '--decision', 'd-1', '--spool', same)
  t.match(unsure.err, 'the record lacks facts')
  t.equal((await run(explain, ...HERE, '--decision', 'd-2', '--spool', spool)).status, EXIT.failed)
  t.equal((await run(explain, ...HERE, '--decision', 'd-9', '--spool', spool)).status, EXIT.failed)
})

t.test(
  'explain takes a token from standard input only, and never with another source',
  async (t) => {
    const config = join(SHIPPED, '..', 'config', 'harness.yaml')
    const request = ['--request', REQUEST]
    for (const args of [
      ['--config', config, '--token', 'eyJ', ...request],
      [...HERE, '--token', '-', ...request],
      ['--config', config, '--token', '-', '--principal', 'x', ...request],
      ['--config', config, '--token', '-'],
      ['--config', config, '--token', '-', ...request, '--decision', 'd'],
      [...HERE, '--decision', 'd'],
    ]) {
      t.equal((await run(explain, ...args)).status, EXIT.usage, args.join(' '))
    }
    t.match(await run(explain, '--config', config, '--token', '-', ...request), {
      status: EXIT.failed,
      err: /no token on standard input\n  azureml-harness token/,
    })
  },
)

t.test('policy check reports bindings that no token has carried for so many days', async (t) => {
  const DAY = 86_400_000
  const at = (days: number): string => new Date(100 * DAY + days * DAY).toISOString()
  const spool = t.testdir({
    '0000010000-000001.jsonl': spoolText([
      ['authorized', { ...ROW, EventTime: at(-40), PolicyIds: [] }],
      ['authorized', { ...ROW, EventTime: at(-1), PrincipalGroups: ['okta/ml-readers'] }],
    ]),
  })
  const args = [...HERE, '--spool', spool]
  const text = await runAt(100 * DAY, policyCheck, ...args)
  t.equal(text.status, EXIT.ok)
  t.match(text.out, 'stale: binding scientists-on-lab')
  t.notMatch(text.out, 'stale: binding readers-on-lab')
  const json = await runAt(100 * DAY, policyCheck, ...args, '--days', '30', '--json')
  t.match(JSON.parse(json.out).stale, [{ id: 'scientists-on-lab', lastSeen: null }])
  const short = await runAt(100 * DAY, policyCheck, ...args, '--days', '60')
  t.notMatch(short.out, 'stale')
  t.match(short.err, 'reach back 40 of 60 days')
  t.equal((await run(policyCheck, ...HERE, '--days', '3')).status, EXIT.usage)
  t.equal((await run(policyCheck, ...args, '--days', '0')).status, EXIT.usage)
})

t.test('policy diff replays a spool and lists what changes', async (t) => {
  const text = spoolText([
    ['authorized', ROW],
    ['authorized', ROW],
    ['authorized', { ...ROW, PolicyIds: ['reader@gone'] }],
    [
      'refused',
      {
        ...ROW,
        Decision: 'refuse',
        PolicyIds: [],
        PrincipalId: 'okta/other',
        PrincipalGroups: ['okta/x'],
      },
    ],
  ])
  const directory = t.testdir({
    spool: { '0000010000-000001.jsonl': text },
    other: {
      templates: {},
      'bindings.yaml': 'identities: [ml-reader, ml-writer]\nbindings: []\n',
      'a.cedar': `@id("all") @reason("all") @identity("ml-reader") permit (principal in Group::"okta/x", action, resource in Subscription::"${SUB}");`,
    },
  })
  const spool = join(directory, 'spool')
  const other = join(directory, 'other')
  const same = await run(policyDiff, '.', '.', '--replay', spool, ...IDS)
  t.equal(same.status, EXIT.ok)
  t.match(same.err, '3 decisions compared, 1 left out')
  const changed = await run(
    policyDiff,
    '.',
    other,
    '--replay',
    join(spool, '0000010000-000001.jsonl'),
    ...IDS,
  )
  t.equal(changed.status, EXIT.failed)
  t.match(changed.out, '2 × okta/me')
  t.match(changed.out, 'is  refuse by default')
  t.match(changed.out, 'is  permit as ml-reader by all')
  const json = await run(policyDiff, '.', other, '--replay', spool, ...IDS, '--json')
  t.match(JSON.parse(json.out), { replayed: 3, unreproducible: 1 })
  t.equal((await run(policyDiff, '.', '.')).status, EXIT.usage)
  t.equal((await run(policyDiff, '.', '/nowhere', '--replay', spool, ...IDS)).status, EXIT.failed)
})

t.test(
  'policy diff judges recorded sign-ins anew, and says of which it knows nothing',
  async (t) => {
    const permitAll =
      '@id("all") @reason("all") @identity("ml-reader") permit (principal, action, resource);'
    const fresh = (seconds: number) =>
      `${permitAll} @id("fresh") @reason("fresh") @stepup("max-age=${seconds} methods=mfa") forbid (principal, action, resource);`
    const bindings = 'identities: [ml-reader, ml-writer]\nbindings: []\n'
    const policies = (text: string) => ({
      templates: {},
      'bindings.yaml': bindings,
      'a.cedar': text,
    })
    const told = { signInAgeSeconds: 500, tokenAgeSeconds: 10, methods: ['mfa'] }
    const row = { ...ROW, PolicyIds: ['all'] }
    const recorded = { ...row, Facts: told }
    const refused = { ...row, PolicyIds: ['fresh'], Decision: 'refuse' }
    const directory = t.testdir({
      with: { '0000010000-000001.jsonl': spoolText([['authorized', recorded]]) },
      without: {
        '0000010000-000001.jsonl': spoolText([
          ['authorized', row],
          ['refused', refused],
        ]),
      },
      none: policies(permitAll),
      long: policies(fresh(900)),
      short: policies(fresh(60)),
    })
    const at = (name: string): string => join(directory, name)
    const diff = (old: string, now: string, spool: string) =>
      run(policyDiff, at(old), at(now), '--replay', at(spool), ...IDS)
    t.equal((await diff('none', 'long', 'with')).status, EXIT.ok, 'it was fresh enough')
    const shorter = await diff('long', 'short', 'with')
    t.equal(shorter.status, EXIT.failed)
    t.match(shorter.out, 'is  refuse by fresh')
    t.notMatch(shorter.err, 'assumed')
    const unknown = await diff('long', 'short', 'without')
    t.equal(unknown.status, EXIT.ok, 'what was good enough is taken to be so still')
    t.match(unknown.err, '2 of them rest on an assumed sign-in')
    t.match(unknown.err, '2 decisions compared, 0 left out')
  },
)

t.test('policy check shows periods, and with --require-until wants an end', async (t) => {
  const bound = (id: string, until: string) =>
    JSON.stringify({
      template: 'reader',
      principal: `User::"e/${id}"`,
      resource: `Workspace::"${WS}"`,
      ...(until === '' ? {} : { until }),
    })
  const { directory } = await writePolicies(t, {
    'templates/reader.cedar':
      '@id("reader") @reason("r") @identity("ml-reader") permit (principal in ?principal, action, resource in ?resource);',
    'bindings.d/alice.yaml': bound('alice', '1970-01-02T00:00:00Z'),
    'bindings.d/bob.yaml': bound('bob', ''),
  })
  const plain = await run(policyCheck, '--policies', directory, ...IDS)
  t.equal(plain.status, EXIT.ok)
  t.match(plain.out, 'note: bindings.d/alice.yaml:1: binding alice ends in 1 day')
  const strict = await run(policyCheck, '--policies', directory, ...IDS, '--require-until')
  t.equal(strict.status, EXIT.failed)
  t.match(strict.err, 'bindings.d/bob.yaml:1: binding "bob" of a User has no end')
  t.notMatch(strict.err, 'alice')
})

t.test('commands that read policies say on a terminal how far they are', async (t) => {
  for (const args of [
    [...policyCheck, ...HERE],
    [...policyMatrix, ...HERE],
    ['policy', 'plan', '.', '.', ...IDS],
    ['who-can', 'workspaces/jobs/read', '--on', WS, ...HERE],
  ]) {
    const lines: (string | null)[] = []
    let now = 0
    await runArgs(args, {
      cwd: SHIPPED,
      // each look at the clock is two seconds later
      now: () => (now += 2_000),
      progress: (line) => void lines.push(line),
    })
    const name = args.slice(0, 2).join(' ')
    t.match(lines[0], /^reading policies: \d+%, about \d+ s left$/, name)
    t.equal(lines.at(-1), null, name)
  }
})
