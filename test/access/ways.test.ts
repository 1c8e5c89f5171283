/**
 * What callers may do, and in which ways they may ask for more, over a running gateway with `requests.yaml`.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { workspaceId } from '../../lab/personas.ts'
import { run } from '../cli/support/run.ts'
import { signIn } from '../cli/support/signed-in.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type World } from '../support/gateway.ts'
import type { Answer } from '../support/send.ts'

const W = workspaceId()
const CONTACT = 'ml-platform@contoso.example'
const REQUESTS = `requests:
  - { template: data-scientist, who: ['Group::"okta/ml-readers"'], in: 'Workspace::"lab"', way: pull-request, for: { default: 14d, max: 90d }, codeOwners: '@contoso/ml' }
  - { template: data-scientist, who: ['Group::"scientists"'], way: pull-request }
  - { template: ml-engineer, who: ['Group::"okta/ml-readers"'], way: grant, for: { max: 8h }, approvers: ['Group::"reviewers"', 'User::"okta/boss"'] }
  - { template: workspace-admin, way: link, url: 'https://myaccess.microsoft.com/#/x', note: your manager approves }
  - { template: endpoint-caller, way: link, url: 'https://calls.example', note: does not permit it }
repository: { kind: github, url: https://github.com/contoso/ml-policies }
`

let world: World
let folder: string
t.before(async () => {
  folder = t.testdir({ 'requests.yaml': REQUESTS })
  const bindings = join(folder, 'bindings.yaml')
  await writeFile(bindings, await readFile('lab/gateway/bindings.yaml'))
  world = await startGateway({
    gateway: {
      bindings,
      env: { OPERATION_KEY: 'a key that all replicas have, 32 bytes' },
      change: (config) => ({
        ...config,
        operationKey: { fromEnv: 'OPERATION_KEY' },
        help: { contact: CONTACT },
      }),
    },
  })
})
t.teardown(() => world.close())

async function as(persona: string, path: string, init: object = {}): Promise<Answer> {
  const authorization = `Bearer ${await world.lab.token(persona)}`
  return world.send(path, {
    headers: { authorization, 'content-type': 'application/json' },
    ...init,
  })
}

/** Is refused, and asks why. */
async function why(t: Test, persona: string): Promise<Record<string, unknown>> {
  const body = '{"properties":{"jobType":"Command"}}'
  const path = `${W}/jobs/w-1?api-version=2024-04-01`
  t.equal((await as(persona, path, { method: 'PUT', body })).status, 403)
  const answer = await as(persona, '/_harness/decisions')
  t.equal(answer.status, 200)
  return answer.json() as Record<string, unknown>
}

t.test('why says in which ways its caller may ask for what would permit the call', async (t) => {
  const { ways, proposal, decision } = await why(t, 'reader')
  t.match(ways, [
    {
      way: 'pull-request',
      template: 'data-scientist',
      for: { default: '14d', max: '90d' },
      changedBy: ['@contoso/ml'],
    },
    { way: 'grant', template: 'ml-engineer', reviewers: 1, changedBy: ['reviewers'] },
    { way: 'link', template: 'workspace-admin', url: /myaccess/, note: 'your manager approves' },
  ])
  t.notMatch(
    JSON.stringify(ways),
    /boss|calls\.example/,
    'no people, and nothing that does not help',
  )
  const [first] = ways as { url: string }[]
  const page = new URL(first?.url ?? '')
  t.equal(page.pathname, '/contoso/ml-policies/new/main/policies/bindings.d')
  const text = page.searchParams.get('value') ?? ''
  t.match(text, 'template: data-scientist\nprincipal: User::"okta/')
  t.match(text, /resource: Workspace::"lab"\nuntil: 20/)
  t.match(proposal, `azureml-harness policy propose --need ${String(decision)}.`)

  const home = join(folder, 'home')
  await signIn(home, world, 'reader')
  const shown = await run(['why'], { env: { AZUREML_HARNESS_HOME: home } })
  t.equal(shown.status, 0, shown.err)
  t.match(
    shown.out,
    /pull-request of data-scientist, for 14d, at most 90d, reviewed by @contoso\/ml/,
  )
  t.match(shown.out, /grant of ml-engineer, for 8h, at most 8h, reviewed by reviewers/)
  t.match(shown.out, /link of workspace-admin, your manager approves, https:\/\/myaccess/)
  t.match(
    shown.out,
    /in a clone of the policies: azureml-harness policy propose --need \S+ --branch/,
  )
  t.match(shown.out, `who can change it: ask ${CONTACT}`)
})

t.test('whoever has no access is told the way, and no names', async (t) => {
  const told = await why(t, 'outsider')
  t.same(told['ways'], [
    { way: 'link', url: 'https://myaccess.microsoft.com/#/x', note: 'your manager approves' },
  ])
  t.notMatch(JSON.stringify(told), /data-scientist|ml-engineer|workspace-admin|reviewers/)
})

t.test('the proposal of a caller needs the caller, or the key, and no records', async (t) => {
  const { proposal } = await why(t, 'reader')
  const [, ...args] = String(proposal).split(' ')
  const policies = ['--policies', 'policies', '--bindings', join(folder, 'bindings.yaml')]
  const names = ['--identity', 'ml-reader', '--identity', 'ml-writer', '-o', 'json']
  const ask = async (persona: string) => {
    const home = join(folder, `home-${persona}`)
    await signIn(home, world, persona)
    return run([...args, ...policies, ...names], {
      cwd: process.cwd(),
      env: { AZUREML_HARNESS_HOME: home },
    })
  }
  const own = await ask('reader')
  t.equal(own.status, 0, own.err)
  t.match(JSON.parse(own.out), { kind: 'binding', replayed: null, ways: [{ way: 'pull-request' }] })
  t.match((JSON.parse(own.out) as { text: string }).text, 'Group::"okta/ml-readers"')
  t.match(await ask('scientist'), { status: 1, out: '', err: /no such refusal of yours/ })
})

t.test('a caller asks the gateway what it may do, by name or id, for itself alone', async (t) => {
  const read = 'workspaces/jobs/read'
  const ask = async (persona: string, query: string) => as(persona, `/_harness/can?${query}`)
  const one = await ask('reader', `on=lab&action=${read}`)
  t.equal(one.status, 200)
  t.match(one.json(), {
    on: W.toLowerCase(),
    may: [
      {
        action: `Microsoft.MachineLearningServices/${read}`,
        policies: ['reader@readers-on-ws-lab'],
      },
    ],
  })
  t.match((await ask('reader', `on=ws-lab&action=workspaces/jobs/write`)).json(), {
    may: [{ may: 'refuse', policies: [] }],
  })
  t.match((await world.settled(one))[0], {
    Action: 'AzureMLHarness/access/read',
    Decision: 'permit',
  })
  const all = (await ask('reader', `on=${W}`)).json() as { may: { may: string; action: string }[] }
  t.ok(all.may.length > 50)
  t.notOk(all.may.some(({ may, action }) => may === 'refuse' || action.endsWith('/jobs/write')))
  t.same((await ask('outsider', `on=${W}`)).json(), { ...all, on: W.toLowerCase(), may: [] })
  for (const [persona, query, status, code] of [
    ['outsider', 'on=lab', 404, 'not_found'],
    ['reader', 'on=nowhere', 404, 'not_found'],
    ['reader', '', 400, 'bad_query'],
    ['reader', 'on=lab&action=workspaces/jobs/raed', 400, 'bad_query'],
  ] as const) {
    const answer = await ask(persona, query)
    t.equal(answer.status, status, query)
    t.match(answer.json(), { error: { code } })
  }
  t.equal((await as('reader', `/_harness/can?on=lab`, { method: 'DELETE' })).status, 405)
  t.equal((await world.send(`/_harness/can?on=lab`)).status, 401)
})

t.test('can without --who and without policies asks the gateway', async (t) => {
  const home = join(folder, 'home-can')
  await signIn(home, world, 'reader')
  const can = async (...args: string[]) =>
    run(['can', ...args], { env: { AZUREML_HARNESS_HOME: home } })
  t.match(await can('workspaces/jobs/read', '--on', 'lab'), {
    status: 0,
    out: /workspaces\/jobs\/read +(permit|depends) +reader@readers-on-ws-lab/,
  })
  t.match(await can('workspaces/jobs/write', '--on', W), { status: 1, out: /jobs\/write +refuse/ })
  const list = await can('--list', '--on', 'ws-lab', '-o', 'json')
  t.ok((JSON.parse(list.out) as unknown[]).length > 50)
  t.match(await can('--on', 'lab'), { status: 2, err: /either an ACTION or --list/ })
  t.match(await can('workspaces/jobs/read', '--on', 'nowhere'), {
    status: 1,
    err: /nothing that you have access to is called so[^]*whoami/,
  })
  t.match(await can('x', '--on', 'lab', '--policies', 'policies'), { status: 2, err: /need --who/ })
  t.match(
    await run(['can', 'x', '--on', 'lab'], { env: { AZUREML_HARNESS_HOME: join(folder, 'no') } }),
    {
      status: 1,
      err: /login/,
    },
  )
})

t.test(
  'requests.yaml is read again while the gateway runs; with faults, the last good one stays',
  async (t) => {
    const file = join(folder, 'requests.yaml')
    const kept = async (): Promise<boolean> =>
      (await world.allRecords()).some(
        (row) => row['Event'] === 'policy_reload' && JSON.stringify(row).includes('requests.yaml'),
      )
    await writeFile(file, 'requests: [{ template: raeder, way: link, url: "https://a.example" }]')
    await eventually('the faults are on record', kept)
    t.match((await why(t, 'reader'))['ways'], [
      { way: 'pull-request' },
      { way: 'grant' },
      { way: 'link' },
    ])
    await writeFile(file, 'requests: []')
    await eventually('nothing is offered any more', async () => {
      const { ways } = await why(t, 'reader')
      return (ways as unknown[]).length === 0
    })
  },
)
