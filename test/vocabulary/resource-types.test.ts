import { readFileSync } from 'node:fs'
import t from 'tap'
import { childTypes, findType, RESOURCE_TYPES } from '../../src/vocabulary/resource-types.ts'
import { classify } from '../../src/azureml/classify.ts'
import { parseTarget } from '../../src/azureml/target.ts'
import { KNOWN_VERBS } from '../../src/vocabulary/verbs.ts'
import { knownActions, knownTypes } from '../support/vocabulary.ts'
import { absent, fill, locate, surface } from '../support/surface.ts'

const published = (): readonly string[] => {
  const data = JSON.parse(readFileSync(locate('rbac-actions.json'), 'utf8')) as {
    actions: { name: string }[]
  }
  return data.actions.map(({ name }) => name)
}

t.test('no type and no verb has two rows', (t) => {
  const paths = RESOURCE_TYPES.map(({ path }) => path.toLowerCase())
  t.equal(new Set(paths).size, paths.length)
  const verbs = KNOWN_VERBS.map(({ on, verb }) => `${on}/${verb}`.toLowerCase())
  t.equal(new Set(verbs).size, verbs.length)
  t.end()
})

t.test('every type has its parent and every verb its type', (t) => {
  for (const { path } of RESOURCE_TYPES) {
    const parent = path.split('/').slice(0, -1).join('/')
    t.ok(parent === '' || findType(parent) !== null, path)
    t.ok(childTypes(parent).includes(path.split('/').at(-1) ?? ''))
  }
  for (const { on, verb } of KNOWN_VERBS) t.ok(findType(on) !== null, `${on}/${verb}`)
  t.end()
})

t.test('no entity type is also a principal’s', (t) => {
  for (const name of ['User', 'Service', 'Compute', 'Group', 'Role', 'Action']) {
    t.notOk(knownTypes().includes(name), name)
  }
  for (const name of knownTypes()) t.match(name, /^[A-Z][A-Za-z]+$/)
  t.end()
})

t.test('actions that are published are spelt as published', { skip: absent }, (t) => {
  const spelling = new Map(published().map((name) => [name.toLowerCase(), name]))
  t.equal(spelling.size, 324)
  let compared = 0
  for (const { action } of knownActions()) {
    const name = spelling.get(action.toLowerCase())
    if (name === undefined) continue
    t.equal(action, name)
    compared += 1
  }
  t.ok(compared > 200, `${compared} of ${knownActions().length} are published`)
  t.end()
})

/** Published, but reached by no path that any specification has: a call to one of them is refused by name. */
const UNREACHED =
  /\/(?:datadriftdetectors|labeling|notebooks|reports|endpoints\/pipelines|pipelinedrafts|modules|services\/(?:aci|aks)|metadata\/(?:secrets|listsecrets|snapshots\/delete)|managedstorages|evaluations|simulations|assets\/stage|metrics\/resource|hubs|featurestores|agents|modelmonitorings|availableQuota\/default|checkNameAvailability|privateEndpointConnectionsApproval|validate|datasets\/(?:un)?registered|experiments\/runs\/submit|virtualclusters|featuresets\/action|featurestoreentities\/action)/i

t.test('every other published action is one that a call can come to', { skip: absent }, (t) => {
  const known = new Set(knownActions().map(({ action }) => action))
  const types = new Set(RESOURCE_TYPES.map(({ path, action = path }) => action.toLowerCase()))
  for (const name of published()) {
    if (known.has(name) || UNREACHED.test(name)) continue
    const path = name.split('/').slice(1)
    const verb = types.has(path.slice(0, -2).join('/').toLowerCase())
    t.ok(verb, name)
  }
  t.end()
})

t.test('what the tables say and what calls come to is one vocabulary', { skip: absent }, (t) => {
  const known = new Map(knownActions().map((row) => [row.action, row]))
  const operations = [...surface('operations.json'), ...surface('dataplane.json')]
  for (const { method, path, action, armAction } of operations) {
    if ((armAction ?? action) === null) continue
    const target = `${fill(path)}${path.includes('?') ? '' : '?api-version=2024-04-01'}`
    const operation = classify(parseTarget(method, target))
    const row = known.get(operation.action)
    if (
      row === undefined &&
      /\/(?:registrymanagement|assetstore|modelregistry|discovery)\b/.test(path)
    )
      continue
    t.ok(row !== undefined, operation.action)
    t.ok(knownTypes().includes(operation.resource.type), operation.resource.type)
    for (const { type } of operation.resource.ancestors) t.ok(knownTypes().includes(type), type)
  }
  t.end()
})
