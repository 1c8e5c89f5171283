/** `workspace onboard`: what it writes is read, deployed and used by those it is for; it applies nothing and replaces nothing. */
import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { parse } from 'yaml'
import { TENANT, workspaceId } from '../../../lab/personas.ts'
import { loadPolicy } from '../../../src/policy/load/load.ts'
import { environment } from '../../clients/support/published.ts'
import { inMemory } from '../../deploy/infrastructure/support/azure.ts'
import { deployBicep } from '../../deploy/infrastructure/support/bicep.ts'
import { parseBicep } from '../../deploy/infrastructure/support/bicep-tree.ts'
import { comparable } from '../../deploy/infrastructure/support/both.ts'
import type { Document as Parameters } from '../../deploy/infrastructure/support/deployment.ts'
import { deployTerraform } from '../../deploy/infrastructure/support/terraform.ts'
import { SHIPPED } from '../../policy/support.ts'
import { eventually } from '../../support/eventually.ts'
import { run } from '../support/run.ts'
import {
  ASSIGNMENT,
  GROUP,
  SCIENTISTS,
  SOUND,
  startSound,
  type SoundWorld,
} from './support/sound.ts'

t.setTimeout(120_000)

const python = environment(t, 'bicep')

const NEW = workspaceId('ws-new')
const REVIEWERS = `entra/${TENANT}/33333333-3333-4333-8333-333333333302`
const GROUPS = [
  '--group',
  `scientists=Group::"${SCIENTISTS}"`,
  '--group',
  `reviewers=Group::"${REVIEWERS}"`,
]

let world: SoundWorld
t.before(async () => {
  world = await startSound({ bindings: 'identities: [ml-reader, ml-writer]\nbindings: []\n' })
  // the sound workspace is in the same resource group
  await world.remove(ASSIGNMENT)
  await world.put(NEW, {
    location: 'eastus',
    properties: { publicNetworkAccess: 'Enabled', storageAccount: '' },
  })
})
t.teardown(() => world.close())
t.afterEach(() => {
  for (const part of world.lab.parts.values()) part.faults.clear()
})

const onboard = (out: string, ...args: readonly string[]): ReturnType<typeof run> =>
  run([
    'workspace',
    'onboard',
    NEW,
    '--config',
    world.gateway.configFile,
    '--out',
    out,
    ...(args.includes('--group') ? [] : GROUPS),
    ...args,
  ])

/** Texts of all files of a directory by their paths. */
async function filesIn(directory: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((one) => one.isFile())
    .map((one) => join(one.parentPath, one.name).slice(directory.length + 1))
  const texts = paths.map(
    async (path) => [path, await readFile(join(directory, path), 'utf8')] as const,
  )
  return new Map((await Promise.all(texts)).sort(([a], [b]) => (a < b ? -1 : 1)))
}

t.test('it writes what is lacking, below DIR alone, and asks Azure with GET alone', async (t) => {
  const around = t.testdir({ other: 'x' })
  const before = world.lab.requests().length
  const { status, out, err } = await onboard(join(around, 'new'))
  t.equal(status, 0, err)
  const files = await filesIn(join(around, 'new'))
  t.same(
    [...files.keys()],
    [
      'README.md',
      'bindings.d/computes-on-ws-new.yaml',
      'bindings.d/reviewers-on-ws-new.yaml',
      'bindings.d/scientists-on-ws-new.yaml',
      'clients/env.ps1',
      'clients/env.sh',
      'clients/notebook.py',
      'clients/terraform.tf',
      'main.bicep',
      'owners.yaml',
      'plan.json',
      'workspace.bicep',
    ],
  )
  for (const path of files.keys()) t.match(out, `written  ${path}\n`)
  t.same((await readdir(around)).sort(), ['new', 'other'])
  const asked = world.lab.requests().slice(before)
  t.ok(asked.length > 15, `${asked.length} calls`)
  t.same([...new Set(asked.map(({ method }) => method))], ['GET'])
  t.match(JSON.parse(files.get('plan.json') ?? ''), {
    workspace: NEW,
    profile: 'standard',
    add: {
      bindings: { length: 3 },
      owners: true,
      roles: [],
      privateEndpoint: true,
      policyAssignment: true,
      deploymentStack: true,
    },
    present: [],
  })

  const readme = files.get('README.md') ?? ''
  const steps = [...readme.matchAll(/^\d+\. \*\*([^*]+)\*\*/gmu)].map(([, step]) => step)
  t.same(steps, [
    'Add the bindings',
    'Add the lines of `owners.yaml`',
    'Deploy `main.bicep`',
    'Move people over.',
    'Close by hand',
    'A deployment stack',
    'Check again.',
  ])
  t.match(readme, /\*\*public-network\*\*, \S+ws-new: public network access is Enabled/)
  t.match(readme, /privatelink\.api\.azureml\.ms and privatelink\.notebooks\.azure\.net/)
  t.match(
    readme,
    /--deny-settings-excluded-principals "88888888-8888-4888-8888-888888888801" "88888888-8888-4888-8888-888888888802"/,
  )

  const again = await onboard(join(around, 'new'))
  t.equal(again.status, 0)
  t.notMatch(again.out, 'written')
  t.match(again.out, 'as it is  main.bicep\n')
})

t.test('a file with other content is not replaced, and nothing else is written then', async (t) => {
  const directory = t.testdir({ clients: { 'env.sh': 'mine\n' } })
  const { status, out, err } = await onboard(directory)
  t.same([status, out], [1, ''])
  t.match(err, /clients\/env\.sh" is there with other content, and is not replaced/)
  t.same([...(await filesIn(directory))], [['clients/env.sh', 'mine\n']])
})

t.test('the bindings permit what the profile says, and nothing else', async (t) => {
  const directory = t.testdir()
  await onboard(directory)
  await writeFile(
    join(directory, 'bindings.yaml'),
    'identities: [ml-reader, ml-writer]\nbindings: []\n',
  )
  const set = await loadPolicy({
    directory: SHIPPED,
    bindings: join(directory, 'bindings.yaml'),
    identities: ['ml-reader', 'ml-writer'],
    issuers: ['entra', 'okta'],
  })
  const resource = { type: 'Workspace', id: NEW.toLowerCase() }
  const bound = [...set.rules.values()].flatMap((rule) =>
    rule.link === null
      ? []
      : [{ template: rule.policy.id, principal: rule.principal, resource: rule.resource }],
  )
  t.same(bound, [
    { template: 'compute', principal: resource, resource },
    { template: 'model-reviewer', principal: { type: 'Group', id: REVIEWERS }, resource },
    { template: 'data-scientist', principal: { type: 'Group', id: SCIENTISTS }, resource },
  ])
  t.match(set.owners, [
    { pattern: '*', within: resource, reviewers: [{ type: 'Group', id: REVIEWERS }] },
  ])
})

t.test('both languages make the same resources, with the values that are given', async (t) => {
  const before = world.lab.roles.assignments()
  t.teardown(() => world.lab.roles.assign(before))
  world.lab.roles.assign(before.filter(({ role }) => role !== 'Contributor'))
  const directory = t.testdir()
  const bicep = join(directory, 'bicep')
  const terraform = join(directory, 'terraform')
  t.equal((await onboard(bicep)).status, 0)
  t.equal((await onboard(terraform, '--terraform')).status, 0)
  t.ok((await filesIn(terraform)).has('main.tf'))
  t.notOk((await filesIn(terraform)).has('main.bicep'))
  // of Terraform's files only this one is a module of its own
  await mkdir(join(directory, 'module'))
  await cp(join(terraform, 'main.tf'), join(directory, 'module', 'main.tf'))
  const given: Parameters = {
    privateEndpointSubnetId: `${GROUP}/providers/Microsoft.Network/virtualNetworks/v/subnets/s`,
    apiDnsZoneId: `${GROUP}/providers/Microsoft.Network/privateDnsZones/a`,
    notebooksDnsZoneId: `${GROUP}/providers/Microsoft.Network/privateDnsZones/n`,
    logAnalyticsId: `${GROUP}/providers/Microsoft.OperationalInsights/workspaces/l`,
  }
  const snake = Object.entries(given).map(([name, value]) => [
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value,
  ])
  const byTerraform = inMemory()
  const put = byTerraform.put
  await deployTerraform(join(directory, 'module'), Object.fromEntries(snake) as Parameters, { put })
  const ids = byTerraform.made.map(({ type }) => type)
  for (const type of [
    'Microsoft.Authorization/roleDefinitions',
    'Microsoft.Authorization/roleAssignments',
    'Microsoft.Network/privateEndpoints',
    'Microsoft.Network/privateEndpoints/privateDnsZoneGroups',
    'Microsoft.Authorization/policyAssignments',
  ])
    t.ok(ids.includes(type), type)
  const assigned = byTerraform.made.filter(({ id }) => id.startsWith(`${NEW}/providers`))
  t.ok(assigned.length > 0, 'roles are assigned on the workspace')
  if (python === null) return
  const main = resolve(bicep, 'main.bicep')
  const files = await parseBicep(python, [main, join(bicep, 'workspace.bicep')])
  for (const [file, { faults }] of files) t.same(faults, [], file)
  const byBicep = inMemory()
  const scope = GROUP.split('/').slice(0, 3).join('/')
  const place = { scope, location: 'eastus' }
  await deployBicep(main, given, { files, place, put: byBicep.put })
  t.same(comparable(byTerraform.made), comparable(byBicep.made))
})

t.test('the settings lead clients of each kind to the gateway', async (t) => {
  const directory = t.testdir()
  await onboard(directory)
  const clients = join(directory, 'clients')
  const exec = promisify(execFile)
  const name = 'MLFLOW_TRACKING_URI'
  const uri = `https://${new URL(world.url).host}/mlflow/v1.0${NEW}\n`
  const shell = await exec('sh', ['-c', `. "$1/env.sh"; printenv ${name}`, 'sh', clients])
  t.equal(shell.stdout, uri)
  const python = `exec(open("${clients}/notebook.py").read()); print(os.environ["${name}"])`
  t.equal((await exec('python3', ['-c', python])).stdout, uri)
  t.match(await readFile(join(clients, 'env.ps1'), 'utf8'), `$Env:${name} = '${uri.trim()}'`)
  t.match(
    await readFile(join(clients, 'terraform.tf'), 'utf8'),
    `metadata_host                   = "${new URL(world.url).host}"`,
  )
})

t.test('what could not be looked at is said, and is not taken to be right', async (t) => {
  const fault = { times: 0, match: { path: 'ws-new/datastores?' }, status: 403, body: {} }
  world.lab.parts.get('arm')?.faults.add(fault)
  const directory = t.testdir()
  t.equal((await onboard(directory)).status, 0)
  t.match(
    await readFile(join(directory, 'README.md'), 'utf8'),
    /- \*\*datastores\*\*: .* To do: give who asks/,
  )
  const plan = JSON.parse(await readFile(join(directory, 'plan.json'), 'utf8'))
  t.same(
    plan.unverified.map(({ check }: { check: string }) => check),
    ['storage', 'datastores'],
  )
})

const jobs = async (persona: string): Promise<number | undefined> => {
  const authorization = `Bearer ${await world.lab.token(persona)}`
  const answer = await world.send(`${NEW}/jobs?api-version=2024-04-01`, {
    headers: { authorization },
  })
  return answer.status
}

t.test(
  'used, the bindings let a member of the group in and nobody else; then nothing is left',
  async (t) => {
    const directory = t.testdir()
    await onboard(directory)
    t.equal(await jobs('scientist'), 403)
    await cp(join(directory, 'bindings.d'), join(world.directory, 'bindings.d'), {
      recursive: true,
    })
    await cp(join(directory, 'owners.yaml'), join(world.directory, 'owners.yaml'))
    await eventually(
      'the gateway has read the bindings',
      async () => (await jobs('scientist')) === 200,
    )
    t.equal(await jobs('outsider'), 403)

    // as its README says, and its main.bicep does
    for (const [id, document] of world.documents)
      await world.put(id.replace(SOUND, NEW).replace('/sound-', '/new-'), document)
    const done = join(directory, 'again')
    const again = await onboard(done)
    t.match(again, { status: 0, out: /^nothing to do: \S+ws-new is bound/ }, again.err)
    t.rejects(readdir(done), { code: 'ENOENT' }, 'and nothing is written')

    // one more group is one more binding
    const more = await onboard(done, '--group', 'readers=Group::"okta/ml-readers"')
    t.equal(more.status, 0)
    t.match(more.out, 'written  bindings.d/readers-on-ws-new.yaml')
    t.notMatch(more.out, /owners|main|scientists/)
    t.match(parse(await readFile(join(done, 'bindings.d', 'readers-on-ws-new.yaml'), 'utf8')), {
      template: 'reader',
      principal: 'Group::"okta/ml-readers"',
    })
    await rm(join(world.directory, 'bindings.d'), { recursive: true })
  },
)

t.test('wrong arguments, and a workspace that is not there', async (t) => {
  const { configFile } = world.gateway
  const base = ['workspace', 'onboard', NEW, '--config', configFile]
  const out = ['--out', join(t.testdir(), 'x')]
  for (const [args, status, said] of [
    [[...base, ...GROUPS], 2, /--out/],
    [[...base, ...out], 2, /--group NAME=Group/],
    [[...base, ...out, '--group', 'scientists=entra'], 2, /--group is NAME=Group::/],
    [[...base, ...out, '--group', 'pilots=Group::"entra/x"'], 2, /no group "pilots"; it has scien/],
    [[...base, ...out, ...GROUPS, '--bicep', '--terraform'], 2, /cannot be used with/],
    [[...base, ...out, ...GROUPS, '--profile', 'none'], 1, /profiles\/none\.yaml/],
    [[...base, ...out, ...GROUPS, '--profile', '../x'], 1, /no name of a profile/],
    [[...base, ...out, '--group', 'scientists=Group::"nobody/x"'], 1, /nobody/],
    [
      [...base.map((one) => one.replace('ws-new', 'ws-none')), ...out, ...GROUPS],
      1,
      /ws-none is not there/,
    ],
  ] as const)
    t.match(await run(args), { status, err: said })
  t.same(await readdir(t.testdirName), [])
})
