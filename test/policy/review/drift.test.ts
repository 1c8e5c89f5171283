/**
 * `policy drift` against the lab's Resource Manager: after the roles of `policy export` are deployed there is none, and each
 * way in which Azure can come to grant something else is named and ends the command with 1.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { writeGatewayConfig } from '../../../lab/gateway/harness-config.ts'
import { startLab, type Lab } from '../../../lab/lab.ts'
import {
  RESOURCE_GROUP,
  SUBSCRIPTION,
  workspaceId,
  OTHER_WORKSPACE,
} from '../../../lab/personas.ts'
import type { RoleAssignment } from '../../../lab/azure/arm/roles.ts'
import { run, type Ran } from '../../cli/support/run.ts'
import { deployRoles, objectIdOf, putRole, type RoleBody } from './deployed-roles.ts'

const SUB = `/subscriptions/${SUBSCRIPTION}`
const RG = `${SUB}/resourceGroups/${RESOURCE_GROUP}`
const ML = 'Microsoft.MachineLearningServices'
const AUTH = 'providers/Microsoft.Authorization'

interface Drift {
  readonly identity: string
  readonly scope: string
  readonly missing: readonly string[]
  readonly excess: readonly string[]
}

let lab: Lab
let config = ''
let roles: readonly RoleBody[] = []
/** As the policies want them. */
let wanted: readonly RoleAssignment[] = []
t.before(async () => {
  const directory = t.testdir({ spool: {} })
  lab = await startLab({ directory: join(directory, 'lab'), port: 0 })
  setDefaultCACertificates([...getCACertificates('default'), lab.certificates.ca])
  Object.assign(process.env, lab.env)
  config = join(directory, 'harness.yaml')
  const spool = join(directory, 'spool')
  await mkdir(spool, { recursive: true, mode: 0o700 })
  await writeGatewayConfig(lab, config, { port: 8443, spool })
  roles = await deployRoles(lab, config)
  wanted = lab.roles.assignments()
})
t.teardown(() => lab.close())
t.afterEach(() => {
  lab.roles.assign(wanted)
  lab.parts.get('arm')?.faults.clear()
})

const drift = (...args: string[]): Promise<Ran> =>
  run(['policy', 'drift', '--config', config, ...args])
async function drifted(): Promise<Ran & { readonly found: readonly Drift[] }> {
  const ran = await drift('--output', 'json')
  return { ...ran, found: (JSON.parse(ran.out) as { drift: readonly Drift[] }).drift }
}

/** The assignments that are wanted, with one of them changed. */
function changed(
  which: (one: RoleAssignment) => boolean,
  change: (one: RoleAssignment) => readonly RoleAssignment[],
): void {
  const at = wanted.findIndex(which)
  if (at === -1) throw new Error('there is no such assignment')
  lab.roles.assign(wanted.flatMap((one, index) => (index === at ? change(one) : [one])))
}
const ofScientists = ({ role }: RoleAssignment): boolean => role.includes('data-scientist')
/** The role of scientists as it was exported, with other actions. */
async function redefine(
  t: Test,
  actions: (all: readonly string[]) => readonly string[],
  more = {},
) {
  const role = roles.find(({ properties }) => properties.roleName.includes('data-scientist'))
  if (role === undefined) throw new Error('no role of scientists')
  const [permission] = role.properties.permissions
  const permissions = [{ ...permission, actions: actions(permission?.actions ?? []), ...more }]
  t.teardown(() => putRole(lab, role))
  await putRole(lab, { ...role, properties: { ...role.properties, permissions } })
}

t.test('as exported and deployed, there is none', async (t) => {
  const { status, found, err } = await drifted()
  t.equal(status, 0, err)
  t.ok(found.length > 1)
  for (const { missing, excess } of found) t.same([...missing, ...excess], [])
})

const CASES: readonly (readonly [
  what: string,
  change: (t: Test) => Promise<void> | void,
  named: readonly RegExp[],
])[] = [
  [
    'a role is widened',
    (t) => redefine(t, (all) => [...all, `${ML}/workspaces/delete`]),
    [
      /excess 1: Microsoft\.MachineLearningServices\/workspaces\/delete/,
      /has role ".*data-scientist"/,
    ],
  ],
  [
    'a role is widened by a wildcard',
    (t) => redefine(t, (all) => [...all, `${ML}/workspaces/*`]),
    [/excess \d+: .*MachineLearningServices/],
  ],
  [
    'a role is widened by what nothing is known of',
    (t) => redefine(t, (all) => [...all, `${ML}/newThings/launch/action`]),
    [/excess 1: \S+\/newThings\/launch\/action/],
  ],
  [
    'a role is widened by what is of another provider',
    (t) => redefine(t, (all) => [...all, 'Microsoft.Storage/storageAccounts/listKeys/action']),
    [/excess 1: Microsoft\.Storage\/storageAccounts\/listKeys\/action/],
  ],
  [
    'a role is widened by data',
    (t) =>
      redefine(t, (all) => all, {
        dataActions: ['Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'],
      }),
    [/excess 1: Microsoft\.Storage\S+\/blobs\/read/],
  ],
  [
    'a role is narrowed',
    (t) => redefine(t, (all) => all.filter((one) => !one.endsWith('/jobs/write'))),
    [/missing 2: \S+\/deployments\/jobs\/write, \S+\/batchEndpoints\/jobs\/write/],
  ],
  [
    'a role is narrowed by what it takes back',
    (t) => redefine(t, (all) => all, { notActions: [`${ML}/workspaces/jobs/*`] }),
    [/missing 1: \S+\/workspaces\/jobs\/delete/],
  ],
  [
    'an assignment is added',
    () =>
      lab.roles.assign([
        ...wanted,
        { principalId: objectIdOf('ml-reader'), role: 'Contributor', scope: workspaceId() },
      ]),
    [/ml-reader on \S+ws-lab\n {2}missing 0\n {2}excess \d+: /, /has role "Contributor"/],
  ],
  [
    'an assignment is added where no policy needs anything',
    () =>
      lab.roles.assign([
        ...wanted,
        {
          principalId: objectIdOf('ml-writer'),
          role: 'Contributor',
          scope: workspaceId(OTHER_WORKSPACE),
        },
      ]),
    [/ml-writer on \S+ws-other\n {2}missing 0\n {2}excess \d+: /],
  ],
  [
    'an assignment is removed',
    () => changed(ofScientists, () => []),
    [/ml-writer on \S+ws-lab\n {2}missing \d+: /],
  ],
  [
    'an assignment is moved to its resource group',
    () => changed(ofScientists, (one) => [{ ...one, scope: RG }]),
    [/ml-writer on \S+resourceGroups\/rg-lab\n {2}missing 0\n {2}excess \d+: /],
  ],
  [
    'an assignment is moved to another workspace',
    () => changed(ofScientists, (one) => [{ ...one, scope: workspaceId(OTHER_WORKSPACE) }]),
    [/\S+ws-lab\n {2}missing \d+: /, /\S+ws-other\n {2}missing 0\n {2}excess \d+: /],
  ],
  [
    'an assignment gets a condition',
    () =>
      changed(ofScientists, (one) => [{ ...one, condition: "@Resource[name] StringEquals 'x'" }]),
    [
      /condition on role ".*data-scientist", not evaluated: @Resource\[name\] StringEquals 'x'/,
      /ml-writer on \S+ws-lab\n {2}missing \d+: /,
    ],
  ],
  [
    'something is inherited from above',
    () =>
      lab.roles.assign([
        ...wanted,
        { principalId: objectIdOf('ml-reader'), role: 'Contributor', scope: '' },
      ]),
    [/inherited from \//, /ml-reader on \S+ws-lab\n {2}missing 0\n {2}excess \d+: /],
  ],
]
for (const [what, change, named] of CASES)
  t.test(`${what}: 1, and it is named`, async (t) => {
    await change(t)
    const { status, out, err } = await drift()
    t.equal(status, 1, err)
    for (const one of named) t.match(out, one)
  })

/** The configuration with these bindings in the place of the lab's. */
async function withBindings(t: Test, bindings: readonly object[]): Promise<string> {
  const text = stringify({ identities: ['ml-reader', 'ml-writer'], bindings })
  const directory = t.testdir({ 'bindings.yaml': text })
  const file = join(directory, 'harness.yaml')
  await writeGatewayConfig(lab, file, {
    port: 8443,
    spool: join(directory, 'spool'),
    bindings: join(directory, 'bindings.yaml'),
  })
  return file
}

t.test('an identity of which nothing is needed any more, and which still has a role', async (t) => {
  const resource = `Workspace::"${workspaceId().toLowerCase()}"`
  const reading = { id: 'reading', template: 'reader', principal: 'Group::"okta/x"', resource }
  const file = await withBindings(t, [reading])
  const { status, out, err } = await run(['policy', 'drift', '--config', file])
  t.equal(status, 1, err)
  t.match(out, /ml-writer on \S+ws-lab\n {2}missing 0\n {2}excess \d+: /)
})

t.test('where nothing is bound there is nothing to compare, which is not "no drift"', async (t) => {
  const { status, out, err } = await run(['policy', 'drift', '--config', await withBindings(t, [])])
  t.equal(status, 1)
  t.equal(out, '')
  t.match(err, 'there is nothing to compare')
})

t.test('what is too much can be allowed, and nothing else', async (t) => {
  for (const [what, change] of CASES) {
    await t.test(what, async (t) => {
      await change(t)
      const { found } = await drifted()
      const fails = found.some(({ missing }) => missing.length > 0)
      t.equal((await drift('--allow-excess')).status, fails ? 1 : 0)
    })
    lab.roles.assign(wanted)
  }
})

t.test('a read that fails or cannot be understood is never "no drift"', async (t) => {
  const arm = lab.parts.get('arm')
  const assignment = { scope: SUB, roleDefinitionId: `${SUB}/${AUTH}/roleDefinitions/x` }
  const bodies: readonly (readonly [path: string, answer: object])[] = [
    ['roleAssignments', { status: 403, body: { error: { code: 'AuthorizationFailed' } } }],
    ['roleAssignments', { status: 500, body: 'no' }],
    ['roleAssignments', { status: 429, body: {} }],
    ['roleAssignments', { status: 204 }],
    ['roleAssignments', { reset: true }],
    ['roleAssignments', { reset: 'mid-body' }],
    ['roleAssignments', { status: 200, body: '' }],
    ['roleAssignments', { status: 200, body: '<html>' }],
    ['roleAssignments', { status: 200, body: {} }],
    ['roleAssignments', { status: 200, body: { value: {} } }],
    ['roleAssignments', { status: 200, body: { value: [{}] } }],
    ['roleAssignments', { status: 200, body: { value: [null] } }],
    ['roleAssignments', { status: 200, body: { value: [{ properties: { scope: SUB } }] } }],
    [
      'roleAssignments',
      { status: 200, body: { value: [], nextLink: 'https://elsewhere.example/x' } },
    ],
    ['roleAssignments', { status: 200, body: { value: [], nextLink: 7 } }],
    ['roleAssignments', { status: 200, body: { value: [{ properties: assignment }] } }],
    ['roleDefinitions', { status: 403, body: {} }],
    ['roleDefinitions', { status: 404, body: {} }],
    ['roleDefinitions', { status: 200, body: {} }],
    ['roleDefinitions', { status: 200, body: { properties: { permissions: {} } } }],
    ['roleDefinitions', { status: 200, body: { properties: { permissions: [{ actions: '*' }] } } }],
    ['roleDefinitions', { status: 200, body: { properties: { permissions: [{ actions: [7] }] } } }],
    ['roleDefinitions', { status: 200, body: { properties: { permissions: [7] } } }],
  ]
  for (const [path, answer] of bodies) {
    arm?.faults.add({ match: { path }, times: 0, ...answer })
    const { status, out, err } = await drift()
    t.equal(status, 1, `${path} ${JSON.stringify(answer)}`)
    t.match(err, 'Azure Resource Manager cannot be asked: ')
    t.equal(out, '', 'nothing is said of drift')
    arm?.faults.clear()
  }
})
