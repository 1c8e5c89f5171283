/**
 * Proposing a change from what a refusal says: proved, within what requests.yaml offers, and handed over in a clone or on
 * a page. On real files, with git.
 */
import { execFileSync } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createNeeds } from '../../src/access/needs.ts'
import { newFilePage } from '../../src/policy/review/new-file-page.ts'
import { operation, principal, SHIPPED, WS } from '../policy/support.ts'
import { eventually } from '../support/eventually.ts'
import { exchangeWith } from '../support/exchange.ts'
import { run, type Ran } from './support/run.ts'

const ID = '0b9ff4f0-8d2e-4d5e-a6a1-0a5d7e6c9f10'
const KEY = 'a key that all replicas have, 32 bytes'
const DAY = 86_400_000
const HEAD = { GIT_AUTHOR_NAME: 'Ann', GIT_AUTHOR_EMAIL: 'ann@contoso.example' }
const WHO = { ...HEAD, GIT_COMMITTER_NAME: 'Ann', GIT_COMMITTER_EMAIL: 'ann@contoso.example' }

/** A need as a gateway with that key writes it. */
function need(key = KEY, now = Date.now(), groups = ['okta/readers']): string {
  const memberships = groups.map((id) => ({ type: 'Group', id }))
  const decision = { verdict: 'refuse', policies: [], reason: '', version: '' } as const
  const text = createNeeds(Buffer.from(key), () => now).issue(
    exchangeWith({
      id: ID,
      principal: principal({ id: 'okta/ann', issuer: 'okta' }),
      operation: operation('workspaces/jobs/write'),
      decision: { ...decision, shadow: [], facts: {}, memberships },
    }),
  )
  return `${ID}.${text}`
}

interface Repository {
  readonly directory: string
  readonly ask: (args: readonly string[], env?: object, now?: () => number) => Promise<Ran>
  readonly git: (...args: string[]) => string
}

/** A clone with policies in which readers may read, and a configuration beside it. */
async function repository(t: Test, requests?: string): Promise<Repository> {
  const top = t.testdir({ home: {}, clone: {} })
  const clone = join(top, 'clone')
  const directory = join(clone, 'ml')
  await mkdir(join(directory, 'templates'), { recursive: true })
  for (const name of ['reader', 'data-scientist', 'workspace-admin'])
    await writeFile(
      join(directory, 'templates', `${name}.cedar`),
      await readFile(join(SHIPPED, 'templates', `${name}.cedar`)),
    )
  await writeFile(
    join(directory, 'bindings.yaml'),
    `identities: [ml-reader, ml-writer]
groups: { readers: okta/readers }
workspaces: { lab: ${WS} }
bindings:
  - { id: readers, template: reader, principal: 'Group::"readers"', resource: 'Workspace::"lab"' }
`,
  )
  if (requests !== undefined) await writeFile(join(directory, 'requests.yaml'), requests)
  await writeFile(
    join(top, 'harness.yaml'),
    `listen: { port: 8443, publicUrl: "https://ml.contoso.example", tls: { certFile: c, keyFile: k } }
cloud: { name: AzureCloud }
issuers: [{ name: okta, profile: okta, issuer: "https://contoso.okta.com/oauth2/default", audiences: [api] }]
identities:
  ml-reader: { kind: managed-identity, clientId: 22222222-2222-4222-8222-222222222221 }
  ml-writer: { kind: managed-identity, clientId: 22222222-2222-4222-8222-222222222222 }
operationKey: { fromEnv: OPERATION_KEY }
policies: { directory: ${directory} }
audit:
  spool: { directory: spool }
  sinks: [{ name: m, kind: azure-monitor, endpoint: "https://dce.example", ruleId: dcr-1, stream: Custom-H, identity: ml-reader }]
`,
  )
  const environment = {
    PATH: process.env['PATH'],
    HOME: join(top, 'home'),
    OPERATION_KEY: KEY,
    ...WHO,
  }
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', clone, ...args], { env: environment, encoding: 'utf8' })
  git('init', '-q', '-b', 'main')
  git('add', '.')
  git('commit', '-q', '-m', 'policies')
  const args = ['policy', 'propose', '--config', join(top, 'harness.yaml')]
  return {
    directory,
    git,
    ask: async (more, env = {}, now = Date.now) =>
      run([...args, ...more], { env: { ...environment, ...env }, now }),
  }
}

const json = ({ out, err }: Ran): Record<string, unknown> => {
  if (out === '') throw new Error(err)
  return JSON.parse(out) as Record<string, unknown>
}

t.test('what a refusal says is enough: no records, no gateway', async (t) => {
  const { ask } = await repository(t)
  const shown = await ask(['--need', need()])
  t.equal(shown.status, 0, shown.err)
  t.match(shown.out, 'template: data-scientist')
  t.match(shown.out, 'principal: Group::"readers"', 'a group of the caller')
  t.match(shown.out, /gives +\d+ actions, \d+ of them delete/)
  t.match(shown.out, /recorded +no records were looked into/)
  t.match(shown.out, new RegExp(`Azure +ml-writer needs \\d+ more actions on .*ws-lab`))
  const link = `https://ml.contoso.example/_harness/decisions/${need().replace('.', '?need=')}`
  const alone = json(await ask(['--need', link, '--for', 'caller', '-o', 'json']))
  t.match(alone, { kind: 'binding', replayed: null, changes: null, written: false })
  t.match(alone['text'], 'User::"okta/ann"')
  const stranger = json(await ask(['--need', need(KEY, Date.now(), []), '-o', 'json']))
  t.match(stranger['text'], 'User::"okta/ann"', 'in no group that counts')
})

t.test('a policy of the one action has the effects and conditions of the role', async (t) => {
  const { ask, directory } = await repository(t)
  const offered = await ask(['--need', need()])
  t.match(offered.out, /gives +\d+ actions[^]*--one-action gives the action of the call alone/)
  const alone = json(await ask(['--need', need(), '--one-action', '-o', 'json']))
  t.match(alone, { kind: 'policy', gain: { actions: 1, deletes: 0, secrets: 0 } })
  t.match(alone['text'], /@identity\("ml-writer"\)\n@pin\n@stamp\npermit \(\n/)
  t.match(alone['text'], 'principal in Group::"okta/readers"')
  t.match(alone['text'], /action == Action::"[^"]*\/jobs\/write"/)
  t.match(await ask(['--need', need(), '--one-action', '--until', '14d', '--write']), {
    status: 1,
    out: '',
    err: /a policy has no end, so --until cannot be kept/,
  })
  // the same for jobs of one kind only
  const smaller = `@id("sweeper")
@reason("(sweeps) when they are small; and no others")
@identity("ml-writer") @stamp
permit (principal in ?principal, action in [Action::"Microsoft.MachineLearningServices/workspaces/jobs/write",
  Action::"Microsoft.MachineLearningServices/workspaces/jobs/delete"], resource in ?resource) // )
unless { context has ownOperation && context.ownOperation }
when { principal is User };`
  await writeFile(join(directory, 'templates', 'sweeper.cedar'), smaller)
  const written = json(await ask(['--need', need(), '--one-action', '--write', '-o', 'json']))
  t.match(
    written['text'],
    /@identity\("ml-writer"\)\n@stamp\npermit [^]*\n\) \/\/ \)\nunless \{ context has ownOperation[^]*\nwhen \{ principal is User \};\n$/,
  )
  t.match(await readFile(String(written['path']), 'utf8'), String(written['text']))
  const here = ['--policies', directory, '--identity', 'ml-reader', '--identity', 'ml-writer']
  t.equal((await run(['policy', 'check', ...here])).status, 0)
  const may = async (action: string): Promise<number> =>
    (await run(['can', action, '--on', WS, '--who', 'Group::readers', ...here])).status
  t.equal(await may('workspaces/jobs/write'), 0)
  t.equal(await may('workspaces/jobs/delete'), 1, 'and nothing else of that role')
})

t.test('where no role has the action, the policy has the effects of its kind', async (t) => {
  const { ask, directory } = await repository(t)
  for (const name of ['data-scientist', 'workspace-admin'])
    await rm(join(directory, 'templates', `${name}.cedar`))
  const keeper = (id: string, effects: string): string =>
    `@id("${id}") @reason("keeps") @identity( "ml-writer" ) ${effects}
permit (principal in ?principal, action in Action::"write", resource in ?resource)
when { resource is Datastore };`
  for (const [id, effects] of [
    ['one', '@stamp @pin'],
    ['other', '@stamp @record("body")'],
  ] as const)
    await writeFile(join(directory, 'templates', `${id}.cedar`), keeper(id, effects))
  const { text, kind } = json(await ask(['--need', need(), '-o', 'json']))
  t.equal(kind, 'policy')
  t.match(text, /@identity\( "ml-writer" \)\n@stamp\npermit/)
  t.notMatch(text, 'Datastore')
})

t.test('a need that is forged, of another gateway or expired proposes nothing', async (t) => {
  const { ask, directory } = await repository(t)
  const sound = need()
  const [, payload = '', mac = ''] = sound.split('.')
  for (const wrong of [
    need('the key of another gateway'),
    need(KEY, Date.now() - 7 * DAY),
    `${ID}.${payload.slice(0, -4)}AAAA.${mac}`,
    `${ID}.${payload}.${'A'.repeat(22)}`,
    sound.replace(ID, ID.replace('0b', '0c')),
  ]) {
    const refused = await ask(['--need', wrong, '--write'])
    t.match(refused, { status: 1, out: '', err: /no need of this gateway, or it has expired/ })
  }
  for (const wrong of ['', 'x', ID, `${ID}.${payload}`])
    t.match(await ask(['--need', wrong]), { status: 2, err: /--need takes what the refusal says/ })
  t.match(await ask(['--need', sound, '--decision', ID]), {
    status: 2,
    err: /either --decision or/,
  })
  t.match(await ask([]), { status: 2, err: /either --decision or --need/ })
  const without = await ask(['--need', sound], { OPERATION_KEY: undefined })
  t.match(without, { status: 1, err: /OPERATION_KEY is not set/ })
  t.notMatch(without.err, KEY)
  t.equal((await ask(['--need', sound, '--write'])).status, 0, 'while a sound one does')
  t.match(
    await readFile(join(directory, 'bindings.d/readers-data-scientist-lab.yaml'), 'utf8'),
    'lab',
  )
  t.match(await ask(['--need', sound, '--write']), { status: 1, err: /permitted now/ })
})

const RULES = `requests:
  - { template: workspace-admin, who: ['Group::"readers"'], way: pull-request, for: { default: 14d, max: 30d }, codeOwners: "@contoso/ml-platform" }
  - { template: data-scientist, who: ['Group::"okta/others"'], way: pull-request }
`

t.test('requests.yaml says what is proposed first, and for how long at most', async (t) => {
  const { ask } = await repository(t, RULES)
  const start = Date.parse('2027-01-01T00:00:00Z')
  const at = async (...more: string[]) =>
    ask(['--need', need(KEY, start), ...more], {}, () => start)
  const usual = await at()
  t.equal(usual.status, 0, usual.err)
  t.match(usual.out, 'template: workspace-admin', 'offered, though not the smallest')
  t.match(usual.out, 'until: 2027-01-15T00:00:00.000Z')
  t.match(
    usual.out,
    /asked for +by pull-request, reviewed by @contoso\/ml-platform \(requests\.yaml:2\)/,
  )
  t.match((await at('--until', '30d')).out, 'until: 2027-01-31')
  for (const until of ['31d', '2027-02-01T00:00:01Z'])
    t.match(await at('--until', until, '--write'), {
      status: 1,
      out: '',
      err: /"workspace-admin" is given for 30d at most[^]*requests\.yaml, line 2/,
    })
  const noted = await at('--ticket', 'ML-7', '--reason', 'churn model')
  t.match(noted.out, /reason: "churn model"\nticket: "ML-7"/)
})

t.test('a branch gets one commit with one file, and the checkout stays as it was', async (t) => {
  const { ask, git, directory } = await repository(
    t,
    'requests: []\nrepository: { kind: github, url: "https://github.com/contoso/ml" }\n',
  )
  await writeFile(join(directory, 'half-done.txt'), 'mine')
  git('add', '.')
  const before = git('status', '--porcelain')
  const done = json(await ask(['--need', need(), '--branch', '-o', 'json']))
  t.match(done, { branch: 'access/readers-data-scientist-lab', written: false })
  t.equal(git('status', '--porcelain'), before, 'neither files nor index')
  t.equal(git('rev-parse', '--abbrev-ref', 'HEAD').trim(), 'main')
  const branch = String(done['branch'])
  t.equal(git('rev-parse', branch).trim(), done['commit'])
  t.equal(
    git('diff', '--name-status', 'main', branch).trim(),
    'A\tml/bindings.d/readers-data-scientist-lab.yaml',
  )
  t.equal(git('show', `${branch}:ml/bindings.d/readers-data-scientist-lab.yaml`), done['text'])
  t.equal(
    git('log', '-1', '--format=%an <%ae>|%s', branch).trim(),
    'Ann <ann@contoso.example>|access: data-scientist for readers on lab',
  )
  t.match(await ask(['--need', need(), '--branch']), {
    status: 1,
    err: /git cannot commit to the branch/,
  })
  t.equal(git('rev-parse', branch).trim(), done['commit'], 'a branch that is there is left alone')
  const named = await ask(['--need', need(), '--branch', 'mine'])
  t.match(named.out, /committed +[0-9a-f]{12} on mine; the checkout is as it was/)
  t.match(
    named.out,
    /next +git -C '.*' push -u origin mine\nnext +gh pr create --repo .* --head mine/,
  )
  for (const wrong of ['a b', '../x', '-x'])
    t.equal((await ask(['--need', need(), `--branch=${wrong}`])).status, 1, wrong)
  t.match(await ask(['--need', need(), '--branch', '--write']), {
    status: 2,
    err: /exclude each other/,
  })
})

t.test('outside of a clone there is no branch', async (t) => {
  const { ask, directory } = await repository(t)
  const elsewhere = await run(
    [
      'policy',
      'propose',
      '--policies',
      directory,
      '--identity',
      'ml-reader',
      '--identity',
      'ml-writer',
      '--need',
      need(),
      '--branch',
    ],
    { env: { HOME: directory } },
  )
  t.equal(elsewhere.status, 1, 'nobody is signed in to prove the need either')
  t.match(await ask(['--need', need(), '--branch'], { PATH: '/nowhere' }), {
    status: 1,
    err: /git cannot commit[^]*name policies in a clone/,
  })
})

t.test('a page of the Git host opens with the file, or the answer says why not', async (t) => {
  const on = async (kind: string) => {
    const rule = `requests: []\nrepository: { kind: ${kind}, url: "https://git.contoso.example/ml/policies", directory: ml/bindings.d }\n`
    return repository(t, rule)
  }
  const github = await on('github')
  const printed = json(await github.ask(['--need', need(), '--open', '-o', 'json']))
  const page = new URL(String(printed['page']))
  t.equal(
    page.origin + page.pathname,
    'https://git.contoso.example/ml/policies/new/main/ml/bindings.d',
  )
  t.equal(page.searchParams.get('filename'), 'readers-data-scientist-lab.yaml')
  t.equal(page.searchParams.get('value'), printed['text'])
  t.match(
    (await github.ask(['--need', need(), '--open'])).out,
    /^open +https:/m,
    'without a browser',
  )

  const seen = join(t.testdirName, 'seen')
  const browser = join(t.testdirName, 'browser.sh')
  await writeFile(browser, `#!/bin/sh\nprintf %s "$1" > ${seen}\n`, { mode: 0o755 })
  const opened = await github.ask(['--need', need(), '--open'], { BROWSER: browser })
  t.match(opened.out, /^opened +https:/m)
  const asked = await eventually('the browser was started', async () => {
    const text = await readFile(seen, 'utf8').catch(() => '')
    return text !== '' && text
  })
  t.match(asked, /\/new\/main\/ml\/bindings\.d\?filename=/)

  const gitea = json(await (await on('gitea')).ask(['--need', need(), '--open', '-o', 'json']))
  t.match(
    gitea['page'],
    'https://git.contoso.example/ml/policies/_new/main/ml/bindings.d?filename=',
  )
  for (const kind of ['gitlab', 'azure-devops', 'other']) {
    const refused = await (await on(kind)).ask(['--need', need(), '--open'])
    t.match(refused, { status: 1, out: '', err: /has no page for a new file[^]*use --branch/ })
  }
  t.match(await (await repository(t)).ask(['--need', need(), '--open']), {
    status: 1,
    err: /nothing says where the policies are kept/,
  })
  const long = {
    kind: 'github',
    url: 'https://github.com/a/b',
    branch: 'x/y',
    directory: 'd',
  } as const
  t.equal(
    newFilePage(long, 'd/a b.yaml', 'x'),
    'https://github.com/a/b/new/x/y/d?filename=a%20b.yaml&value=x',
  )
  t.equal(newFilePage(long, 'd/a.yaml', 'ä'.repeat(3_000)), null)
})
