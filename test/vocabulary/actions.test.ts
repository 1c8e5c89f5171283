import t from 'tap'
import { FAMILIES } from '../../src/azureml/dataplane/families.ts'
import {
  ACTIONS,
  findPost,
  findVerb,
  POST_EXCEPTIONS,
  PUBLISHED_ACTIONS,
} from '../../src/vocabulary/actions.ts'
import { findType, PROVIDER, RESOURCE_TYPES } from '../../src/vocabulary/resource-types.ts'
import { absent, published } from '../support/surface.ts'

const names = new Set(ACTIONS.map(({ name }) => name))

t.test('our table is the published list of actions', { skip: absent }, async (t) => {
  const { actions } = published('rbac-actions.json') as { actions: { name: string }[] }
  t.equal(actions.length, 324)
  const ours = new Set(PUBLISHED_ACTIONS.map(({ name }) => name))
  t.same([...ours].toSorted(), actions.map(({ name }) => name).toSorted())
})

t.test('no action is in the table twice, nor in two spellings', async (t) => {
  const keys = ACTIONS.map(({ name, secrets }) => `${name.toLowerCase()} ${secrets}`)
  t.equal(new Set(keys).size, keys.length)
  t.equal(new Set([...names].map((name) => name.toLowerCase())).size, names.size)
})

t.test('every exception stands once, on a known type, for a known action', async (t) => {
  const keys = POST_EXCEPTIONS.map(({ on, verb }) => `${on}/${verb}`.toLowerCase())
  t.equal(new Set(keys).size, keys.length)
  for (const { on, verb, action } of POST_EXCEPTIONS) {
    t.not(findType(on), null, `${on}/${verb}`)
    t.ok(names.has(`${PROVIDER}/${action}`), action)
  }
})

t.test('a POST is found in any case and named as published', async (t) => {
  t.same(findVerb('workspaces/onlineEndpoints', 'LISTKEYS'), {
    action: `${PROVIDER}/workspaces/onlineendpoints/listkeys/action`,
    effect: 'invoke',
    secrets: true,
    longRunning: false,
  })
  t.match(findVerb('workspaces', 'Diagnose'), {
    action: `${PROVIDER}/workspaces/diagnose/read`,
    effect: 'invoke',
    longRunning: true,
  })
  t.match(findVerb('workspaces/computes', 'listNodes'), { effect: 'read', secrets: false })
  t.match(findVerb('workspaces/computes', 'restart'), { effect: 'invoke', longRunning: true })
})

t.test('a verb that nobody publishes is named by ARM’s rule, in lower case', async (t) => {
  t.match(findVerb('workspaces/jobs', 'doIt'), {
    action: `${PROVIDER}/workspaces/jobs/doit/action`,
    effect: 'invoke',
    secrets: false,
  })
  t.match(findVerb('workspaces', 'checkJobNameAvailability'), {
    action: `${PROVIDER}/workspaces/checkjobnameavailability/read`,
    effect: 'read',
  })
  for (const verb of ['listNewKeys', 'getSasUri', 'newToken', 'revealPassword'])
    t.ok(findVerb('workspaces/jobs', verb).secrets, `${verb} sounds like secrets`)
})

t.test('a POST without a verb means something in a few places only', async (t) => {
  t.match(findPost('workspaces/batchEndpoints/jobs', ''), { effect: 'write', secrets: false })
  t.match(findPost('registries/dataReferences/versions', '{name}'), { secrets: true })
  t.equal(findPost('workspaces/jobs', ''), null)
  t.equal(findPost('workspaces/jobs', '{name}'), null)
})

/** Published, but reached by no path that any specification has: a call to one of them is refused by name. */
const UNREACHED =
  /\/(?:datadriftdetectors|labeling|notebooks|reports|endpoints\/pipelines|pipelinedrafts|modules|services\/(?:aci|aks)|metadata\/(?:secrets|listsecrets|snapshots\/delete)|managedstorages|evaluations|simulations|assets\/stage|metrics\/resource|hubs|featurestores|agents|modelmonitorings|availableQuota\/default|checkNameAvailability|privateEndpointConnectionsApproval|validate|datasets\/(?:un)?registered|experiments\/runs\/submit|virtualclusters|featuresets\/action|featurestoreentities\/action)/i

t.test('every other published action is one that a call can come to', async (t) => {
  const reached = new Set(
    [
      ...RESOURCE_TYPES.flatMap(({ path, action = path }) =>
        ['read', 'write', 'delete'].map((verb) => `${action}/${verb}`),
      ),
      ...FAMILIES.flatMap(({ routes }) => routes.map(({ action }) => action)),
      ...POST_EXCEPTIONS.map(({ action }) => action),
      // the reads of Azure Monitor below a workspace, and the provider itself
      'workspaces/providers/Microsoft.Insights/diagnosticSettings/read',
      'workspaces/providers/Microsoft.Insights/diagnosticSettings/write',
      'workspaces/providers/Microsoft.Insights/metricDefinitions/read',
      'workspaces/providers/Microsoft.Insights/logDefinitions/read',
      'register/action',
    ].map((action) => `${PROVIDER}/${action}`.toLowerCase()),
  )
  for (const { name } of PUBLISHED_ACTIONS) {
    if (reached.has(name.toLowerCase()) || UNREACHED.test(name)) continue
    const path = name.split('/').slice(1)
    t.equal(path.at(-1), 'action', name)
    t.not(findType(path.slice(0, -2).join('/')), null, name)
  }
})
