/** `workspace check`: who can go around the gateway, what may not be read, and what the gateway's own side lacks. */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse, stringify } from 'yaml'
import type { RoleAssignment } from '../../../lab/azure/arm/roles.ts'
import { IDENTITIES, TENANT } from '../../../lab/personas.ts'
import { run } from '../support/run.ts'
import { check as checkOf, type Seen } from './support/checking.ts'
import {
  ASSIGNMENT_OID,
  COMPUTE_OID,
  GROUP,
  SCIENTISTS,
  SOUND,
  startSound,
  WORKSPACE_OID,
  type SoundWorld,
} from './support/sound.ts'

t.setTimeout(120_000)

let world: SoundWorld
t.before(async () => {
  world = await startSound()
})
t.teardown(() => world.close())
t.afterEach(() => {
  for (const part of world.lab.parts.values()) part.faults.clear()
})

const check = (
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  file = world.gateway.configFile,
): Promise<Seen> => checkOf(file, args, env)

/** The assignments that the lab begins with, and these. */
function assign(t: Test, more: readonly RoleAssignment[]): void {
  const before = world.lab.roles.assignments()
  t.teardown(() => world.lab.roles.assign(before))
  world.lab.roles.assign([...before, ...more])
}
const PERSON = '44444444-4444-4444-8444-444444444401'
const TEAM = '33333333-3333-4333-8333-333333333301'
const SUBSCRIPTION = GROUP.split('/').slice(0, 3).join('/')

t.test('as many assignments as a subscription may have are read', async (t) => {
  const readers = Array.from({ length: 4_000 }, (_, at) => ({
    principalId: `44444444-4444-4444-8444-${String(at).padStart(12, '0')}`,
    role: 'Reader',
    scope: GROUP,
  }))
  assign(t, [...readers, { principalId: PERSON, kind: 'User', role: 'Contributor', scope: GROUP }])
  const seen = await check()
  t.same(seen.ill, ['bypass failed'], seen.text.slice(0, 2_000))
  t.ok(seen.text.includes(PERSON))
})

t.test(
  'whoever can write without the gateway is named, wherever the role is assigned',
  async (t) => {
    assign(t, [
      { principalId: PERSON, kind: 'User', role: 'Contributor', scope: SUBSCRIPTION },
      { principalId: TEAM, kind: 'Group', role: 'Contributor', scope: GROUP },
      { principalId: PERSON, kind: 'User', role: 'User Access Administrator', scope: SOUND },
      { principalId: PERSON, kind: 'User', role: 'Reader', scope: SOUND },
      {
        principalId: '44444444-4444-4444-8444-444444444499',
        role: 'Contributor',
        scope: `${SOUND}/onlineEndpoints/sound-online`,
      },
      { principalId: COMPUTE_OID, role: 'Contributor', scope: SOUND },
      // neither of these can be used by a person
      { principalId: ASSIGNMENT_OID, role: 'Contributor', scope: GROUP },
      { principalId: WORKSPACE_OID, role: 'Contributor', scope: GROUP },
    ])
    const seen = await check()
    t.same(
      seen.ill,
      Array.from({ length: 5 }, () => 'bypass failed'),
      seen.text,
    )
    t.match(
      seen.text,
      new RegExp(
        `User "sofia.scientist@lab.example" ${PERSON}: has the role Contributor on ${SUBSCRIPTION}: may do \\d+ actions without the gateway`,
      ),
    )
    t.match(
      seen.text,
      `Group "scientists" ${TEAM}: all its members have the role Contributor on ${GROUP}`,
    )
    t.match(seen.text, /User Access Administrator on \S+: can give itself any role -> az role/)
    t.match(seen.text, /onlineEndpoints\/sound-online: may do/)
    t.match(seen.text, /the identity of compute "cluster", has the role Contributor/)
    t.same(
      seen.bypass.map(({ kind, role }) => `${kind} ${role}`),
      [
        'User Contributor',
        'Group Contributor',
        'User User Access Administrator',
        'ServicePrincipal Contributor',
        'ServicePrincipal Contributor',
      ],
    )
  },
)

t.test('who has to stay can be accepted: a warning, and still on the list', async (t) => {
  assign(t, [{ principalId: PERSON, kind: 'User', role: 'Contributor', scope: GROUP }])
  t.equal((await check()).status, 1)
  const seen = await check(['--accept', PERSON.toUpperCase()])
  t.same([seen.status, seen.ill], [0, ['bypass warning']])
  t.equal(seen.bypass.length, 1)
})

t.test('without Graph, ids say who it is', async (t) => {
  assign(t, [{ principalId: PERSON, kind: 'User', role: 'Contributor', scope: GROUP }])
  world.lab.parts.get('graph')?.faults.add({ times: 0, status: 403, body: {} })
  const seen = await check()
  t.same(seen.ill, ['bypass failed'])
  t.match(seen.text, new RegExp(`^User ${PERSON}: has`))
  t.equal(seen.bypass[0]?.name, null)
})

/** For Azure's own cloud, as a person may have it. */
async function readerToken(): Promise<string> {
  const reader = IDENTITIES.find(({ name }) => name === 'ml-reader')
  if (reader === undefined) throw new Error('the lab has no reader')
  return world.lab.identities.mint(reader, 'https://management.azure.com')
}

t.test('identities that lack a role, and those whose ids nobody knows', async (t) => {
  const before = world.lab.roles.assignments()
  t.teardown(() => world.lab.roles.assign(before))
  world.lab.roles.assign(before.filter(({ role }) => role !== 'Contributor'))
  const seen = await check()
  t.same(seen.ill, ['roles failed'])
  t.match(seen.text, /ml-writer on \S+ws-sound: policies permit \d+ actions that Azure will refuse/)

  world.lab.roles.assign(before)
  world.lab.parts.get('identity')?.faults.add({ times: 0, status: 500, body: {} })
  const known = IDENTITIES.filter(({ name }) => name !== 'ml-writer').flatMap(({ name, oid }) => [
    '--principal',
    `${name}=${oid}`,
  ])
  const unknown = await check(known, { AZURE_ARM_TOKEN: await readerToken() })
  t.same(unknown.ill, ['roles unverified', 'bypass unverified', 'deny-assignments unverified'])
  t.match(unknown.text, /give --principal ml-writer=OBJECT-ID/)
  t.equal(unknown.status, 1, 'what is unknown is not sound')
})

/** What may not be read, and what is then unknown: the first of them names the missing permission. */
const UNREADABLE: readonly (readonly [
  path: string,
  found: readonly string[],
  permission: string,
])[] = [
  [`/ws-sound?api`, ['workspace'], 'MachineLearningServices/workspaces/read'],
  ['/roleAssignments?', ['roles', 'bypass'], 'Microsoft.Authorization/roleAssignments/read'],
  ['/roleDefinitions/', ['roles', 'bypass'], 'Microsoft.Authorization/role'],
  ['/privateEndpointConnections?', ['private-endpoint'], 'privateEndpointConnections/read'],
  ['/storageAccounts/', ['storage'], 'Microsoft.Storage/storageAccounts/read'],
  ['/datastores?', ['datastores'], 'workspaces/datastores/read'],
  [
    '/computes?',
    ['local-authentication', 'ssh', 'idle-shutdown', 'compute-identities'],
    'workspaces/computes/read',
  ],
  ['/onlineEndpoints?', ['endpoints'], 'workspaces/onlineEndpoints/read'],
  ['/batchEndpoints?', ['endpoints'], 'workspaces/batchEndpoints/read'],
  ['/serverlessEndpoints?', ['endpoints'], 'workspaces/serverlessEndpoints/read'],
  ['/diagnosticSettings?', ['diagnostics'], 'Microsoft.Insights/diagnosticSettings/read'],
  ['/policyAssignments?', ['azure-policy'], 'Microsoft.Authorization/policyAssignments/read'],
  ['/policySetDefinitions/', ['azure-policy'], 'policySetDefinitions/read'],
  ['/denyAssignments?', ['deny-assignments'], 'Microsoft.Authorization/denyAssignments/read'],
]

t.test('what may not be read is unverified, with the permission that is missing', async (t) => {
  for (const [path, found, permission] of UNREADABLE) {
    const arm = world.lab.parts.get('arm')
    arm?.faults.add({ times: 0, match: { path }, status: 403, body: { error: {} } })
    const seen = await check()
    t.same(
      seen.ill,
      found.map((one) => `${one} unverified`),
      `${path}: ${seen.text}`,
    )
    t.match(seen.text, permission)
    t.match(seen.text, /cannot be read: status 403 -> give who asks the action \S+ on \//)
    t.equal(seen.status, 1)
    arm?.faults.clear()
    // what failed for another reason is unknown, too, and no permission would help
    arm?.faults.add({ times: 0, match: { path }, status: 500, body: { error: {} } })
    const broken = await check()
    t.same(broken.ill, seen.ill, path)
    t.notMatch(broken.text, 'give who asks')
    arm?.faults.clear()
  }
})

t.test('Azure that throttles is waited for, as long as it says, and that is said', async (t) => {
  const arm = world.lab.parts.get('arm')
  const throttled = { status: 429, headers: { 'retry-after': '1' }, body: { error: {} } }
  arm?.faults.add([
    { match: { path: '/datastores?' }, ...throttled },
    { match: { path: '/roleAssignments?' }, ...throttled },
  ])
  const seen = await check()
  t.same(seen.ill, [], seen.text)
  t.same(
    seen.err.trimEnd().split('\n'),
    Array.from({ length: 2 }, () => 'Azure has no room for more calls: waits 1 s, as it asks'),
  )
  const long = { ...throttled, headers: { 'retry-after': '7200' }, times: 0 }
  arm?.faults.add({ match: { path: '/datastores?' }, ...long })
  t.match(await check(), { ill: ['datastores unverified'], text: /status 429 -> try again/ })
})

t.test('a page of another host is not asked for', async (t) => {
  const body = { value: [], nextLink: `${world.lab.urls.graph}/page` }
  world.lab.parts.get('arm')?.faults.add({ match: { path: '/datastores?' }, status: 200, body })
  t.match(await check(), { ill: ['datastores unverified'], text: /a page of another host/ })
})

/** What of the configuration is changed here. */
interface Changeable {
  readonly cloud: { name: string; dataPlane: string; regions: Record<string, string> }
  readonly listen: { publicUrl: string }
  readonly policies: { bindings: string }
}

/** The gateway's configuration, changed. */
async function changed(t: Test, change: (config: Changeable) => void): Promise<string> {
  const config = parse(readFileSync(world.gateway.configFile, 'utf8'))
  change(config)
  const file = join(t.testdir(), 'harness.yaml')
  await writeFile(file, stringify(config), { mode: 0o600 })
  return file
}

t.test('what the gateway’s own side lacks is found', async (t) => {
  const env = { AZURE_ARM_TOKEN: await readerToken() }
  for (const [change, found, said] of [
    [
      (config: Changeable) => (config.cloud.regions = { [SOUND.toLowerCase()]: 'westeurope' }),
      ['workspace failed'],
      /sends its calls to westeurope, and it is in eastus/,
    ],
    [
      (config: Changeable) => (config.cloud.dataPlane = 'https://198.51.100.7'),
      ['dns failed'],
      /public/,
    ],
    [
      (config: Changeable) => {
        config.cloud.name = 'AzureUSGovernment'
        config.cloud.dataPlane = 'https://198.51.100.7'
      },
      ['dns failed'],
      /privatelink\.api\.ml\.azure\.us/,
    ],
    [
      (config: Changeable) => (config.cloud.dataPlane = 'https://nowhere.invalid'),
      ['dns unverified'],
      /cannot be resolved/,
    ],
    [
      (config: Changeable) => (config.listen.publicUrl = 'https://localhost:1'),
      ['clients failed'],
      /do not find it from here/,
    ],
  ] as const) {
    const file = await changed(t, change)
    const seen = await check([], env, file)
    t.same(seen.ill, found, seen.text)
    t.match(seen.text, said)
  }
})

t.test('bindings: none, some without effect, and those of all computes', async (t) => {
  const bound = async (bindings: string): Promise<Seen> => {
    const path = join(world.directory, 'others.yaml')
    await writeFile(path, `identities: [ml-reader, ml-writer]\nbindings:${bindings}`)
    return check([], {}, await changed(t, (config) => (config.policies.bindings = path)))
  }
  const to = (principal: string, place: string): string => `
  - id: one
    template: data-scientist
    principal: ${principal}
    resource: ${place}
`
  const here = `Workspace::"${SOUND.toLowerCase()}"`
  const none = await bound(' []')
  t.same(none.ill, ['roles failed', 'compute-identities warning', 'bindings failed'])
  t.match(none.text, /no binding reaches it -> azureml-harness workspace onboard/)
  const shadow = await bound(`${to(`Group::"${SCIENTISTS}"`, here)}    shadow: true\n`)
  t.match(shadow.text, /only bindings without effect reach it/)
  const above = `ResourceGroup::"${GROUP.toLowerCase()}"`
  t.same((await bound(to(`Group::"${SCIENTISTS}"`, above))).ill, ['compute-identities warning'])
  t.same((await bound(to(here, here))).ill, [], 'a workspace stands for all its computes')
  const other = `Compute::"entra/${TENANT}/${COMPUTE_OID}"`
  t.same((await bound(to(other, above))).ill, [])
})

t.test(
  'without a configuration the cloud is asked that is named, and the gateway’s side is unknown',
  async (t) => {
    const real = globalThis.fetch
    t.teardown(() => (globalThis.fetch = real))
    const hosts = new Set<string>()
    // the lab stands where the clouds are
    globalThis.fetch = (url, init) => {
      const asked = new URL(url instanceof Request ? url.url : url)
      hosts.add(asked.host)
      return real(`${world.lab.urls.upstream}${asked.pathname}${asked.search}`, init)
    }
    const env = { AZURE_ARM_TOKEN: await readerToken() }
    for (const [cloud, host] of [
      [[], 'management.azure.com'],
      [['--cloud', 'AzureUSGovernment'], 'management.usgovcloudapi.net'],
      [['--cloud', 'AzureChinaCloud'], 'management.chinacloudapi.cn'],
    ] as const) {
      hosts.clear()
      const ran = await run(['workspace', 'check', SOUND, '--output', 'tsv', ...cloud], { env })
      t.equal(ran.status, 1)
      t.same([...hosts], [host])
      t.match(ran.out, /^workspace\tok\t/)
      for (const name of ['roles', 'compute-identities', 'bindings', 'clients'])
        t.match(ran.out, new RegExp(`\n${name}\tunverified\t.*give --config`))
      t.match(ran.out, /\nbypass\tunverified\t.*it may be the gateway’s: .*give --config/)
    }
  },
)

t.test('a workspace that is not there is all that is said', async (t) => {
  const id = SOUND.replace('ws-sound', 'ws-nowhere')
  const ran = await run(['workspace', 'check', id, '--config', world.gateway.configFile])
  t.match(ran, { status: 1, out: /^failed +workspace +ws-nowhere: is not there/ })
  t.equal(ran.out.split('\n').length, 4)
})

t.test('wrong arguments are status 2', async (t) => {
  const { configFile } = world.gateway
  for (const [args, said] of [
    [['ws-sound', '--config', configFile], /WORKSPACE_ID is \/subscriptions/],
    [[`${SOUND}/computes/x`, '--config', configFile], /WORKSPACE_ID is/],
    [[`${SOUND}?x=1`, '--config', configFile], /WORKSPACE_ID is/],
    [[SOUND, '--config', configFile, '--accept', 'bob'], /--accept takes an object id/],
    [[SOUND, '--config', configFile, '--principal', 'bob'], /--principal is NAME=OBJECT-ID/],
    [[SOUND, '--config', configFile, '--cloud', 'AzureCloud'], /exclude each other/],
    [[SOUND, '--cloud', 'Mars'], /AzureUSGovernment/],
    [[SOUND], /--config FILE is needed, or a token .* AZURE_ARM_TOKEN/],
  ] as const)
    t.match(await run(['workspace', 'check', ...args]), { status: 2, out: '', err: said })
})
