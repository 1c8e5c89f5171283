/** `init`: what it writes loads and runs; what is malformed is refused by name; all of the files are written or none. */
import { spawnSync } from 'node:child_process'
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { ensureCertificates } from '../../lab/identity/ca.ts'
import { runScript } from './support/azure-script.ts'
import { run, type Ran, type RunOptions } from './support/run.ts'

const TENANT = '11111111-1111-4111-8111-111111111111'
const SUBSCRIPTION = '22222222-2222-4222-8222-222222222222'
const GROUP = '33333333-3333-4333-8333-333333333301'
const APP = '99999999-9999-4999-8999-999999999999'
/** What Azure gives. */
const AZURE = { AZ_TENANT: TENANT, AZ_APP: APP }
const workspaceIn = (group: string, name = 'research'): string =>
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/${group}/providers/Microsoft.MachineLearningServices/workspaces/${name}`

const FLAGS = {
  tenant: TENANT,
  workspace: workspaceIn('ml'),
  region: 'westeurope',
  url: 'https://ml.contoso.example',
  issuer: 'entra',
  group: GROUP,
  out: 'out',
} as const
const OKTA = {
  issuer: 'okta',
  group: 'ml-scientists',
  'issuer-url': 'https://contoso.okta.com/oauth2/aus1example',
  'client-id': '0oa1example',
}

type Flags = Readonly<Record<string, string | undefined>>

/** Runs `init` in the test's own directory, with flags that are changed or, undefined, left out. */
function init(t: Test, changed: Flags = {}, options: RunOptions = {}): Promise<Ran> {
  const flags = Object.entries({ ...FLAGS, ...changed }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value],
  )
  return run(['init', ...flags], { cwd: t.testdirName, ...options })
}

const read = (t: Test, name: string): Promise<string> =>
  readFile(join(t.testdirName, 'out', name), 'utf8')

const after = (call: readonly string[], flag: string): string => call[call.indexOf(flag) + 1] ?? ''

t.test('it writes a short configuration, policies with a binding, and the script', async (t) => {
  t.testdir()
  const { status, out, err } = await init(t)
  t.equal(err, '')
  t.equal(status, 0)
  t.match(out, /out\/azure\.sh .*read it, then run it/)
  t.same(await readdir(join(t.testdirName, 'out')), [
    'application.json',
    'audit.json',
    'azure.sh',
    'harness.yaml',
    'policies',
    'roles',
  ])
  t.ok((await readdir(join(t.testdirName, 'out/policies/profiles'))).includes('standard.yaml'))
  const text = await read(t, 'harness.yaml')
  const lines = text.trimEnd().split('\n')
  t.ok(lines.filter((line) => !/^\s*#/.test(line)).length <= 30, text)
  t.ok(lines.filter((line) => /^\s*#/.test(line)).length >= 12, 'it is explained')
  t.notMatch(text, /secret:|password|fromEnv/)
  const bindings = parse(await read(t, 'policies/bindings.yaml')) as Record<string, unknown>
  t.match(bindings, {
    identities: ['ml-reader', 'ml-writer'],
    bindings: [
      {
        template: 'data-scientist',
        principal: `Group::"entra/${TENANT}/${GROUP}"`,
        resource: `Workspace::"${workspaceIn('ml').toLowerCase()}"`,
      },
    ],
  })
  const application = JSON.parse(await read(t, 'application.json')) as object
  t.match(application, {
    groupMembershipClaims: 'SecurityGroup',
    isFallbackPublicClient: true,
    api: {
      requestedAccessTokenVersion: 2,
      oauth2PermissionScopes: [{ value: 'user_impersonation' }],
    },
  })
  t.notMatch(JSON.stringify(application), /[Pp]assword|[Ss]ecret"/)
  const file = join(t.testdirName, 'out/harness.yaml')
  const checked = await run(['config', 'check', '--file-only', file])
  t.equal(checked.status, 0, checked.err)
  t.match(checked.out, /identities\.ml-reader\.clientId: "ML-READER-CLIENT-ID" is no GUID/)
})

t.test('the script fills in what Azure gives, and can be run again', async (t) => {
  t.testdir()
  await init(t)
  const first = await runScript(t.testdirName, AZURE)
  t.equal(first.status, 0, first.err)
  const text = await read(t, 'harness.yaml')
  t.notMatch(text, /CLIENT-ID|APP-ID|RULE-ID|\.invalid/)
  t.match(text, `audiences: [${APP}, https://ml.contoso.example]`)
  const made = first.calls.map((call) => call.slice(0, 3).join(' '))
  for (const one of ['ad app create', 'ad sp create', 'deployment group create'])
    t.ok(made.includes(one), one)
  const policies = [
    'policy',
    'export',
    '--azure-role',
    '--config',
    join(t.testdirName, 'out/harness.yaml'),
  ]
  const roles = JSON.parse((await run(policies)).out) as { name: string; properties: object }[]
  const put = first.calls.filter((call) => call.includes('PUT'))
  t.same(
    put.map((call) => after(call, '--body')),
    roles.map(({ name }) => `@roles/${name}.json`),
    'the roles are those of policy export',
  )
  for (const role of roles) t.same(JSON.parse(await read(t, `roles/${role.name}.json`)), role)
  t.ok(first.calls.some((call) => call.join(' ').startsWith('role assignment create')))

  const second = await runScript(t.testdirName, AZURE)
  t.equal(second.status, 0, second.err)
  t.equal(await read(t, 'harness.yaml'), text)
  const again = second.calls.map((call) => call.slice(0, 3).join(' '))
  for (const one of ['ad app create', 'ad sp create']) t.notOk(again.includes(one), one)

  await ensureCertificates(join(t.testdirName, 'tls'), { names: ['ml.contoso.example'] })
  await rename(join(t.testdirName, 'tls'), join(t.testdirName, 'out/tls'))
  for (const [from, to] of [
    ['server.pem', 'tls.crt'],
    ['server-key.pem', 'tls.key'],
  ] as const)
    await rename(join(t.testdirName, 'out/tls', from), join(t.testdirName, 'out/tls', to))
  const file = join(t.testdirName, 'out/harness.yaml')
  const mine = text
    .replace('/var/lib/azureml-harness', t.testdirName)
    .replace('port: 9464', 'port: 0')
  await writeFile(file, mine.replace('port: 8443', 'port: 0'))
  const checked = await run(['config', 'check', '--deep', file])
  t.equal(checked.status, 0, checked.err)
  t.notMatch(checked.out, 'warning')
})

t.test('the script stops before it changes anything where it must not go on', async (t) => {
  t.testdir()
  await init(t)
  const before = await read(t, 'harness.yaml')
  const other = await runScript(t.testdirName, { ...AZURE, AZ_TENANT: APP })
  t.equal(other.status, 1)
  t.match(other.err, `azure.sh: you are signed in to another tenant: az login --tenant ${TENANT}`)
  t.equal(other.calls.length, 1)
  const bad = await runScript(t.testdirName, { ...AZURE, AZ_APP: 'x|e touch /tmp/x' })
  t.equal(bad.status, 1)
  t.match(bad.err, /azure\.sh: Azure gave no usable value for APP-ID/)
  t.equal(await read(t, 'harness.yaml'), before)
})

t.test('names that a shell would take apart arrive whole', async (t) => {
  t.testdir()
  const group = 'Größe_(1).a-b'
  t.equal((await init(t, { workspace: workspaceIn(group) })).status, 0)
  const { status, err, calls } = await runScript(t.testdirName, AZURE)
  t.equal(status, 0, err)
  for (const call of calls.filter((one) => one.includes('--resource-group')))
    t.equal(after(call, '--resource-group'), group)
})

const BAD = [
  "a'b",
  'a"b',
  'a b',
  '$(touch x)',
  '${HOME}',
  '`id`',
  'a\nb',
  'a;b',
  'a|b',
  'a&b',
  '',
  '*',
  '-x',
  'a\\b',
]
t.test('every value that is malformed is refused, and the flag is named', async (t) => {
  t.testdir()
  const cases: readonly (readonly [flag: string, value: string, more?: Flags])[] = [
    ...BAD.flatMap((bad) =>
      [
        'tenant',
        'workspace',
        'region',
        'url',
        'issuer',
        'group',
        'role',
        'cloud',
        'spool',
        'resource-group',
      ]
        // a name with a space is one of a resource group nowhere, and a hyphen may begin one
        .filter((flag) => !(flag === 'resource-group' && bad === '-x'))
        .map((flag) => [flag, bad] as const),
    ),
    ...BAD.map((bad) => ['workspace', workspaceIn(bad)] as const).filter(
      ([, id]) => !id.includes('/-x/'),
    ),
    ...BAD.map((bad) => ['workspace', workspaceIn('ml', bad)] as const),
    ...BAD.filter((bad) => bad !== '-x').map((bad) => ['client-id', bad, OKTA] as const),
    ...BAD.map((bad) => ['issuer-url', `https://contoso.okta.com/oauth2/${bad}`, OKTA] as const),
    ...BAD.filter((bad) => bad !== '-x').map((bad) => ['group', bad, OKTA] as const),
    ...BAD.map(
      (bad) =>
        ['service-account', `ns/${bad}`, { 'cluster-issuer': 'https://x.example/a' }] as const,
    ),
    ...BAD.map((bad) => ['cluster-issuer', bad, { 'service-account': 'a/b' }] as const),
    ['url', 'http://ml.contoso.example'],
    ['url', 'https://ml.contoso.example/'],
    ['url', 'https://ml.contoso.example/path'],
    ['url', 'https://ml.contoso.example?x'],
    ['url', 'https://user@ml.contoso.example'],
    ['url', 'https://ML.contoso.example'],
    ['tenant', 'contoso.onmicrosoft.com'],
    ['workspace', 'research'],
    ['workspace', `${workspaceIn('ml')}/jobs/a`],
    ['workspace', workspaceIn('ml').replace(SUBSCRIPTION, 'x')],
    ['workspace', workspaceIn('ml.')],
    ['group', 'scientists'],
    ['role', 'no-such-role'],
    ['issuer-url', 'https://contoso.okta.com/oauth2/aus1'],
    ['client-id', 'x'],
  ]
  for (const [flag, value, more] of cases) {
    const { status, err } = await init(t, { ...more, [flag]: value })
    t.equal(status, 2, `--${flag} ${JSON.stringify(value)}`)
    t.match(err, `--${flag}`)
  }
  t.same(await readdir(t.testdirName), [], 'nothing was written')
})

t.test('all that is wrong is told at once', async (t) => {
  t.testdir()
  const { err } = await init(t, { tenant: 'x', region: 'West Europe', url: 'http://x', group: 'y' })
  for (const flag of ['tenant', 'region', 'url', 'group']) t.match(err, `--${flag} is `)
})

t.test('what is there is not replaced, and nothing is added to it', async (t) => {
  for (const name of [
    'harness.yaml',
    'policies',
    'roles',
    'azure.sh',
    'audit.json',
    'application.json',
  ]) {
    t.testdir({ out: { [name]: 'mine' } })
    const { status, err } = await init(t)
    t.equal(status, 1, name)
    t.match(err, `"${join(t.testdirName, 'out', name)}" is there already, and is not replaced`)
    t.match(err, /another directory with --out/)
    t.same(await readdir(join(t.testdirName, 'out')), [name])
    t.equal(await read(t, name), 'mine')
  }
  t.testdir({ out: { tls: { 'tls.crt': 'mine' } } })
  t.equal((await init(t)).status, 0, 'other files may be there')
  t.equal(await read(t, 'tls/tls.crt'), 'mine')
})

t.test('a fault that is found late leaves nothing behind', async (t) => {
  t.testdir({
    from: {
      policies: {
        'broken.cedar': 'permit (',
        profiles: {},
        templates: { 'data-scientist.cedar': '' },
      },
      deploy: { 'azure-monitor': { 'template.json': '{}' } },
    },
    there: {},
  })
  const from = join(t.testdirName, 'from')
  t.match(await init(t, { from, out: 'new/below/it' }), { status: 1, err: /broken\.cedar:1/ })
  t.match(await init(t, { from, out: 'there' }), { status: 1 })
  t.same((await readdir(t.testdirName)).toSorted(), ['from', 'there'])
  t.same(await readdir(join(t.testdirName, 'there')), [])
  const none = await init(t, { from: join(t.testdirName, 'there'), out: 'new' })
  t.match(none, { status: 1, err: /has no deploy\/azure-monitor\/template\.json/ })
})

t.test('whoever interrupts it finds nothing', async (t) => {
  t.testdir({ there: { mine: '' } })
  for (const out of ['new', 'there'])
    t.equal((await init(t, { out }, { signal: AbortSignal.abort() })).status, 1, out)
  t.same(await readdir(t.testdirName), ['there'])
  t.same(await readdir(join(t.testdirName, 'there')), ['mine'])
})

t.test('Okta has no application in Entra ID', async (t) => {
  t.testdir()
  t.equal((await init(t, OKTA)).status, 0)
  t.notOk((await readdir(join(t.testdirName, 'out'))).includes('application.json'))
  t.match(parse(await read(t, 'harness.yaml')), {
    issuers: [
      {
        profile: 'okta',
        issuer: OKTA['issuer-url'],
        audiences: ['https://ml.contoso.example'],
        cli: { clientId: '0oa1example' },
      },
    ],
  })
  t.match(await read(t, 'policies/bindings.yaml'), 'Group::"okta/ml-scientists"')
  const { status, calls, err } = await runScript(t.testdirName, AZURE)
  t.equal(status, 0, err)
  t.notOk(calls.some(([first]) => first === 'ad'))
})

t.test(
  'on Kubernetes each identity trusts the service account; in other clouds by their names',
  async (t) => {
    t.testdir()
    const flags = {
      cloud: 'AzureUSGovernment',
      region: 'usgovvirginia',
      'service-account': 'ml/azureml-harness',
      'cluster-issuer': 'https://usgovvirginia.oic.prod-aks.azure.us/a/b/',
    }
    t.equal((await init(t, flags)).status, 0)
    const config = await read(t, 'harness.yaml')
    t.match(config, /ml-writer: \{ kind: workload-identity, tenantId: \S+, clientId: /)
    t.match(config, `issuer: https://login.microsoftonline.us/${TENANT}/v2.0`)
    const { status, err, calls } = await runScript(t.testdirName, AZURE)
    t.equal(status, 0, err)
    const federated = calls.filter(([, word]) => word === 'federated-credential')
    t.equal(federated.length, 3)
    for (const call of federated) {
      t.equal(after(call, '--subject'), 'system:serviceaccount:ml:azureml-harness')
      t.equal(after(call, '--issuer'), flags['cluster-issuer'])
      t.equal(after(call, '--audiences'), 'api://AzureADTokenExchangeUSGov')
    }
    const patch = calls.find((call) => call.includes('PATCH')) ?? []
    t.match(after(patch, '--url'), /^https:\/\/graph\.microsoft\.us\/v1\.0\/applications/)
  },
)

/** The program itself, at a real terminal: util-linux's `script` makes one. */
async function terminal(t: Test): Promise<void> {
  if (spawnSync('script', ['--version']).error !== undefined) {
    t.comment('not tried at a real terminal: there is no "script" here')
    return
  }
  const main = join(import.meta.dirname, '../../src/main.ts')
  const { tenant: _, ...others } = FLAGS
  const flags = Object.entries({ ...others, out: 'typed' }).map(
    ([name, value]) => `--${name} '${value}'`,
  )
  const line = `'${process.execPath}' '${main}' init ${flags.join(' ')}`
  const options = {
    cwd: t.testdirName,
    input: `${TENANT}\n`,
    encoding: 'utf8' as const,
    timeout: 60_000,
  }
  const { status, stdout } = spawnSync('script', ['-qec', line, '/dev/null'], options)
  t.equal(status, 0, stdout)
  t.match(stdout, /Id of your Entra tenant/)
  t.match(await readFile(join(t.testdirName, 'typed/harness.yaml'), 'utf8'), `/${TENANT}/v2.0`)
}

t.test(
  'at a terminal it asks for what no flag says; elsewhere it names what is missing',
  async (t) => {
    t.testdir()
    const left = { tenant: undefined, url: undefined, group: undefined }
    const missing = await init(t, left)
    t.match(missing, { status: 2, err: /--tenant, --url, --group are needed/ })
    const asked: string[] = []
    const replies = [TENANT, ` ${FLAGS.url} `, GROUP]
    const ask = async (question: string): Promise<string> => {
      asked.push(question)
      return replies[asked.length - 1] ?? ''
    }
    t.equal((await init(t, left, { ask })).status, 0)
    t.equal(asked.length, 3)
    t.match(asked[0], /tenant/)
    t.match(await read(t, 'harness.yaml'), `publicUrl: ${FLAGS.url}\n`)
    await terminal(t)
    t.match(await init(t, { ...left, out: 'b' }, { ask: async () => '' }), {
      status: 2,
      err: /--tenant is a GUID/,
    })
  },
)
