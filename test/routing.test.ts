/** Where calls go on Azure's real hosts: a workspace's region is learnt from ARM once, under the permit's identity. */
import t from 'tap'
import { classify } from '../src/azureml/classify.ts'
import { parseTarget } from '../src/azureml/target.ts'
import { createDecide, type Permit } from '../src/policy/decide.ts'
import { createRouting } from '../src/routing.ts'
import type { Asker } from '../src/stages.ts'
import { Grant } from '../src/token/grant.ts'
import { loadFrom, principal } from './policy/support.ts'

const W =
  '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws'

const askerWith = (permit: Permit): Asker => ({
  identity: 'ml-reader',
  principal: principal(),
  async grantFor(scope) {
    t.equal(scope, 'https://management.azure.com/.default')
    return new Grant(permit, { name: 'ml-reader', clientId: null, objectId: null }, 'Bearer x')
  },
})

t.test('a data-plane call goes to the region that ARM names, asked once', async (t) => {
  const set = await loadFrom(t, {
    'x.cedar': '@id("p") @reason("r") @identity("ml-reader") permit (principal, action, resource);',
  })
  const target = parseTarget('GET', `/history/v1.0${W}/runs/one`)
  const operation = classify(target)
  const { permit } = createDecide(set)(principal(), operation, {})
  if (permit === null) throw new Error('policy permits everything here')
  const asked: string[] = []
  const routing = createRouting({
    cloud: { name: 'AzureCloud' },
    publicUrl: 'https://gw.example.com',
    operationKey: null,
    now: Date.now,
    isOnBehalfOf: () => false,
    askArm: async ({ identity }, origin, id) => {
      asked.push(`${identity.name} ${origin}${id}`)
      return { location: 'West US 2' }
    },
  })
  const routes = await Promise.all(
    [1, 2, 3].map(async () => routing.route(operation, target, askerWith(permit))),
  )
  for (const route of routes) {
    t.match(route, { origin: 'https://westus2.api.azureml.ms', path: target.path })
    t.equal(route.scope, 'https://management.azure.com/.default')
  }
  t.same(asked, [`ml-reader https://management.azure.com${W.toLowerCase()}`])
})

t.test('a workspace whose document names no region is refused with the next step', async (t) => {
  const set = await loadFrom(t, {
    'x.cedar': '@id("p") @reason("r") @identity("ml-reader") permit (principal, action, resource);',
  })
  const target = parseTarget('GET', `/history/v1.0${W}/runs/one`)
  const operation = classify(target)
  const { permit } = createDecide(set)(principal(), operation, {})
  if (permit === null) throw new Error('policy permits everything here')
  const routing = createRouting({
    cloud: { name: 'AzureCloud' },
    publicUrl: 'https://gw.example.com',
    operationKey: null,
    now: Date.now,
    isOnBehalfOf: () => false,
    askArm: async () => null,
  })
  await t.rejects(async () => routing.route(operation, target, askerWith(permit)), {
    code: 'upstream_bad_answer',
  })
})
