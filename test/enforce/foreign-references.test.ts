/**
 * Whatever kind of thing is named, however it is spelt and wherever it stands: nothing out of the workspace passes without
 * its permit, everything of the own workspace passes.
 */
import * as fc from 'fast-check'
import t, { type Test } from 'tap'
import { createHosts } from '../../src/azureml/hosts/hosts.ts'
import { classify } from '../../src/azureml/classify.ts'
import { parseTarget } from '../../src/azureml/target.ts'
import { foreignReferences } from '../../src/enforce/foreign-references.ts'
import { createRegistryPlaces } from '../../src/enforce/lookups/registries.ts'
import type { Enforcement } from '../../src/enforce/enforce.ts'
import { Refusal } from '../../src/errors.ts'
import { progressOf } from '../../src/exchange.ts'
import { createDecide } from '../../src/policy/decide.ts'
import { Grant } from '../../src/token/grant.ts'
import { loadShipped, principal, RG, WS } from '../policy/support.ts'
import { exchangeWith } from '../support/exchange.ts'

// too long for `npm run test:quick`
t.setTimeout(300_000)

const GROUP = 'Group::"entra/t/people"'
const OTHER = WS.replace('ws-lab', 'ws-other')
const OPEN = WS.replace('ws-lab', 'ws-open')
const SHARED = `${RG}/providers/microsoft.machinelearningservices/registries/shared`
const BINDINGS = `
identities: [ml-reader, ml-writer]
bindings:
  - { id: own, template: data-scientist, principal: '${GROUP}', resource: 'Workspace::"${WS}"' }
  - { id: open, template: reader, principal: '${GROUP}', resource: 'Workspace::"${OPEN}"' }
`
const GUID = '33333333-3333-4333-8333-333333333333'
const person = principal({ id: 'entra/t/one', groups: ['entra/t/people'] })

/** Checks the body of a job in ws-lab; the code of the refusal, or null. */
async function checker(t: Test): Promise<(body: unknown) => Promise<string | null>> {
  const set = await loadShipped(t, BINDINGS)
  const decide = createDecide(set)
  const hosts = createHosts({ name: 'AzureCloud' }, 'https://gw.example.com')
  const target = parseTarget('PUT', `${WS}/jobs/j?api-version=2024-04-01`)
  const operation = classify(target)
  const { permit } = decide(person, operation, {})
  if (permit === null) throw new Error('people write jobs')
  const inner: Enforcement = {
    gather: () => Promise.reject(new Error('read already')),
    lookUp: async () => null,
    finish: () => ({ body: null, changes: null }),
    screen: () => null,
  }
  const enforcement = foreignReferences({
    decide,
    callFacts: () => ({}),
    bodyBytes: 1_000_000,
    askedFacts: () => set.facts,
    hosts,
    places: createRegistryPlaces(hosts),
    ask: async (_grant, _decision, _origin, path) =>
      path.includes('/registries/shared/')
        ? {
            registryName: 'shared',
            primaryRegionResourceProviderUri: 'https://eastus.api.azureml.ms/',
            resourceGroup: 'rg-lab',
            subscriptionId: SHARED.split('/')[2],
          }
        : path.startsWith(`${WS}?`)
          ? { properties: { workspaceId: GUID } }
          : null,
  }).around(inner)
  const exchange = exchangeWith({ method: 'PUT', principal: person, operation, target })
  return async (body) => {
    const read = Buffer.from(JSON.stringify(body))
    const gathered = { operation, facts: {}, version: '', content: null, run: null, read }
    const via = {
      permit,
      grantFor: async () =>
        new Grant(permit, { name: 'ml-writer', clientId: null, objectId: null }, 'Bearer token'),
      route: () => Promise.reject(new Error('nothing is routed')),
    }
    try {
      await enforcement.lookUp(exchange, gathered, via, progressOf(exchange))
      return null
    } catch (error) {
      if (error instanceof Refusal) return error.code
      throw error
    }
  }
}

const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,12}[a-z0-9]$/)
const version = fc.constantFrom('/versions/1', '/versions/2.0', '/labels/latest', '')
const kinds = ['models', 'data', 'environments', 'components', 'codes', 'Models', 'DATA'] as const
const things = ['jobs', 'connections', 'onlineEndpoints', 'batchEndpoints', 'schedules'] as const
/** What stands below a workspace. */
const below = fc.oneof(
  fc
    .tuple(fc.constantFrom(...kinds), name, version)
    .map(([kind, one, end]) => `${kind}/${one}${end}`),
  fc.tuple(fc.constantFrom(...things), name).map(([kind, one]) => `${kind}/${one}`),
  name.map((one) => `datastores/${one}`),
  name.map((one) => `datastores/${one}/paths/a%20b/c`),
  name.map((one) => `jobs/${one}/outputs/model`),
)
const cased = (text: string): fc.Arbitrary<string> =>
  fc.constantFrom(
    text,
    text.toUpperCase(),
    text.replace('resourcegroups', 'resourceGroups'),
    text.replace('microsoft.machinelearningservices', 'Microsoft.MachineLearningServices'),
  )
const SPELLINGS: readonly ((id: string) => string)[] = [
  (id) => id,
  (id) => id.slice(1),
  (id) => `azureml:${id}`,
  (id) => `azureml:/${id}`,
  (id) => `azureml:/${id.replace(/\/providers\/microsoft\.machinelearningservices/i, '')}`,
  (id) => `AzureML:/${id}`,
  (id) => `azureml:azureml:${id}`,
  (id) => ` ${id} `,
  (id) => `${id}/`,
  (id) => `https://management.azure.com${id}`,
  (id) => `azureml://eastus.api.azureml.ms/mferp/managementfrontend${id}`,
]
/** A reference to something in a workspace. */
const reference = (workspace: string): fc.Arbitrary<string> =>
  fc
    .tuple(cased(workspace), below, fc.constantFrom(...SPELLINGS))
    .map(([id, rest, spell]) => spell(`${id}/${rest}`))
const key = fc.constantFrom(
  'inputs', 'uri', 'model', 'assetId', 'environmentId', 'properties', 'jobs', 'x', 'Y_z', 'settings', 'componentId', 'value',
  'resources', 'userAssignedIdentities', 'services', 'unknown', 'a/b', 'description2', 'paramOverrides',
) // prettier-ignore
/** A body that has `text` somewhere, among other things. */
const bodyWith = (text: fc.Arbitrary<string>): fc.Arbitrary<unknown> =>
  fc
    .tuple(
      text,
      fc.array(fc.tuple(key, fc.boolean()), { minLength: 1, maxLength: 6 }),
      fc.boolean(),
    )
    .map(([value, way, asKey]) =>
      way.reduceRight<unknown>(
        (inner, [step, list]) => ({ [step]: list ? ['text', 1, inner, null] : inner, other: true }),
        asKey ? { [value]: {} } : value,
      ),
    )

void t.test('nothing of another workspace passes without its permit', async (t) => {
  const check = await checker(t)
  await fc.assert(
    fc.asyncProperty(bodyWith(reference(OTHER)), async (body) => (await check(body)) !== null),
    { numRuns: 2_000 },
  )
})

void t.test('everything of the own workspace passes', async (t) => {
  const check = await checker(t)
  const own = fc.oneof(
    reference(WS),
    below
      .map((rest) => `azureml://${rest}`)
      .filter((text) => /:\/\/(?:datastores|jobs|models|data)\//.test(text)),
    fc.tuple(name, fc.constantFrom(':1', '@latest')).map(([one, end]) => `azureml:${one}${end}`),
    below.map((rest) => `azureml://locations/eastus/workspaces/${GUID}/${rest}`),
    fc.string().filter((text) => !/azureml|subscriptions/i.test(text)),
  )
  await fc.assert(
    fc.asyncProperty(bodyWith(own), async (body) => (await check(body)) === null),
    { numRuns: 2_000 },
  )
})

void t.test('what the caller may read elsewhere passes, and to run there is more', async (t) => {
  const check = await checker(t)
  await fc.assert(
    fc.asyncProperty(bodyWith(reference(OPEN)), async (body) => (await check(body)) === null),
    { numRuns: 1_000 },
  )
  t.equal(await check({ computeId: `${OPEN}/computes/gpu` }), 'policy_refused')
})

void t.test('registries, other providers and what cannot be resolved are refused', async (t) => {
  const check = await checker(t)
  const odd = fc.oneof(
    below.map((rest) => `azureml://registries/shared/${rest}`),
    below.map((rest) => `azureml://registries/nowhere/${rest}`),
    below.map((rest) => `${SHARED}/${rest}`),
    below.map((rest) => `azureml://locations/eastus/workspaces/${GUID.replace('3', '4')}/${rest}`),
    below.map((rest) => `${WS}/../ws-other/${rest}`),
    below.map((rest) => `${OTHER.replace('/workspaces', '//workspaces')}/${rest}`),
    below.map((rest) => `azureml://${OTHER.slice(1).replaceAll('/', '%2F')}/${rest}`),
    below.map((rest) => `${WS}/models/m/versions/1 ${OTHER}/${rest}`),
    below.map((rest) => `${OTHER.replace('machinelearningservices', 'somethingelse')}/${rest}`),
    name.map((one) => `azureml://${one}.example/x`),
    name.map((one) => `${RG}/providers/microsoft.managedidentity/userassignedidentities/${one}`),
    name.map((one) => `${RG}/providers/Microsoft.Storage/storageAccounts/${one}`),
    fc.constant(RG),
  )
  await fc.assert(
    fc.asyncProperty(bodyWith(odd), async (body) => (await check(body)) !== null),
    { numRuns: 2_000 },
  )
  t.equal(await check({ registryName: 'shared' }), 'policy_refused')
})
