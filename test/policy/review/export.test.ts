import { readFile, readdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run, type Ran } from '../../cli/support/run.ts'
import { EXIT } from '../../../src/cli/io.ts'
import { PUBLISHED_ACTIONS } from '../../../src/vocabulary/actions.ts'
import { BUILTIN_ROLES, roleTest } from '../../../src/policy/load/builtin-roles.ts'
import { createDecide } from '../../../src/policy/decide.ts'
import { findDrift } from '../../../src/policy/review/drift.ts'
import { azureRoles } from '../../../src/policy/review/export/azure-role.ts'
import { bicepFiles } from '../../../src/policy/review/export/bicep.ts'
import {
  armSpelling,
  grantsOf,
  guidOf,
  type Grants,
} from '../../../src/policy/review/export/grants.ts'
import { terraformFile } from '../../../src/policy/review/export/terraform.ts'
import {
  loadFrom,
  loadShipped,
  ML,
  operation,
  principal,
  RG,
  SHIPPED,
  SUB,
  WS,
} from '../support.ts'

// too long for `npm run test:quick`
t.setTimeout(300_000)

// HashiCorp's parser as WebAssembly; its own types bring those of browsers along, which are others than Node's
const require = createRequire(import.meta.url)
const { parse } = require('@cdktf/hcl2json') as {
  parse: (
    name: string,
    text: string,
  ) => Promise<{ resource: Record<string, Record<string, unknown>> }>
}

const BINDINGS = `
identities: [ml-reader, ml-writer]
bindings:
  - { id: scientists, template: data-scientist, principal: 'Group::"entra/t/scientists"', resource: 'Workspace::"${WS}"' }
  - { id: readers, template: reader, principal: 'Group::"okta/readers"', resource: 'ResourceGroup::"${RG}"' }
  - { id: soon, template: workspace-admin, principal: 'Group::"okta/admins"', resource: 'Workspace::"${WS}"', shadow: true }
`

t.test(
  'roles hold what the templates permit, and nothing that is forbidden to everybody',
  async (t) => {
    const grants = grantsOf(await loadShipped(t, BINDINGS))
    t.same(grants.roles.map(({ id }) => id).toSorted(), [
      'data-scientist',
      'own-operations',
      'reader',
    ])
    t.same(grants.identities, ['ml-reader', 'ml-writer'])
    t.same(grants.subscriptions, [SUB])
    const roleById = new Map(grants.roles.map((role) => [role.id, role.actions]))
    const scientist = roleById.get('data-scientist') ?? []
    t.ok(scientist.includes(`${ML}/workspaces/jobs/write`))
    t.notOk(scientist.some((action) => /listkeys|listsecrets|workspaces\/write$/iu.test(action)))
    t.ok(
      scientist.includes(`${ML}/workspaces/codes/versions/*/action`),
      'an unpublished action, by wildcard',
    )
    t.ok((roleById.get('reader') ?? []).every((action) => !action.endsWith('/write')))
    t.ok(
      (roleById.get('own-operations') ?? []).every((action) =>
        /operation|locations/iu.test(action),
      ),
      'a permit on one kind needs the actions of that kind only',
    )
    t.match(
      grants.assignments.find(({ role }) => role === 'reader'),
      { identity: 'ml-reader', scope: armSpelling(RG) },
    )
  },
)

t.test('every action of a role is one that a custom role can name, or a wildcard', async (t) => {
  const grants = grantsOf(await loadShipped(t, BINDINGS))
  const published = new Set(PUBLISHED_ACTIONS.map(({ name }) => name))
  for (const { actions } of grants.roles) {
    for (const action of actions) {
      t.ok(
        published.has(action) || action.includes('*') || action.startsWith('Microsoft.Resources/'),
        action,
      )
    }
  }
})

t.test('what a wildcard covers besides is taken back, as Azure evaluates roles', async (t) => {
  const set = await loadShipped(t, BINDINGS)
  const published = PUBLISHED_ACTIONS.map(({ name }) => name)
  let withheld = 0
  for (const { id, actions, notActions } of grantsOf(set).roles) {
    const grants = roleTest({ name: '', id: '', actions, notActions })
    for (const action of actions) t.ok(action.includes('*') || grants(action), `${id}: ${action}`)
    const exact = new Set(actions.map((action) => action.toLowerCase()))
    t.same(
      published.filter((name) => grants(name) && !exact.has(name.toLowerCase())),
      [],
      `${id} grants no published action that it does not name`,
    )
    withheld += notActions.length
  }
  t.ok(withheld > 0)
})

t.test('role definitions are ARM JSON', async (t) => {
  const grants = grantsOf(await loadShipped(t, BINDINGS))
  const roles = JSON.parse(JSON.stringify(azureRoles(grants))) as Record<string, unknown>[]
  t.equal(roles.length, 3)
  for (const role of roles) {
    t.match(role, {
      name: /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u,
      type: 'Microsoft.Authorization/roleDefinitions',
      properties: {
        roleName: String,
        type: 'CustomRole',
        permissions: [{ actions: Array, notActions: Array, dataActions: [], notDataActions: [] }],
        assignableScopes: [SUB],
      },
    })
  }
  t.equal(guidOf('x'), guidOf('x'))
  t.not(guidOf('x'), guidOf('y'))
})

t.test(
  "the Data Scientist role's own definition gives the verdicts of its group, but for secrets",
  async (t) => {
    const set = await loadFrom(t, {
      'a.cedar': `@id("a") @reason("a") @identity("ml-writer") permit (principal, action in Action::"role:AzureML Data Scientist", resource);`,
    })
    const decide = createDecide(set)
    const role = BUILTIN_ROLES.find(({ name }) => name === 'AzureML Data Scientist')
    if (role === undefined) throw new Error('no such role')
    const covers = roleTest(role)
    for (const { name, group, secrets } of PUBLISHED_ACTIONS) {
      const asked = { ...operation('x/read'), action: name, effect: group, secrets }
      const permitted = decide(principal(), asked, {}).permit !== null
      t.equal(permitted, covers(name) && !secrets, `${name}${secrets ? ', secrets' : ''}`)
    }
  },
)

t.test("Terraform's own parser reads the file, and finds in it what was granted", async (t) => {
  const set = await loadShipped(t, BINDINGS)
  const grants = grantsOf(set)
  // what nobody would write, so that a quote that is not closed or a template that is opened shows
  const odd = 'a\'b ${c} "d" %{e} \\ $$ \u2028 <<EOT'
  const hostile = {
    ...grants,
    roles: grants.roles.map((role) => ({ ...role, description: odd, name: `${role.name} ${odd}` })),
  }
  for (const { identities, roles, assignments, subscriptions } of [grants, hostile]) {
    const file = terraformFile({ identities, roles, assignments, subscriptions })
    const read = await parse('main.tf', file)
    t.same(Object.keys(read).sort(), ['resource', 'variable'])
    t.same(Object.keys(read.resource).sort(), [
      'azurerm_role_assignment',
      'azurerm_role_definition',
      'azurerm_user_assigned_identity',
    ])
    const {
      azurerm_user_assigned_identity: managed = {},
      azurerm_role_definition: defined = {},
      azurerm_role_assignment: assigned = {},
    } = read.resource
    t.same(Object.keys(managed).sort(), [...identities].sort())
    t.same(Object.keys(defined).sort(), roles.map(({ id }) => id).sort())
    for (const { id, guid, name, description, actions, notActions } of roles) {
      // the parser gives templates back as they are escaped
      const escaped = (value: string): string =>
        value.replaceAll(/[$%]\{/gu, (at) => `${at[0]}${at}`)
      t.same(defined[id], [
        {
          role_definition_id: guid,
          name: escaped(name),
          description: escaped(description),
          scope: subscriptions[0],
          assignable_scopes: subscriptions,
          permissions: [{ actions, not_actions: notActions }],
        },
      ])
    }
    t.same(
      Object.values(assigned),
      assignments.map(({ role, identity, scope }) => [
        {
          scope,
          role_definition_id: `\${azurerm_role_definition.${role}.role_definition_resource_id}`,
          principal_id: `\${azurerm_user_assigned_identity.${identity}.principal_id}`,
        },
      ]),
    )
  }
  await t.rejects(parse('main.tf', 'resource "a" {{'), 'it does not read everything')
})

t.test('what may be granted for a time is granted to the identities, too', async (t) => {
  const set = await loadShipped(t, BINDINGS)
  const grant = {
    template: 'ml-engineer',
    who: null,
    within: { type: 'Workspace', id: WS },
    way: 'grant' as const,
    lasts: { usual: 1, most: 1 },
    reviewers: 0,
    approvers: [],
    stepUp: null,
    url: null,
    codeOwners: null,
    note: null,
    line: 1,
  }
  const of = (rules: (typeof grant)[]) =>
    grantsOf({ ...set, requests: { rules, repository: null } })
  const before = of([{ ...grant, way: 'link' as 'grant' }])
  const after = of([grant])
  t.same(before, grantsOf(set))
  t.same(
    after.assignments.filter(({ role }) => role === 'ml-engineer'),
    [{ role: 'ml-engineer', identity: 'ml-writer', scope: armSpelling(WS) }],
  )
  t.equal(after.assignments.length, before.assignments.length + 1)
})

t.test('what Azure gives to everybody is granted to no identity', async (t) => {
  const registry = `${SUB.replaceAll('0', '9')}/resourcegroups/x/providers/microsoft.machinelearningservices/registries/azureml`
  const set = await loadShipped(
    t,
    `${BINDINGS}
  - { id: public, template: public-registry, principal: 'Group::"okta/x"', resource: 'Registry::"${registry}"' }
`,
  )
  const { roles, assignments, subscriptions } = grantsOf(set)
  t.notOk(roles.some(({ id }) => id === 'public-registry'))
  t.notOk(assignments.some(({ scope }) => scope.includes('registries')))
  t.notOk(subscriptions.includes(SUB.replaceAll('0', '9')))
})

t.test(
  'Bicep and Terraform name every role and assignment, and quote what they are given',
  async (t) => {
    const set = await loadShipped(t, BINDINGS)
    const grants = grantsOf(set)
    const bicep = bicepFiles(grants)
    const main = bicep.get(`main-${SUB.split('/')[2]}.bicep`) ?? ''
    const terraform = terraformFile(grants)
    for (const { guid, actions } of grants.roles) {
      t.ok(main.includes(guid) && terraform.includes(guid))
      for (const action of actions)
        t.ok(main.includes(`'${action}'`) && terraform.includes(`"${action}"`))
    }
    t.match(main, "scope: resourceGroup('rg-lab')")
    t.match(main, "name: 'ws-lab'")
    t.match(terraform, `scope              = "${armSpelling(WS)}"`)
    const hostile = {
      ...grants,
      roles: grants.roles.map((role) => ({ ...role, description: 'a\'b ${c} "d" %{e}' })),
    }
    const hostileBicep = bicepFiles(hostile).get(`main-${SUB.split('/')[2]}.bicep`) ?? ''
    t.ok(hostileBicep.includes(String.raw`'a\'b \${c} "d" %{e}'`))
    t.ok(terraformFile(hostile).includes('"a\'b $${c} \\"d\\" %%{e}"'))
  },
)

t.test('policy export writes files, or to standard output', async (t) => {
  const directory = t.testdir({ 'bindings.yaml': BINDINGS })
  const policyExport = (args: readonly string[]): Promise<Ran> =>
    run(['policy', 'export', ...args], { cwd: SHIPPED })
  const given = [
    '--policies',
    '.',
    '--bindings',
    join(directory, 'bindings.yaml'),
    '--identity',
    'ml-reader',
    '--identity',
    'ml-writer',
  ]
  const roles = await policyExport([...given, '--azure-role'])
  t.equal(roles.status, EXIT.ok)
  t.equal((JSON.parse(roles.out) as unknown[]).length, 3)
  const grants = JSON.parse((await policyExport([...given, '--json'])).out) as Grants
  t.same(
    grants.roles.map(({ guid }) => guid),
    (JSON.parse(roles.out) as { name: string }[]).map(({ name }) => name),
  )
  t.ok(grants.assignments.every(({ role }) => grants.roles.some(({ id }) => id === role)))
  t.equal((await policyExport([...given, '--json', '--bicep'])).status, EXIT.usage)
  t.equal((await policyExport([...given, '--bicep'])).status, EXIT.usage)
  t.equal((await policyExport([...given, '--bicep', '--terraform'])).status, EXIT.usage)
  t.equal(
    (await policyExport([...given, '--bicep', '--out', join(directory, 'o')])).status,
    EXIT.ok,
  )
  t.same((await readdir(join(directory, 'o'))).length, 3)
  t.equal(
    (await policyExport([...given, '--terraform', '--out', join(directory, 'o')])).status,
    EXIT.ok,
  )
  t.match(await readFile(join(directory, 'o', 'main.tf'), 'utf8'), 'azurerm_role_assignment')
  t.equal((await policyExport(['--policies', '.', '--terraform'])).status, EXIT.failed)
})

/** ARM over HTTP, as far as drift asks it. */
async function arm(
  t: Test,
  routes: ReadonlyMap<string, unknown>,
): Promise<(path: string) => Promise<unknown>> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const body = routes.get(`${url.pathname}${url.searchParams.has('page') ? '?page' : ''}`)
    response.statusCode = body === undefined ? 404 : 200
    response.end(JSON.stringify(body ?? {}))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.teardown(() => server.close())
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return async (path) => {
    const response = await fetch(path.startsWith('http') ? path : `${origin}${path}`)
    return JSON.parse((await response.text()).replaceAll('ORIGIN', origin)) as unknown
  }
}

const AUTH = '/providers/Microsoft.Authorization'
const assignment = (scope: string, role: string): object => ({
  properties: { scope, roleDefinitionId: `${SUB}${AUTH}/roleDefinitions/${role}` },
})
const definition = (actions: string[], notActions: string[] = []): object => ({
  properties: { permissions: [{ actions, notActions }] },
})

t.test('drift finds what is missing, what is too much and what comes from above', async (t) => {
  const grants = grantsOf(await loadShipped(t, BINDINGS))
  const only = {
    ...grants,
    assignments: grants.assignments.filter(({ role }) => role === 'data-scientist'),
  }
  const scope = armSpelling(WS)
  const needed = grants.roles.find(({ id }) => id === 'data-scientist')?.actions ?? []
  const fetchArm = await arm(
    t,
    new Map<string, unknown>([
      [
        `${scope}${AUTH}/roleAssignments`,
        {
          value: [assignment(scope, 'ours')],
          nextLink: `ORIGIN${scope}${AUTH}/roleAssignments?page=2`,
        },
      ],
      [
        `${scope}${AUTH}/roleAssignments?page`,
        { value: [assignment(SUB, 'above'), assignment(`${scope}/computes/c`, 'below')] },
      ],
      [
        `${SUB}${AUTH}/roleDefinitions/ours`,
        definition(needed.filter((action) => !action.endsWith('/jobs/write'))),
      ],
      [
        `${SUB}${AUTH}/roleDefinitions/above`,
        definition(
          [`${ML}/workspaces/*`],
          [`${ML}/workspaces/jobs/write`, `${ML}/workspaces/*/read`, `${ML}/workspaces/*/action`],
        ),
      ],
      [`${SUB}${AUTH}/roleDefinitions/below`, definition(['*'])],
    ]),
  )
  const actions = PUBLISHED_ACTIONS.map(({ name }) => name)
  const [drift] = await findDrift(only, new Map([['ml-writer', 'oid']]), actions, fetchArm)
  t.match(drift, { identity: 'ml-writer', scope, inherited: [SUB] })
  t.same(drift?.missing, [`${ML}/workspaces/jobs/write`])
  t.ok(drift?.excess.includes(`${ML}/workspaces/delete`))
  t.notOk(drift?.excess.includes(`${ML}/workspaces/listKeys/action`))
  await t.rejects(findDrift(only, new Map(), actions, fetchArm), /no object id/u)
  const empty = await arm(t, new Map())
  await t.rejects(findDrift(only, new Map([['ml-writer', 'oid']]), actions, empty), /list/u)
})
