import t from 'tap'
import { FAMILIES } from '../../src/azureml/dataplane/families.ts'
import { effectOf } from '../../src/azureml/dataplane/global.ts'
import { cedarOf, DATA_PLANE_TYPES } from '../../src/azureml/dataplane/kinds.ts'
import { ACTIONS } from '../../src/vocabulary/actions.ts'
import {
  CEDAR_TYPES,
  cedarTypesOf,
  childTypes,
  findType,
  parentsOf,
  PROVIDER,
  RESOURCE_TYPES,
} from '../../src/vocabulary/resource-types.ts'
import { absent, classified, surface } from '../support/surface.ts'

const words = new Map(ACTIONS.map((word) => [word.name.toLowerCase(), word]))

t.test('no type has two rows, and each has its parent', async (t) => {
  const paths = RESOURCE_TYPES.map(({ path }) => path.toLowerCase())
  t.equal(new Set(paths).size, paths.length)
  for (const { path } of RESOURCE_TYPES) {
    const parent = path.split('/').slice(0, -1).join('/')
    t.ok(parent === '' || findType(parent) !== null, path)
    t.ok(childTypes(parent).includes(path.split('/').at(-1) ?? ''))
  }
})

t.test('no entity type is also a principal’s', async (t) => {
  for (const name of ['User', 'Service', 'Compute', 'Group', 'Role', 'Action']) {
    t.notOk(CEDAR_TYPES.includes(name), name)
  }
  for (const name of CEDAR_TYPES) t.match(name, /^[A-Z][A-Za-z]+$/)
})

t.test('whatever a type is a part of is a type, and ends at the subscription', async (t) => {
  for (const type of CEDAR_TYPES) {
    const parents = parentsOf(type)
    for (const parent of parents) t.ok(CEDAR_TYPES.includes(parent), `${type} in ${parent}`)
    t.equal(parents.at(-1), type === 'Subscription' ? undefined : 'Subscription', type)
  }
  t.same(parentsOf('ModelVersion'), ['Model', 'Workspace', 'Registry', 'Subscription'])
})

t.test('actions of types are spelt as published, in their group', async (t) => {
  let compared = 0
  for (const { path, action = path, cedar } of RESOURCE_TYPES) {
    for (const effect of ['read', 'write', 'delete'] as const) {
      const name = `${PROVIDER}/${action}/${effect}`
      t.ok(cedarTypesOf(name, CEDAR_TYPES).includes(cedar), `${name} is about ${cedar}`)
      // actions that nobody publishes and no client asks for are judged by their group
      const word = words.get(name.toLowerCase())
      if (word === undefined) continue
      compared += 1
      t.equal(word.name, name)
      if (!word.secrets) t.equal(word.group, effect, name)
    }
  }
  t.ok(compared > 150, `${compared}`)
})

t.test('the data plane names known types and published actions', async (t) => {
  for (const type of DATA_PLANE_TYPES) t.ok(CEDAR_TYPES.includes(type), type)
  for (const { action, kind } of FAMILIES.flatMap(({ routes }) => routes)) {
    const name = `${PROVIDER}/${action}`
    const word = words.get(name.toLowerCase())
    if (word === undefined) continue
    t.equal(word.name, name)
    if (!word.secrets) t.equal(word.group, effectOf(action), name)
    t.ok(cedarTypesOf(name, CEDAR_TYPES).includes(cedarOf(kind)), `${name} is about ${kind}`)
  }
})

t.test(
  'every call of the published surface comes to a known action and type',
  { skip: absent },
  async (t) => {
    for (const row of [...surface('operations.json'), ...surface('dataplane.json')]) {
      if ((row.armAction ?? row.action) === null) continue
      const { action, resource } = classified(row)
      if (/\/(?:registrymanagement|assetstore|modelregistry|discovery)\b/.test(row.path)) continue
      t.ok(words.has(action.toLowerCase()), action)
      for (const { type } of [resource, ...resource.ancestors])
        t.ok(CEDAR_TYPES.includes(type), type)
    }
  },
)
