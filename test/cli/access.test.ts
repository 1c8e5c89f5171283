/** Who can do what, and the smallest change that permits a refused call, on real files. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { SHIPPED, WS } from '../policy/support.ts'
import { run } from './support/run.ts'
import { spoolText } from './support/spool-text.ts'

const IDS = ['--identity', 'ml-reader', '--identity', 'ml-writer']
const DECISION = 'd-0'

/** A policy repository that binds readers, with one refused call on record. */
async function repository(t: Test, refused: Readonly<Record<string, unknown>> = {}) {
  const directory = t.testdir({
    'bindings.yaml': `identities: [ml-reader, ml-writer]
groups: { readers: okta/readers, everybody: okta/everybody }
workspaces: { lab: ${WS} }
bindings:
  - { id: readers, template: reader, principal: 'Group::"readers"', resource: 'Workspace::"lab"' }
  - { id: all, template: endpoint-caller, principal: 'Group::"everybody"', resource: 'Workspace::"lab"' }
  - { id: boss, template: workspace-admin, principal: 'User::"okta/boss"', resource: 'Workspace::"lab"' }
`,
    templates: t.fixture('symlink', join(SHIPPED, 'templates')),
    'secrets.cedar': t.fixture('symlink', join(SHIPPED, 'secrets.cedar')),
  })
  const row = (given: object) => ({
    Decision: 'refuse',
    PrincipalId: 'okta/ann',
    PrincipalKind: 'user',
    PrincipalIssuer: 'okta',
    PrincipalGroups: ['okta/readers', 'okta/everybody'],
    Action: 'Microsoft.MachineLearningServices/workspaces/jobs/write',
    Effect: 'write',
    Family: 'arm',
    ResourceType: 'Job',
    TargetResourceId: `${WS}/jobs/a`,
    Workspace: WS,
    ...given,
  })
  const text = spoolText([
    ['refused', row(refused)],
    ['refused', row({ PrincipalId: 'okta/bob', PrincipalGroups: ['okta/everybody'] })],
  ])
  const spool = join(directory, 'records.jsonl')
  await writeFile(spool, text)
  return { directory, spool }
}

t.test('who-can lists everybody whom a rule names, by the names of bindings.yaml', async (t) => {
  const { directory } = await repository(t)
  const ask = async (...args: string[]) => run([...args, '--policies', directory, ...IDS])
  const reads = await ask('who-can', 'workspaces/jobs/read', '--on', 'lab')
  t.equal(reads.status, 0, reads.err)
  t.match(reads.out, /Group readers +(permit|depends) +reader@readers/)
  t.match(reads.out, /User okta\/boss/)
  t.notMatch(reads.out, 'everybody')
  const secrets = await ask('who-can', 'workspaces/listKeys/action', '--on', WS)
  t.match(secrets, { status: 1, out: 'nobody\n' })
  t.match(await ask('who-can', 'workspaces/jobs/raed', '--on', 'lab'), {
    status: 2,
    err: /unknown action "workspaces\/jobs\/raed"; did you mean ".*jobs\/read"/,
  })
  t.match(await ask('who-can', 'workspaces/jobs/read', '--on', 'nowhere'), {
    status: 2,
    err: /"nowhere" is neither an ARM id nor a workspace/,
  })
})

t.test('can answers for a group, a person and a stranger', async (t) => {
  const { directory } = await repository(t)
  const ask = async (who: string, ...args: string[]) =>
    run(['can', ...args, '--on', 'lab', '--who', who, '--policies', directory, ...IDS])
  t.equal((await ask('Group::readers', 'workspaces/jobs/read')).status, 0)
  t.equal((await ask('Group::readers', 'workspaces/jobs/write')).status, 1)
  t.equal((await ask('User::okta/boss', 'workspaces/jobs/write')).status, 0)
  t.equal((await ask('User::okta/stranger', 'workspaces/jobs/read')).status, 1)
  const all = await ask('Group::readers', '--list', '--output', 'json')
  const actions = (JSON.parse(all.out) as { action: string; may: string }[]).map(
    ({ action }) => action,
  )
  t.ok(actions.includes('Microsoft.MachineLearningServices/workspaces/jobs/read'))
  t.notOk(actions.some((action) => action.endsWith('/write')))
  t.match(await ask('Group::readers'), { status: 2, err: /either an ACTION or --list/ })
})

t.test(
  'whoever cannot be meant is named, and not taken for somebody who may nothing',
  async (t) => {
    const { directory } = await repository(t)
    const as = (who: string) =>
      run([
        'can',
        'workspaces/jobs/read',
        '--on',
        'lab',
        '--who',
        who,
        '--policies',
        directory,
        ...IDS,
      ])
    t.match(await as('Group::"reader"'), {
      status: 2,
      err: /no Group is called "reader"; did you mean "readers"\?/,
    })
    t.match(await as('Grup::"readers"'), { status: 2, err: /"Grup" is no kind of principal/ })
    t.match(await as(''), { status: 2, err: /--who is Type::"id"/ })
    t.match(await as(directory), { status: 1, err: /is a directory\n/ })
    t.match(await as('nobody.json'), { status: 1, err: /nobody\.json" does not exist/ })
  },
)

t.test('propose binds the smallest role for the smallest group of the caller', async (t) => {
  const { directory, spool } = await repository(t)
  const args = ['policy', 'propose', '--policies', directory, ...IDS, '--spool', spool]
  const ask = async (...more: string[]) => run([...args, '--decision', DECISION, ...more])
  const shown = await ask()
  t.equal(shown.status, 0, shown.err)
  t.match(shown.out, 'principal: Group::"readers"')
  t.match(shown.out, 'resource: Workspace::"lab"')
  t.match(shown.out, /gives +\d+ actions, .*, besides what the caller has there/)
  t.match(shown.out, /recorded +1 of 2 decisions would have been different/)
  t.match(shown.out, /Azure +the roles of the managed identities (change|stay)/)
  t.match(shown.out, '--write writes the file')

  const until = await ask('--for', 'caller', '--until', '14d', '--output', 'json', '--write')
  t.equal(until.status, 0, until.err)
  const { path, text } = JSON.parse(until.out) as { path: string; text: string }
  t.match(text, 'principal: User::"okta/ann"')
  t.match(text, /until: 20\d\d-/)
  t.equal(await readFile(path, 'utf8'), text)
  t.equal((await run(['policy', 'check', '--policies', directory, ...IDS])).status, 0)
  t.match(await ask(), { status: 1, err: /nothing to propose: the call is permitted now/ })

  t.match(await run([...args, '--decision', 'nobodys']), {
    status: 1,
    err: /there is no refusal by policy with decision "nobodys"/,
  })
  t.match(await ask('--until', 'tomorrow'), { status: 2, err: /"tomorrow" is not an instant/ })
  t.match(await ask('--until', '2001-01-01T00:00:00Z'), { status: 2, err: /in the past/ })
})

t.test(
  'propose writes a policy where no role has the action, and nothing over a forbid',
  async (t) => {
    const { directory, spool } = await repository(t)
    await rm(join(directory, 'templates'))
    await mkdir(join(directory, 'templates'))
    await writeFile(
      join(directory, 'templates', 'keeper.cedar'),
      `@id("keeper") @reason("keeps datastores") @identity("ml-writer")
permit (principal in ?principal, action in Action::"write", resource in ?resource)
when { resource is Datastore };`,
    )
    const bindings = `identities: [ml-reader, ml-writer]
bindings: [{ id: k, template: keeper, principal: 'Group::"okta/readers"', resource: 'Workspace::"${WS}"' }]`
    await writeFile(join(directory, 'bindings.yaml'), bindings)
    const args = ['policy', 'propose', '--policies', directory, ...IDS, '--decision', DECISION]
    const written = await run([...args, '--spool', spool, '--write', '--output', 'json'])
    t.equal(written.status, 0, written.err)
    const { kind, path, text, gain } = JSON.parse(written.out) as Record<string, unknown>
    t.equal(kind, 'policy')
    t.equal(dirname(String(path)), directory)
    t.match(text, 'action == Action::"Microsoft.MachineLearningServices/workspaces/jobs/write"')
    t.match(text, `resource in Workspace::"${WS}"`)
    t.match(text, '@identity("ml-writer")')
    t.match(gain, { actions: 1, deletes: 0, secrets: 0 })
    t.equal((await run(['policy', 'check', '--policies', directory, ...IDS])).status, 0)
    const ask = ['--on', WS, '--who', 'Group::okta/readers', '--policies', directory, ...IDS]
    t.equal((await run(['can', 'workspaces/jobs/write', ...ask])).status, 0)
    t.equal((await run(['can', 'workspaces/jobs/delete', ...ask])).status, 1)

    const secret = await repository(t, {
      Action: 'Microsoft.MachineLearningServices/workspaces/listKeys/action',
      Effect: 'invoke',
      Secrets: true,
      RefusalCode: 'secrets_refused',
      ResourceType: 'Workspace',
      TargetResourceId: WS,
      PolicyIds: ['secrets'],
    })
    const forbidden = ['policy', 'propose', '--policies', secret.directory, ...IDS]
    t.match(await run([...forbidden, '--decision', DECISION, '--spool', secret.spool]), {
      status: 1,
      err: /secrets forbids it, whatever is bound/,
    })
  },
)
