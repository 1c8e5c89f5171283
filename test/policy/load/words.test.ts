import t from 'tap'
import { PUBLISHED_ACTIONS } from '../../../src/vocabulary/actions.ts'
import { BUILTIN_ROLES, patternTest, roleTest } from '../../../src/policy/load/builtin-roles.ts'
import { CEDAR_TYPES, cedarTypesOf } from '../../../src/vocabulary/resource-types.ts'
import { createWords } from '../../../src/policy/load/words.ts'
import { absent, classified, published, surface } from '../../support/surface.ts'
import { ML } from '../support.ts'

const words = createWords()

t.test('our roles are the published ones', { skip: absent }, async (t) => {
  interface Published {
    roleName: string
    id: string
    actions: string[]
    notActions: string[]
  }
  const { roles } = published('builtin-roles.json') as { roles: Published[] }
  const byName = new Map(roles.map((role) => [role.roleName, role]))
  const actions = PUBLISHED_ACTIONS.map(({ name }) => name)
  for (const role of BUILTIN_ROLES) {
    const theirs = byName.get(role.name)
    t.equal(role.id, theirs?.id, role.name)
    const verdict = roleTest({
      ...role,
      actions: theirs?.actions ?? [],
      notActions: theirs?.notActions ?? [],
    })
    t.same(actions.filter(roleTest(role)), actions.filter(verdict), 'the same actions')
  }
  const missing = roles.filter(
    (role) =>
      role.actions.some((action) => action.startsWith(ML)) &&
      !BUILTIN_ROLES.some(({ name }) => name === role.roleName),
  )
  t.same(missing, [])
})

t.test('wildcards match as Azure matches them', async (t) => {
  const cases: readonly (readonly [pattern: string, action: string, matches: boolean])[] = [
    ['*', 'a/b/read', true],
    ['*/read', 'a/b/c/read', true],
    ['*/read', 'a/b/readers', false],
    ['a/*/write', 'a/b/write', true],
    ['a/*/write', 'a/b/c/write', true],
    ['a/*/write', 'a/write', true],
    ['a/*/write', 'ab/write', false],
    ['a/*', 'a/b', true],
    ['a/*', 'a', false],
    ['A/B/READ', 'a/b/read', true],
    ['a/list*/action', 'a/listKeys/action', true],
    ['a.b/read', 'axb/read', false],
    ['a/*/*/read', 'a/read', true],
  ]
  for (const [pattern, action, matches] of cases) {
    t.equal(patternTest(pattern)(action), matches, `${pattern} on ${action}`)
  }
})

t.test(
  'a data scientist cannot create compute, though the wildcard seems to need a segment more',
  async (t) => {
    const role = BUILTIN_ROLES.find(({ name }) => name === 'AzureML Data Scientist')
    if (role === undefined) throw new Error('no such role')
    const covers = roleTest(role)
    for (const action of [
      'computes/write',
      'computes/delete',
      'write',
      'delete',
      'listKeys/action',
      'hubs/write',
    ]) {
      t.notOk(covers(`${ML}/workspaces/${action}`), action)
    }
    for (const action of [
      'read',
      'jobs/write',
      'computes/start/action',
      'datastores/listsecrets/action',
    ]) {
      t.ok(covers(`${ML}/workspaces/${action}`), action)
    }
  },
)

t.test('an operation with secrets is in the group "secrets" and in no other', async (t) => {
  const always = words.actionOf({
    action: `${ML}/workspaces/listKeys/action`,
    effect: 'invoke',
    secrets: true,
  })
  t.match(always, { id: `${ML}/workspaces/listKeys/action`, parents: ['secrets'] })
  const sometimes = { action: `${ML}/registries/assets/write`, effect: 'write' } as const
  t.match(words.actionOf({ ...sometimes, secrets: true }), {
    id: `${ML}/registries/assets/write#secrets`,
    name: `${ML}/registries/assets/write`,
    parents: ['secrets'],
  })
  const plain = words.actionOf({ ...sometimes, secrets: false })
  t.equal(plain.id, `${ML}/registries/assets/write`)
  t.ok(plain.parents.includes('write') && plain.parents.includes('role:AzureML Registry User'))
  const unheard = words.actionOf({
    action: `${ML}/workspaces/x/y/action`,
    effect: 'read',
    secrets: true,
  })
  t.same(unheard.parents, ['secrets'])
})

t.test('names are found in any case and written as published', async (t) => {
  const found = words.actionOf({
    action: `${ML.toUpperCase()}/WORKSPACES/ONLINEENDPOINTS/LISTKEYS/ACTION`,
    effect: 'invoke',
    secrets: false,
  })
  t.match(found, { id: `${ML}/workspaces/onlineendpoints/listkeys/action`, secrets: true })
})

t.test('remembering names that clients invent is bounded', async (t) => {
  const few = createWords()
  for (let i = 0; i < 5000; i++)
    few.actionOf({ action: `${ML}/x${i}/read`, effect: 'read', secrets: false })
  t.same(
    few.actionOf({ action: `${ML}/x4999/read`, effect: 'read', secrets: false }).parents[0],
    'read',
  )
})

t.test(
  'every operation of Azure ML is in the vocabulary, in its group, on a kind that the schema allows',
  { skip: absent },
  async (t) => {
    const known = new Set(words.actions.map(({ id }) => id))
    const rows = surface('operations.json').filter(({ armAction }) => typeof armAction === 'string')
    t.ok(rows.length > 200)
    for (const row of rows) {
      const operation = classified(row)
      const action = words.actionOf(operation)
      t.ok(known.has(action.id), `${row.operationId}: ${action.id} is a word`)
      t.equal(action.secrets, operation.secrets, `${row.operationId}: secrets`)
      const listed = words.actions.find(({ id }) => id === action.id)
      t.equal(listed?.parents[0], action.parents[0], `${row.operationId}: group`)
      const { type } = operation.resource
      t.ok(cedarTypesOf(action.name, CEDAR_TYPES).includes(type), `${row.operationId}: ${type}`)
    }
  },
)
